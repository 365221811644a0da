import { availableParallelism } from 'node:os';
import type { EventId } from '../../domain/ids.js';
import { bytesOf, TELEMETRY_RECORDED } from '../../domain/telemetry/stored-chunk.js';
import { giveColumns, type PackedColumns } from '../../domain/telemetry/chunk.js';
import type { ChunkHeader } from '../../domain/telemetry/chunk-header.js';
import type { EncodedLines, LineRange } from '../../domain/telemetry/column-codec/decode.js';
import type { EventBatch, RecordedEvent } from '../../eventstore/event-store.js';
import { ThreadPool } from '../../platform/thread-pool.js';
import { giveContents, type ChunkContents } from '../chunk-index/contents.js';
import { givePartials } from '../metrics/given-partials.js';
import type { ChunkPartials, NamedSeries } from '../metrics/partials.js';
import { NameReader, type AddedNames } from './names.js';
import { readAhead } from './read-ahead.js';

/** The compiled program of the threads that decode telemetry. */
export const decodingProgram = new URL('./decoding-worker.js', import.meta.url);

/** Where some bytes stand among those of a task. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** A chunk by its bytes; or, where it is stored in columns, by its lines in one of the task's stripes. */
export interface ChunkToDecode extends Stretch {
  readonly id: EventId;
  readonly header: ChunkHeader;
  readonly stripe?: number;
}

/** Memory that all threads see: nothing is copied or moved on the way there, and it is used again for the next task. */
type Shared = Uint8Array<SharedArrayBuffer>;

/** Chunks to decode: their bytes one after the other. */
export interface DecodingTask {
  readonly bytes: Shared;
  readonly stripes: readonly Stretch[];
  readonly chunks: readonly ChunkToDecode[];
}

/** A chunk's columns where the route book says what its routes are, and otherwise what folds make of it. */
export type DecodedChunk =
  | { readonly columns: PackedColumns }
  | {
      readonly contents: ChunkContents;
      readonly partials: Omit<ChunkPartials, 'series'> & {
        /** The numbers of their names. */
        readonly series: Uint32Array;
      };
    };

export interface Decoded {
  /** Undefined for a chunk that cannot be read: whoever folds it says why. */
  readonly chunks: readonly (DecodedChunk | undefined)[];
  readonly names: AddedNames;
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

/** One processor is left to whoever folds, reads the log and collects garbage: on two, a second thread gains nothing. */
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
 * Decodes telemetry in threads of their own, and sums it up there, while what came before it is folded. What a chunk
 * says is in its bytes, whoever reads them, so the documents are the same as without; where a thread cannot help, the
 * fold reads the chunk itself.
 */
export const decodingAhead = (program: URL, given: Partial<DecodingOptions> = {}): Ahead => {
  const { worth_it, few, threads: size } = { ...defaults(), ...given };
  return async function* (batches) {
    let threads: ThreadPool | undefined;
    let met = 0;
    const memory: Memory = { spare: [], names: new NameReader() };
    const prepare = async ({ events }: EventBatch): Promise<void> => {
      const chunks = events.filter((event) => isLarge(event, few));
      if (met < worth_it) {
        for (const { metadata } of chunks) met += metadata.chunk?.count ?? 0;
        return;
      }
      if (chunks.length === 0) return;
      threads ??= new ThreadPool(program, size);
      await decode(threads, chunks, memory).catch(() => undefined);
    };
    try {
      yield* readAhead(batches, prepare, EACH * size);
    } finally {
      await threads?.close();
    }
  };
};

/** Data of what is stored in columns are not looked at: they would be made. */
const isLarge = (event: RecordedEvent, few: number): boolean =>
  event.type === TELEMETRY_RECORDED &&
  (event.metadata.chunk?.count ?? 0) >= few &&
  (event.lines !== undefined || event.data instanceof Uint8Array);

/** What is kept from one task to the next. */
interface Memory {
  readonly spare: Shared[];
  readonly names: NameReader;
}

const decode = async (
  threads: ThreadPool,
  events: readonly RecordedEvent[],
  { spare, names }: Memory,
): Promise<void> => {
  const task = taskOf(events, spare);
  const decoded = await threads.run<Decoded>(task);
  spare.push(task.bytes);
  const known = names.take(decoded.names);
  for (const [index, event] of events.entries()) {
    const chunk = decoded.chunks[index];
    if (!chunk) continue;
    if ('columns' in chunk) giveColumns(event, chunk.columns);
    else if (known) {
      giveContents(event, chunk.contents);
      const series = Array.from(chunk.partials.series, (number) => known[number] as NamedSeries);
      givePartials(event, { ...chunk.partials, series });
    }
  }
};

/** Chunks with copies of what is stored of them; of those that share a stripe with one copy of that. */
const taskOf = (events: readonly RecordedEvent[], spare: Shared[]): DecodingTask => {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const add = (bytes: Uint8Array): Stretch => {
    const from = size;
    pieces.push(bytes);
    size += bytes.length;
    return { from, to: size };
  };
  const stripes = new Map<EncodedLines, Stretch & { readonly stripe: number }>();
  const stripeOf = ({ encoded }: LineRange): number => {
    const known = stripes.get(encoded) ?? { ...add(encoded.bytes), stripe: stripes.size };
    stripes.set(encoded, known);
    return known.stripe;
  };
  const chunks = events.map((event): ChunkToDecode => {
    const { id, lines } = event;
    const header = event.metadata.chunk as ChunkHeader;
    return lines
      ? { id, header, from: lines.from, to: lines.to, stripe: stripeOf(lines) }
      : { id, header, ...add(bytesOf(event)) };
  });
  const bytes = roomFor(size, spare);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return { bytes, stripes: [...stripes.values()], chunks };
};

/** Memory that a task is done with, where there is some that is large enough. */
const roomFor = (size: number, spare: Shared[]): Shared => {
  const known = spare.pop();
  return known && known.length >= size
    ? known
    : new Uint8Array(new SharedArrayBuffer(Math.max(size, USUAL_BYTES)));
};
