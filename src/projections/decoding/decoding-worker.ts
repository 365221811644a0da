/** The program of the threads that decode telemetry (decoding-threads.ts). */
import { threadId } from 'node:worker_threads';
import { foldedChunk, readColumns, type PackedColumns } from '../../domain/telemetry/chunk.js';
import { EncodedLines, LineRange } from '../../domain/telemetry/column-codec/decode.js';
import { UNKNOWN_ROUTES } from '../../domain/telemetry/routes/shown.js';
import { deflateCompression } from '../../platform/compression.js';
import { serveTasks, type Done } from '../../platform/thread-pool.js';
import { contentsOf } from '../chunk-index/contents.js';
import type { ChunkPartials } from '../metrics/partials.js';
import { partialsOf } from '../metrics/sum-up.js';
import type { ChunkToDecode, Decoded, DecodedChunk, DecodingTask } from './decoding-threads.js';
import { NameWriter } from './names.js';

const buffersOf = (columns: PackedColumns): readonly ArrayBuffer[] => {
  const { times, statuses, durations, types, services, routes, paths, methods, weights } = columns;
  return [
    times,
    statuses,
    durations,
    ...[types, services, routes, paths, methods].map(({ ids }) => ids),
    weights,
  ]
    .filter((column) => column !== undefined)
    .map(({ buffer }) => buffer as ArrayBuffer);
};

const partsOf = ({ numbers, statuses, status_ends, buckets, bucket_ends }: Omit<ChunkPartials, 'series'>) =>
  [numbers, statuses, status_ends, buckets, bucket_ends].map(({ buffer }) => buffer as ArrayBuffer);

const NOTHING = new Uint8Array(0);

const names = new NameWriter(threadId);

serveTasks(({ bytes, stripes, chunks }: DecodingTask): Done => {
  const transfer: ArrayBuffer[] = [];
  names.begin();
  const encoded: (EncodedLines | undefined)[] = [];
  const encodedAt = (stripe: number): EncodedLines => {
    const { from = 0, to = 0 } = stripes[stripe] ?? {};
    return (encoded[stripe] ??= new EncodedLines(bytes.subarray(from, to), deflateCompression));
  };
  const columnsOf = ({ id, header, from, to, stripe }: ChunkToDecode): PackedColumns =>
    stripe === undefined
      ? readColumns({ id, data: bytes.subarray(from, to), metadata: { chunk: header } })
      : readColumns({
          id,
          data: NOTHING,
          metadata: { chunk: header },
          lines: new LineRange(encodedAt(stripe), from, to),
        });
  const decode = (chunk: ChunkToDecode): DecodedChunk | undefined => {
    try {
      const columns = columnsOf(chunk);
      if (columns.paths.values.some((path) => path !== '')) {
        transfer.push(...buffersOf(columns));
        return { columns };
      }
      const folded = foldedChunk(columns, UNKNOWN_ROUTES);
      const { series, ...partials } = partialsOf(folded);
      transfer.push(...partsOf(partials));
      return { contents: contentsOf(folded), partials: { ...partials, series: names.numbersOf(series) } };
    } catch {
      return undefined;
    }
  };
  const decoded = chunks.map(decode);
  return { result: { chunks: decoded, names: names.added() } satisfies Decoded, transfer };
});
