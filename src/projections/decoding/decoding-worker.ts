/** The program of the threads that decode telemetry (decoding-threads.ts). */
import { threadId } from 'node:worker_threads';
import {
  columnsInPlace,
  foldedChunk,
  readColumns,
  type PackedColumns,
} from '../../domain/telemetry/chunk.js';
import { EncodedLines, LineRange } from '../../domain/telemetry/column-codec/decode.js';
import { UNKNOWN_ROUTES } from '../../domain/telemetry/routes/shown.js';
import { deflateCompression } from '../../platform/compression.js';
import { serveTasks, type Done } from '../../platform/thread-pool.js';
import { contentsOf } from '../chunk-index/contents.js';
import type { ChunkPartials } from '../metrics/partials.js';
import { partialsOf } from '../metrics/sum-up.js';
import type { ChunkToDecode, Decoded, DecodedChunk, DecodingTask, Stretch } from './decoding-threads.js';
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
const NOWHERE: Stretch = { memory: 0, from: 0, to: 0 };

const names = new NameWriter(threadId);

serveTasks(({ memory, stripes, chunks }: DecodingTask): Done => {
  const transfer: ArrayBuffer[] = [];
  names.begin();
  const bytesAt = ({ memory: number, from, to }: Stretch): Uint8Array =>
    memory[number]?.subarray(from, to) ?? NOTHING;
  const encoded: (EncodedLines | undefined)[] = [];
  const encodedAt = (stripe: number): EncodedLines =>
    (encoded[stripe] ??= new EncodedLines(bytesAt(stripes[stripe] ?? NOWHERE), deflateCompression));
  const columnsOf = (chunk: ChunkToDecode): PackedColumns => {
    const { id, header } = chunk;
    const metadata = { chunk: header };
    if ('bytes' in chunk) return columnsInPlace({ id, data: bytesAt(chunk.bytes), metadata });
    const lines = new LineRange(encodedAt(chunk.stripe), chunk.from, chunk.to);
    return readColumns({ id, data: NOTHING, metadata, lines });
  };
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
