import type { Brand, EventId } from '../domain/ids.js';
import type { JsonObject } from '../domain/json.js';
import type { Provenance } from '../domain/provenance.js';
import type { LineRange } from '../domain/telemetry/column-codec/decode.js';
import type { ChunkHeader, Receipt } from '../domain/telemetry/chunk-header.js';
import type { Sifted, Sought } from '../domain/telemetry/query/sift.js';
import type { TimeSpan } from '../domain/time-spans.js';

/** Names a stream, as architecture lists them: `tenant-ten_…`, `rule-rul_…`. Never empty, never `$…`. */
export type StreamName = Brand<string, 'StreamName'>;

/** An event's number in its stream: 0, 1, 2, … without a gap. */
export type Revision = Brand<number, 'Revision'>;

/**
 * A place in the log's one order over all streams: 16 lower-case hexadecimal digits, so that positions
 * compare as strings. Opaque otherwise: gaps are allowed, and what they count differs between stores.
 */
export type Position = Brand<string, 'Position'>;

/** Before the first event. */
export const START = '0000000000000000' as Position;

export type EventMetadata = Provenance & { readonly chunk?: ChunkHeader };

/**
 * Binary data that is not in one piece yet. A store that knows where it will stand has it written there, so that
 * many megabytes a second are copied once.
 */
export class BytesInPieces {
  /** `write` puts all `length` bytes into a buffer from an offset on, the same each time. */
  constructor(
    readonly length: number,
    readonly write: (into: Buffer, offset: number) => void,
  ) {}

  /** In one piece of its own. */
  whole(): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.length);
    this.write(bytes, 0);
    return bytes;
  }
}

/** An event to append. Binary data is stored as it is; an object is stored as its JSON text. */
export interface NewEvent {
  readonly id: EventId;
  readonly type: string;
  readonly schema_version: number;
  readonly data: JsonObject | Uint8Array | BytesInPieces;
  readonly metadata: EventMetadata;
}

export interface RecordedEvent extends NewEvent {
  readonly data: JsonObject | Uint8Array;
  readonly stream: StreamName;
  readonly revision: Revision;
  readonly position: Position;
  /** The lines that the data are, where the store keeps them in columns: what folds need is read without the data. */
  readonly lines?: LineRange;
  /** The numbers in the chunk of the events that the data are, where others are set aside or were cut out. */
  readonly kept?: readonly number[];
}

/** An event whose data stand in memory that is used again: `insist` is called when they are asked for, and throws once they are gone. */
export const withLentData = ({ data, ...head }: RecordedEvent, insist: () => void): RecordedEvent => ({
  ...head,
  get data() {
    insist();
    return data;
  },
});

/**
 * Some events in the log's order. `position` is how far the log was looked at, at or after the last event:
 * with a filter it goes on where no event matches.
 */
export interface EventBatch {
  readonly events: readonly RecordedEvent[];
  readonly position: Position;
  /** True where the log's end was reached with this batch. */
  readonly caught_up: boolean;
  /**
   * Given where events were lent: to be called when nobody looks at their binary data any more, which then cannot be
   * had. Twice is the same as once.
   */
  readonly release?: () => void;
}

export interface SubscribeOptions {
  /**
   * True where binary data may stand in memory that is used again: whoever subscribes so releases each batch. Otherwise
   * it is there for as long as somebody has the event.
   */
  readonly lent?: boolean;
}

export interface EventFilter {
  /** Event types to deliver; absent: all. */
  readonly types?: readonly string[];
  /** Only streams whose name begins with this. */
  readonly stream_prefix?: string;
  /** Of telemetry only chunks that may have events of these stretches of time, which are joined. */
  readonly times?: readonly TimeSpan[];
}

/** A chunk of telemetry to be looked through. */
export interface ChunkPlace {
  readonly chunk: EventId;
  readonly stream: StreamName;
  readonly revision: Revision;
  /** The numbers of its events that count as not there. */
  readonly without?: readonly number[];
}

/** What was found in a chunk, with what its events are shown with. */
export interface SiftedChunk extends Sifted {
  readonly receipt: Receipt;
  readonly recorded_at: string;
}

/**
 * Memory for what is read of a log, so many bytes at a time, in the order of what stands in it. Who gives the same again
 * is done with the events whose data are views of it.
 */
export type Room = (bytes: number) => Buffer;

/** The reading half of the log. The writing half is {@link EventLogWriter}, which only the command pipeline may hold. */
export interface EventLog {
  /** The events of one stream from a revision on, oldest first; ends at the stream's end. A missing stream is empty. */
  readStream(stream: StreamName, options?: { from?: Revision; limit?: number }): AsyncIterable<RecordedEvent>;

  /**
   * Every event after a position up to the log's end as it is when the end is reached, in bounded batches. What is
   * read in one piece is read into `room` where it is given; a store may pass it over.
   */
  readAll(after: Position, filter?: EventFilter, room?: Room): AsyncIterable<EventBatch>;

  /**
   * Every event after a position: those there are, then those to come, without gap or repeat, until the signal
   * aborts (the iteration then ends). Resumes by itself when the store went away. Pulled: nothing is read ahead
   * beyond one bounded batch. A batch with `caught_up` comes at least once, an empty one where nothing is there.
   */
  subscribe(
    after: Position,
    filter: EventFilter,
    signal: AbortSignal,
    options?: SubscribeOptions,
  ): AsyncIterable<EventBatch>;

  /**
   * Looks through chunks of telemetry; what it found is in the places' order, undefined where the log does not show
   * the chunk or knows without reading it that it holds nothing.
   */
  sift(places: readonly ChunkPlace[], sought: Sought): Promise<readonly (SiftedChunk | undefined)[]>;

  /** The position of the last event, or START. */
  head(): Promise<Position>;

  /** Whether the store can take writes now, and why not. */
  health(): Promise<StoreHealth>;
}

export interface StoreHealth {
  readonly status: 'ok' | 'disk_full' | 'halted' | 'unreachable';
  readonly detail?: string;
}

/** The store cannot do it now. `disk_full` and `unreachable` may pass; `halted` needs a restart with verification. */
export class EventStoreUnavailable extends Error {
  constructor(
    readonly reason: 'disk_full' | 'halted' | 'unreachable' | 'closed',
    message: string,
  ) {
    super(message);
    this.name = 'EventStoreUnavailable';
  }
}

/** The log on disk is not what was written. Nothing starts on such a log. */
export class LogCorrupt extends Error {
  constructor(
    readonly segment: string,
    readonly offset: number,
    readonly detail: string,
  ) {
    super(`${segment} is corrupt at byte ${String(offset)}: ${detail}`);
    this.name = 'LogCorrupt';
  }
}

export const toPosition = (value: number | bigint): Position =>
  value.toString(16).padStart(16, '0') as Position;

/** How far a position is on the way to another, from 0 to 1; good enough to show, whatever positions count. */
export const shareOf = (position: Position, until: Position): number =>
  Math.min(1, Number.parseInt(position, 16) / Math.max(1, Number.parseInt(until, 16)));

/** Reads a position from outside; undefined where the text is none. */
export const parsePosition = (text: string): Position | undefined =>
  /^[0-9a-f]{16}$/.test(text) ? (text as Position) : undefined;
