import { meetsSpan } from '../../domain/time-spans.js';
import type { EventFilter, RecordedEvent } from '../event-store.js';
import { FRAME_BYTES, leafHash, type Header } from './format.js';
import type { Frames } from './frames.js';
import type { IndexedCommit } from './log-index.js';
import {
  isTruncation,
  payloadBytes,
  readEvent,
  readKey,
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
  /** Their leaf hashes. */
  leaves(): readonly Buffer[];
  /** A record's payload: what is hashed. Of one that is dropped, or out of which events were cut, what is left of it. */
  payload(i: number): Buffer;
  /** The numbers of the events that were cut out of a record, ascending. */
  gone(i: number): readonly number[];
  /** About how many bytes a record has. */
  bytesOf(i: number): number;
  /** A record as readers see it; undefined where they do not. */
  event(i: number, filter?: CompiledFilter): RecordedEvent | undefined;
  /** What the index is to know of them. */
  forIndex(): IndexedCommit;
}

/** A commit in memory, as bytes that checked out; its events are parsed when somebody wants them, once. */
export class Commit implements RecordRun {
  readonly #events: (RecordedEvent | undefined)[] = [];

  constructor(
    readonly segment: Segment,
    /** Where it starts in its segment. */
    readonly offset: number,
    readonly header: Header,
    /** All of its frames, in their order; mostly in one part. */
    private readonly parts: readonly PlacedFrames[],
  ) {}

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
    const { bytes, at } = this.#frame(i);
    if (isTruncation(bytes, at)) return undefined;
    if (filter && !filter(bytes, at)) return undefined;
    return (this.#events[i] ??= readEvent(bytes, at, this.number + i));
  }

  leaves(): Buffer[] {
    return this.parts.flatMap(({ bytes, starts }) => Array.from(starts, (at) => leafHash(bytes, at)));
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
    return bytes.subarray(at + FRAME_BYTES, at + FRAME_BYTES + payloadBytes(bytes, at));
  }

  /** Each record's stream, revision and kind, for checking. */
  *keys(): Iterable<ReturnType<typeof readKey>> {
    for (const { bytes, starts } of this.parts) for (const at of starts) yield readKey(bytes, at);
  }

  #frame(i: number): { readonly bytes: Buffer; readonly offset: number; readonly at: number } {
    let before = 0;
    for (const { bytes, offset, starts } of this.parts) {
      const at = starts[i - before];
      if (at !== undefined) return { bytes, offset, at };
      before += starts.length;
    }
    throw new RangeError(`a commit of ${this.count} records has none with index ${i}`);
  }
}

const NONE: readonly number[] = [];

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
