import { availableParallelism } from 'node:os';
import type { EventId } from '../../domain/ids.js';
import {
  bytesOf,
  giveColumns,
  TELEMETRY_RECORDED,
  type PackedColumns,
} from '../../domain/telemetry/chunk.js';
import type { ChunkHeader } from '../../domain/telemetry/chunk-header.js';
import type { EventBatch, RecordedEvent } from '../../eventstore/event-store.js';
import { ThreadPool } from '../../platform/thread-pool.js';
import { readAhead } from './read-ahead.js';

/** The compiled program of the threads that decode telemetry. */
export const decodingProgram = new URL('./decoding-worker.js', import.meta.url);

/** Chunks to decode: their bytes one after the other in one buffer, which moves to the thread and back. */
export interface DecodingTask {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly chunks: readonly {
    readonly id: EventId;
    readonly from: number;
    readonly to: number;
    readonly header: ChunkHeader;
  }[];
}

export interface Decoded {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of each chunk; undefined where it cannot be read: whoever folds it says why. */
  readonly columns: readonly (PackedColumns | undefined)[];
}

/** Makes what is read of a log ready to be folded, ahead of whoever folds it. */
export type Ahead = (batches: AsyncIterable<EventBatch>) => AsyncIterable<EventBatch>;

export interface DecodingOptions {
  /** Telemetry events from which on threads are worth their start. */
  readonly worth_it: number;
  /** Of a chunk with fewer events, handing over takes longer than reading. */
  readonly few: number;
  readonly threads: number;
}

const MOST_THREADS = 4;

/** One processor is left to whoever folds. */
const defaults = (): DecodingOptions => ({
  worth_it: 100_000,
  few: 100,
  threads: Math.max(1, Math.min(MOST_THREADS, availableParallelism() - 1)),
});

/** Batches in the making for each thread: one that it works on, one that it goes on with. */
const EACH = 2;
/** Room for a batch as the embedded log cuts them. */
const USUAL_BYTES = 4_500_000;

/**
 * Decodes telemetry in threads of their own while what came before it is folded. A chunk's columns are what its bytes
 * say, whoever reads them, so the documents are the same as without; where a thread cannot help, the fold reads the
 * chunk itself.
 */
export const decodingAhead = (program: URL, given: Partial<DecodingOptions> = {}): Ahead => {
  const { worth_it, few, threads: size } = { ...defaults(), ...given };
  return async function* (batches) {
    let threads: ThreadPool | undefined;
    let met = 0;
    const spare: Uint8Array<ArrayBuffer>[] = [];
    const prepare = async ({ events }: EventBatch): Promise<void> => {
      const chunks = events.filter((event) => isRaw(event, few));
      if (met < worth_it) {
        for (const { metadata } of chunks) met += metadata.chunk?.count ?? 0;
        return;
      }
      if (chunks.length === 0) return;
      threads ??= new ThreadPool(program, size);
      await decode(threads, chunks, spare).catch(() => undefined);
    };
    try {
      yield* readAhead(batches, prepare, EACH * size);
    } finally {
      await threads?.close();
    }
  };
};

/** What is stored in columns has no bytes to hand over: asking for its data makes them. */
const isRaw = (event: RecordedEvent, few: number): boolean =>
  event.type === TELEMETRY_RECORDED &&
  !event.lines &&
  (event.metadata.chunk?.count ?? 0) >= few &&
  event.data instanceof Uint8Array;

const decode = async (
  threads: ThreadPool,
  events: readonly RecordedEvent[],
  spare: Uint8Array<ArrayBuffer>[],
): Promise<void> => {
  const size = events.reduce((sum, event) => sum + bytesOf(event).length, 0);
  const bytes = roomFor(size, spare);
  let from = 0;
  const chunks = events.map((event) => {
    const own = bytesOf(event);
    bytes.set(own, from);
    const chunk = { id: event.id, from, to: from + own.length, header: event.metadata.chunk as ChunkHeader };
    from = chunk.to;
    return chunk;
  });
  const decoded = await threads.run<Decoded>({ bytes, chunks } satisfies DecodingTask, [bytes.buffer]);
  spare.push(decoded.bytes);
  for (const [index, event] of events.entries()) {
    const columns = decoded.columns[index];
    if (columns) giveColumns(event, columns);
  }
};

/** A buffer that came back, where there is one that is large enough: making one anew costs as much as filling it. */
const roomFor = (size: number, spare: Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> => {
  const known = spare.pop();
  return known && known.length >= size ? known : new Uint8Array(Math.max(size, USUAL_BYTES));
};
