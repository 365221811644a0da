/** The program of the threads that decode telemetry (decoding-threads.ts). */
import { foldedChunk, readColumns, type PackedColumns } from '../../domain/telemetry/chunk.js';
import { EncodedLines, LineRange } from '../../domain/telemetry/column-codec/decode.js';
import { UNKNOWN_ROUTES } from '../../domain/telemetry/routes/shown.js';
import { deflateCompression } from '../../platform/compression.js';
import { serveTasks, type Done } from '../../platform/thread-pool.js';
import { contentsOf } from '../chunk-index/contents.js';
import { PartialsPacker } from '../metrics/packed-partials.js';
import { partialsOf } from '../metrics/partials.js';
import type { ChunkToDecode, Decoded, DecodedChunk, DecodingTask } from './decoding-threads.js';

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

const NOTHING = new Uint8Array(0);

serveTasks(({ bytes, stripes, chunks }: DecodingTask): Done => {
  const transfer: ArrayBuffer[] = [];
  const packer = new PartialsPacker();
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
      return { contents: contentsOf(folded), partials: packer.add(partialsOf(folded)) };
    } catch {
      return undefined;
    }
  };
  const decoded = chunks.map(decode);
  const partials = packer.packed();
  transfer.push(partials.numbers.buffer, partials.buckets.buffer);
  return { result: { chunks: decoded, partials } satisfies Decoded, transfer };
});
