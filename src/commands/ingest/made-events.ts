import type { EventColumns } from '../../domain/telemetry/columns.js';
import type { TelemetryEvent } from '../../domain/telemetry/event.js';
import { MAX_AHEAD_MS } from '../../domain/telemetry/event-limits.js';
import { boundsOf, readEvent, receiptOf, type Reading, type ReadLimits } from './read-events.js';

/** Events that a request in another format was read into. */
export interface MadeEvents {
  /** The events' JSON texts, a line break between them. Nobody reads them any more when they are stored or refused. */
  readonly lines: Buffer;
  readonly count: number;
  /** The format; its requests share no identity with another's. */
  readonly format: string;
  /**
   * What was received, where the same bytes again can only be the same request again: it then stores nothing twice.
   * Absent where two requests may be alike and both be meant.
   */
  readonly identity?: Buffer;
  /** What is known of the events from making them; absent: they are read like a batch. */
  readonly known?: KnownEvents;
}

/** Events as {@link MadeEvents} has them. */
export const linesOf = (events: readonly TelemetryEvent[]): Pick<MadeEvents, 'lines' | 'count'> => ({
  lines: Buffer.from(events.map((event) => JSON.stringify(event)).join('\n')),
  count: events.length,
});

/** What the reader of a batch would say of the events of {@link MadeEvents}, said by who made them. */
export interface KnownEvents {
  /** Where each begins in the lines and ends, without its line break. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Epoch milliseconds as the events say them; NaN: no time. */
  readonly times: Float64Array;
  readonly columns: EventColumns;
  /** Where in each event the client's id is, and its length: it has one, and all are of one length. */
  readonly id: { readonly offset: number; readonly length: number };
  /** Events that may be what no event may be, ascending: they are checked. The others are known to be valid. */
  readonly unchecked: readonly number[];
}

/**
 * Events whose maker knows them, as {@link readBatch} reads them; undefined where one of them is not valid, or not by
 * these limits: then that one is to say which and why.
 */
export const readMade = (lines: Buffer, known: KnownEvents, limits: ReadLimits): Reading | undefined => {
  const { starts, ends, columns, unchecked } = known;
  const receipt = receiptOf(limits);
  const bounds = boundsOf(limits);
  const { time_offset_ms } = receipt;
  const latest = limits.now + MAX_AHEAD_MS;
  const times = new Float64Array(known.times.length);
  for (let i = 0; i < times.length; i += 1) {
    const time = (known.times[i] ?? NaN) + time_offset_ms;
    times[i] = time;
    if (time < bounds.oldest_time || time > latest) return undefined;
    if ((ends[i] ?? 0) - (starts[i] ?? 0) > bounds.bytes) return undefined;
  }
  for (const i of unchecked)
    if (!('event' in readEvent(lines, starts[i] ?? 0, ends[i] ?? 0, receipt, bounds))) return undefined;
  return {
    received: {
      body: lines,
      ...{ starts, ends, times },
      ...(time_offset_ms !== 0 && { time_offset_ms }),
      // One event is as soon scanned where it is read.
      ...(starts.length > 1 && { columns }),
      client_ids: { bytes: lines, starts, ...known.id },
    },
    rejected: [],
  };
};
