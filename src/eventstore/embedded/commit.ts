import { meetsSpan } from '../../domain/time-spans.js';
import type { EventFilter, RecordedEvent } from '../event-store.js';
import { FRAME_BYTES, leafHash, type Header } from './format.js';
import type { Frames } from './frames.js';
import type { LentMemory } from './lent-memory.js';
import type { IndexedCommit } from './log-index.js';
import {
  isTruncation,
  payloadBytes,
  readEvent,
  readKey,
  readLentEvent,
  readStreamName,
  readTimes,
  readType,
} from './record.js';
import { runsOf } from './runs.js';
import type { Segment } from './segments.js';

/** Some of a commit's frames in memory. */
export interface PlacedFrames extends Frames {
  /** Where the bytes' first one stands in the segment. */
  readonly offset: number;
}

/** Records in memory that follow each other: a commit, or what a sealed segment holds of several. */
export interface RecordRun {
  /** Of its first record. */
  readonly number: number;
  readonly count: number;
  readonly last: number;
  /** The log's chain after the last of them. */
  readonly chain: Buffer;
  /** What they stand in, where that is used again. */
  readonly memory?: readonly LentMemory[];
  /** Their leaf hashes. */
  leaves(): readonly Buffer[];
  /** A record's payload: what is hashed. Of one that is dropped, or out of which events were cut, what is left of it. */
  payload(i: number): Buffer;
  /** The numbers of the events that were cut out of a record, ascending. */
  gone(i: number): readonly number[];
  /** About how many bytes a record has. */
  bytesOf(i: number): number;
  /** A record as readers see it, with data of its own; undefined where they do not see it. */
  event(i: number, filter?: CompiledFilter): RecordedEvent | undefined;
  /** The same with data that can be had as long as the records' memory is held. */
  lentEvent(i: number, filter?: CompiledFilter): RecordedEvent | undefined;
  /** What the index is to know of them. */
  forIndex(): IndexedCommit;
}

/** A commit in memory, as bytes that checked out; its events are parsed when somebody wants them, once. */
export class Commit implements RecordRun {
  readonly memory: readonly LentMemory[];
  readonly #events: (RecordedEvent | undefined)[] = [];
  readonly #lent: (RecordedEvent | undefined)[] = [];

  constructor(
    readonly segment: Segment,
    /** Where it starts in its segment. */
    readonly offset: number,
    readonly header: Header,
    /** All of its frames, in their order; mostly in one part. */
    private readonly parts: readonly PlacedFrames[],
  ) {
    this.memory = parts.flatMap(({ memory }) => memory ?? []);
  }

  /** The number of its first record. */
  get number(): number {
    return this.header.number;
  }

  get count(): number {
    return this.header.count;
  }

  get last(): number {
    return this.header.number + this.header.count - 1;
  }

  get bytes(): number {
    return this.header.length;
  }

  get chain(): Buffer {
    return this.header.chain;
  }

  bytesOf(i: number): number {
    const { bytes, at } = this.#frame(i);
    return payloadBytes(bytes, at);
  }

  event(i: number, filter?: CompiledFilter): RecordedEvent | undefined {
    const { bytes, at, memory } = this.#frame(i);
    if (!isShown(bytes, at, filter)) return undefined;
    return (this.#events[i] ??= memory
      ? readEvent(Buffer.from(bytes.subarray(at, frameEnd(bytes, at))), 0, this.number + i)
      : readEvent(bytes, at, this.number + i));
  }

  lentEvent(i: number, filter?: CompiledFilter): RecordedEvent | undefined {
    const { bytes, at, memory } = this.#frame(i);
    if (!memory) return this.event(i, filter);
    if (!isShown(bytes, at, filter)) return undefined;
    return (this.#lent[i] ??= readLentEvent(bytes, at, this.number + i, memory));
  }

  leaves(): Buffer[] {
    return this.parts.flatMap(({ bytes, starts, memory }) => {
      memory?.insist();
      return Array.from(starts, (at) => leafHash(bytes, at));
    });
  }

  forIndex(): IndexedCommit {
    const { number, count, offset, header } = this;
    const keys = Array.from({ length: count }, (_, i) => {
      const { bytes, offset: start, at } = this.#frame(i);
      return {
        ...readKey(bytes, at),
        number: number + i,
        offset: start + at,
        bytes: FRAME_BYTES + payloadBytes(bytes, at),
        times: readTimes(bytes, at),
      };
    });
    return { number, count, offset, chain: header.chain, runs: runsOf(keys) };
  }

  /** Segments are encoded anew where something is cut out of them: of what is in this form nothing is. */
  gone(): readonly number[] {
    return NONE;
  }

  /** A record's payload: what is hashed. */
  payload(i: number): Buffer {
    const { bytes, at } = this.#frame(i);
    return bytes.subarray(at + FRAME_BYTES, frameEnd(bytes, at));
  }

  /** Each record's stream, revision and kind, for checking. */
  *keys(): Iterable<ReturnType<typeof readKey>> {
    for (const { bytes, starts, memory } of this.parts) {
      memory?.insist();
      for (const at of starts) yield readKey(bytes, at);
    }
  }

  #frame(i: number): FrameInMemory {
    let before = 0;
    for (const { bytes, offset, starts, memory } of this.parts) {
      const at = starts[i - before];
      if (at !== undefined) {
        memory?.insist();
        return { bytes, offset, at, memory };
      }
      before += starts.length;
    }
    throw new RangeError(`a commit of ${this.count} records has none with index ${i}`);
  }
}

const NONE: readonly number[] = [];

interface FrameInMemory {
  readonly bytes: Buffer;
  readonly offset: number;
  readonly at: number;
  readonly memory: LentMemory | undefined;
}

const frameEnd = (bytes: Buffer, at: number): number => at + FRAME_BYTES + payloadBytes(bytes, at);

const isShown = (bytes: Buffer, at: number, filter: CompiledFilter | undefined): boolean =>
  !isTruncation(bytes, at) && (!filter || filter(bytes, at));

/** A filter that looks at a frame before it is parsed. */
export type CompiledFilter = (buffer: Buffer, at: number) => boolean;

export const compileFilter = (filter: EventFilter): CompiledFilter | undefined => {
  const { types, stream_prefix: prefix, times } = filter;
  if (!types && !prefix && !times) return undefined;
  const wanted = types && new Set(types);
  return (buffer, at) => {
    if (wanted && !wanted.has(readType(buffer, at))) return false;
    if (prefix && !readStreamName(buffer, at).startsWith(prefix)) return false;
    const happened = times && readTimes(buffer, at);
    return !happened || meetsSpan(times, happened);
  };
};
