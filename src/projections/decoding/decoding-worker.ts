/** The program of the threads that decode telemetry (decoding-threads.ts). */
import { readColumns, type PackedColumns } from '../../domain/telemetry/chunk.js';
import { serveTasks, type Done } from '../../platform/thread-pool.js';
import type { Decoded, DecodingTask } from './decoding-threads.js';

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

serveTasks(({ bytes, chunks }: DecodingTask): Done => {
  const transfer: ArrayBuffer[] = [bytes.buffer];
  const columns = chunks.map(({ id, from, to, header }) => {
    try {
      const read = readColumns({ id, data: bytes.subarray(from, to), metadata: { chunk: header } });
      transfer.push(...buffersOf(read));
      return read;
    } catch {
      return undefined;
    }
  });
  return { result: { bytes, columns } satisfies Decoded, transfer };
});
