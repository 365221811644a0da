import { availableParallelism } from 'node:os';
import type { EventId } from '../../domain/ids.js';
import { bytesOf, TELEMETRY_RECORDED } from '../../domain/telemetry/stored-chunk.js';
import { giveColumns, type PackedColumns } from '../../domain/telemetry/chunk.js';
import type { ChunkHeader } from '../../domain/telemetry/chunk-header.js';
import type { EncodedLines, LineRange } from '../../domain/telemetry/column-codec/decode.js';
import type { EventBatch, RecordedEvent, Room } from '../../eventstore/event-store.js';
import { copyBytes } from '../../platform/copy-bytes.js';
import { ThreadPool } from '../../platform/thread-pool.js';
import { giveContents, type ChunkContents } from '../chunk-index/contents.js';
import { givePartials } from '../metrics/given-partials.js';
import type { ChunkPartials, NamedSeries } from '../metrics/partials.js';
import { NameReader, type AddedNames } from './names.js';
import { readAhead } from './read-ahead.js';
import { LentBatch, SharedMemory, type Shared } from './shared-memory.js';

/** The compiled program of the threads that decode telemetry. */
export const decodingProgram = new URL('./decoding-worker.js', import.meta.url);

/** Where some bytes stand: in which of a task's memories, and where there. */
export interface Stretch {
  readonly memory: number;
  readonly from: number;
  readonly to: number;
}

/** A chunk by its bytes; or, where it is stored in columns, by its lines in one of the task's stripes. */
export type ChunkToDecode = { readonly id: EventId; readonly header: ChunkHeader } & (
  { readonly bytes: Stretch } | { readonly stripe: number; readonly from: number; readonly to: number }
);

/** Chunks to decode, and where what is stored of them is. */
export interface DecodingTask {
  readonly memory: readonly Shared[];
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

/**
 * Makes what is read of a log ready to be folded, ahead of whoever folds it. The data of a batch's events are there
 * until the next batch is asked for.
 */
export type Ahead = (read: (room?: Room) => AsyncIterable<EventBatch>) => AsyncIterable<EventBatch>;

export interface DecodingOptions {
  /** Telemetry events from which on threads are worth their start. */
  readonly worth_it: number;
  /** Of a chunk with fewer events, handing over takes longer than reading. */
  readonly few: number;
  readonly threads: number;
}

const MOST_THREADS = 4;

/** For a process that has nothing else to do: whoever folds does half as much as one of them. */
export const allProcessors = (): number => Math.min(MOST_THREADS, availableParallelism());

/** Beside a server one processor is left to those whom it answers. */
const defaults = (): DecodingOptions => ({
  worth_it: 20_000,
  few: 100,
  threads: Math.max(1, Math.min(MOST_THREADS, availableParallelism() - 1)),
});

/** Batches in the making for each thread: one that it works on, one that it goes on with. */
const EACH = 2;

/**
 * Decodes telemetry in threads of their own, and sums it up there, while what came before it is folded. What a chunk
 * says is in its bytes, whoever reads them, so the documents are the same as without; where a thread cannot help, the
 * fold reads the chunk itself.
 */
export const decodingAhead = (program: URL, given: Partial<DecodingOptions> = {}): Ahead => {
  const { worth_it, few, threads: size } = { ...defaults(), ...given };
  return async function* (read) {
    let threads: ThreadPool | undefined;
    let met = 0;
    const memory = new SharedMemory();
    const names = new NameReader();
    const prepare = async (batch: EventBatch): Promise<LentBatch> => {
      const lent = new LentBatch(batch, memory);
      const chunks = lent.events.filter((event) => isLarge(event, few));
      if (met < worth_it) for (const { metadata } of chunks) met += metadata.chunk?.count ?? 0;
      if (chunks.length === 0 || met < worth_it) return lent;
      threads ??= new ThreadPool(program, size);
      await decode(threads, chunks, memory, names).catch(() => undefined);
      return lent;
    };
    try {
      for await (const batch of readAhead(read(memory.room), prepare, EACH * size)) {
        yield batch;
        batch.giveBack();
      }
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

const decode = async (
  threads: ThreadPool,
  events: readonly RecordedEvent[],
  memory: SharedMemory,
  names: NameReader,
): Promise<void> => {
  const { task, copies } = taskOf(events, memory);
  const decoded = await threads.run<Decoded>(task);
  memory.giveBack(copies);
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

/**
 * Chunks with where their bytes are. What does not stand in memory that threads see is copied there; of what several
 * share, a stripe, there is one copy.
 */
const taskOf = (
  events: readonly RecordedEvent[],
  memory: SharedMemory,
): { readonly task: DecodingTask; readonly copies: Shared } => {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const copied = (bytes: Uint8Array): Stretch => {
    const from = size;
    pieces.push(bytes);
    size += bytes.length;
    return { memory: 0, from, to: size };
  };
  const seen: Shared[] = [];
  const bytesAt = (event: RecordedEvent): Stretch => {
    const bytes = bytesOf(event);
    const shared = memory.holding(event);
    if (!shared) return copied(bytes);
    if (!seen.includes(shared)) seen.push(shared);
    const from = bytes.byteOffset;
    return { memory: 1 + seen.indexOf(shared), from, to: from + bytes.length };
  };
  const stripes = new Map<EncodedLines, Stretch & { readonly stripe: number }>();
  const stripeOf = ({ encoded }: LineRange): number => {
    const known = stripes.get(encoded) ?? { ...copied(encoded.bytes), stripe: stripes.size };
    stripes.set(encoded, known);
    return known.stripe;
  };
  const chunks = events.map((event): ChunkToDecode => {
    const { id, lines } = event;
    const header = event.metadata.chunk as ChunkHeader;
    return lines
      ? { id, header, stripe: stripeOf(lines), from: lines.from, to: lines.to }
      : { id, header, bytes: bytesAt(event) };
  });
  const copies = memory.take(size);
  let at = 0;
  for (const piece of pieces) {
    copyBytes(piece, copies, at);
    at += piece.length;
  }
  return { task: { memory: [copies, ...seen], stripes: [...stripes.values()], chunks }, copies };
};
