import { isUtf8 } from 'node:buffer';
import { MAX_COLUMN_EVENTS } from '../../domain/telemetry/columns.js';
import type { Receipt } from '../../domain/telemetry/chunk-header.js';
import { TelemetryEvent } from '../../domain/telemetry/event.js';
import { MAX_AHEAD_MS, MAX_EVENT_BYTES } from '../../domain/telemetry/event-limits.js';
import { EventScanner } from '../../domain/telemetry/scan/event-scanner.js';
import { clockOffset, readSentAt } from '../../domain/telemetry/sender-clock.js';
import { EARLIEST_TIME, timeOf } from '../../domain/telemetry/time.js';
import { isWeighted, weightFault } from '../../domain/telemetry/weight.js';
import { compile } from '../../platform/validation.js';
import type { Received } from './received.js';
import { deeperThan, split, type BatchFormat, type BrokenBody, type Elements } from './split.js';

/** An event of a batch that was not stored. */
export interface RejectedEvent {
  /** Its place in the batch, from 0. */
  readonly index: number;
  /** The client's own id of it. */
  readonly id?: string;
  /** JSON pointer into the event. */
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
  /** Whether sending the same event again can succeed. */
  readonly retryable: boolean;
}

/** A body's events: those that may be stored with their places in the body, and the others by name. */
export interface Reading {
  readonly received: Received;
  /** In the order of their places in the batch. */
  readonly rejected: readonly RejectedEvent[];
}

/** The places of the received events in the batch: those that the rejected ones leave. */
export const placesOf = ({ received, rejected }: Reading): readonly number[] => {
  const taken = new Set(rejected.map(({ index }) => index));
  const all = Array.from({ length: received.starts.length + taken.size }, (_, index) => index);
  return all.filter((index) => !taken.has(index));
};

export type ReadOutcome =
  ({ readonly ok: true } & Reading) | { readonly ok: false; readonly code: string; readonly detail: string };

export interface ReadLimits {
  readonly events: number;
  /** When the request came, in epoch milliseconds. */
  readonly now: number;
  /** What its sender's clock said then; given, what the body says of it does not count. */
  readonly sent_at?: number | undefined;
  /** Bytes of an event's JSON text; absent: as many as are possible. */
  readonly event_bytes?: number | undefined;
  /** Events that happened before this time, in epoch milliseconds, are not taken; absent: none is too old. */
  readonly oldest_time?: number | undefined;
}

/** What holds for each event. */
interface EventBounds {
  readonly bytes: number;
  readonly oldest_time: number;
}

/** By what the times of events are read that came then. */
export const receiptOf = ({ now, sent_at }: Pick<ReadLimits, 'now' | 'sent_at'>): Required<Receipt> => ({
  received_at: now,
  time_offset_ms: sent_at === undefined ? 0 : clockOffset(sent_at, now),
});

export const boundsOf = ({
  event_bytes = MAX_EVENT_BYTES,
  oldest_time = EARLIEST_TIME,
}: Pick<ReadLimits, 'event_bytes' | 'oldest_time'>): EventBounds => ({
  bytes: Math.min(event_bytes, MAX_EVENT_BYTES),
  oldest_time: Math.max(oldest_time, EARLIEST_TIME),
});

/** Nesting beyond which an event is not looked into any further. */
const MAX_DEPTH = 32;
/** `{"type":"a"}` */
const MIN_EVENT_BYTES = 12;
const LF = 0x0a;
const SPACE = 0x20;

const validate = compile(TelemetryEvent);

const notUtf8: ReadOutcome = { ok: false, code: 'not_utf8', detail: 'The body is not valid UTF-8.' };

/** Reads a body of many events. */
export const readBatch = (body: Buffer, format: BatchFormat, limits: ReadLimits): ReadOutcome => {
  if (!isUtf8(body)) return notUtf8;
  const reader = new EventsReader(body, format, limits, limits.events);
  const broken = split(body, format, limits.events, reader);
  if (broken) return { ok: false, ...broken };
  // Said behind the events, which are then read once more.
  if (reader.late_sent_at !== undefined)
    return readBatch(body, format, { ...limits, sent_at: reader.late_sent_at });
  return { ok: true, ...reader.reading() };
};

/** Reads a body that is one event. */
export const readOne = (body: Buffer, limits: Omit<ReadLimits, 'events'>): ReadOutcome => {
  if (!isUtf8(body)) return notUtf8;
  const start = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  const reader = new EventsReader(body, 'json', limits, 0);
  if (reader.scan(start) === body.length) reader.keep(start, body.length);
  else reader.parse(start, body.length);
  return { ok: true, ...reader.reading() };
};

const scanner = new EventScanner();

/** Where events begin and end, and their times: room that one reader after another writes into. */
let room = { starts: new Int32Array(1_024), ends: new Int32Array(1_024), times: new Float64Array(1_024) };

/** Twice the room, with what is there. */
const grow = (): void => {
  const length = 2 * room.starts.length;
  const { starts, ends, times } = room;
  room = { starts: new Int32Array(length), ends: new Int32Array(length), times: new Float64Array(length) };
  room.starts.set(starts);
  room.ends.set(ends);
  room.times.set(times);
};

/** Reads events where they stand in a body them: scans what is plain, and parses and checks what is not. */
class EventsReader implements Elements {
  #count = 0;
  /** From the first event on that has one. */
  #client_ids: (string | undefined)[] | undefined;
  readonly #rejected: RejectedEvent[] = [];
  /** Events that columns are made for. */
  readonly #columned: number;
  #receipt: Required<Receipt>;
  readonly #bounds: EventBounds;
  /** What the sender's clock said, where that is known only now and would have changed the events' times. */
  late_sent_at: number | undefined;

  constructor(
    private readonly body: Buffer,
    private readonly format: BatchFormat,
    private readonly limits: Omit<ReadLimits, 'events'>,
    /** Columns are made for so many events at most: one is as soon scanned again where it is read. */
    events: number,
  ) {
    const most = Math.min(events, Math.ceil(body.length / MIN_EVENT_BYTES));
    this.#columned = Math.min(most, MAX_COLUMN_EVENTS);
    scanner.begin(body, this.#columned);
    this.#receipt = receiptOf(limits);
    this.#bounds = boundsOf(limits);
  }

  sentAt(start: number, end: number): BrokenBody | undefined {
    const sent_at = readSentAt(valueOf(this.body.toString('utf8', start, end)));
    if (Number.isNaN(sent_at)) return invalidSentAt;
    if (this.limits.sent_at !== undefined) return undefined;
    const receipt = receiptOf({ ...this.limits, sent_at });
    if (this.#place === 0) this.#receipt = receipt;
    else if (receipt.time_offset_ms !== 0) this.late_sent_at = sent_at;
    return undefined;
  }

  scan(start: number): number {
    const end = scanner.scan(start);
    if (end < 0 || (scanner.broken_line && this.format === 'ndjson') || end - start > this.#bounds.bytes)
      return -1;
    const time = this.#time;
    return time < this.#bounds.oldest_time || time > this.limits.now + MAX_AHEAD_MS ? -1 : end;
  }

  keep(start: number, end: number): void {
    if (this.#count < this.#columned) scanner.keep();
    this.#accept(start, end, this.#time, scanner.id);
  }

  /** Of the event that was scanned last. */
  get #time(): number {
    return scanner.time + this.#receipt.time_offset_ms;
  }

  parse(start: number, end: number): void {
    const found = readEvent(this.body, start, end, this.#receipt, this.#bounds);
    if ('event' in found) {
      if (this.#count < this.#columned) scanner.columns.add(found.event);
      this.#accept(start, end, found.time, found.event.id);
    } else this.#rejected.push({ index: this.#place, ...found, retryable: false });
  }

  /** The place in the batch of the event that comes next. */
  get #place(): number {
    return this.#count + this.#rejected.length;
  }

  #accept(start: number, end: number, time: number, id: string | undefined): void {
    const index = this.#count++;
    if (index === room.starts.length) grow();
    room.starts[index] = start;
    room.ends[index] = end;
    room.times[index] = time;
    if (id !== undefined) this.#client_ids ??= new Array<undefined>(index).fill(undefined);
    this.#client_ids?.push(id);
  }

  reading(): Reading {
    const count = this.#count;
    // Of one event a list is as good, and there are many such requests.
    const starts = count === 1 ? [room.starts[0] ?? 0] : room.starts.slice(0, count);
    const ends = count === 1 ? [room.ends[0] ?? 0] : room.ends.slice(0, count);
    const times = count === 1 ? [room.times[0] ?? NaN] : room.times.slice(0, count);
    const received: Writable<Received> = {
      body: onOneLine(this.body, { starts, ends }),
      starts,
      ends,
      times,
    };
    const { time_offset_ms } = this.#receipt;
    if (time_offset_ms !== 0) received.time_offset_ms = time_offset_ms;
    if (this.#place > 1 && count <= this.#columned) received.columns = scanner.columns.columns();
    if (this.#client_ids) received.client_ids = this.#client_ids;
    return { received, rejected: this.#rejected };
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

interface Fault {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

const invalidSentAt: BrokenBody = {
  code: 'invalid_sent_at',
  detail: 'sent_at is a time by RFC 3339, or milliseconds since 1970.',
};

/** A JSON text's value; undefined where it is none. */
const valueOf = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
};

const fault = (code: string, detail: string, pointer = ''): Fault => ({ pointer, code, detail });

/** An event and the time that it says (NaN: it says none), or what is wrong with it. */
export const readEvent = (
  body: Buffer,
  start: number,
  end: number,
  receipt: Receipt,
  { bytes, oldest_time }: EventBounds,
): { readonly event: TelemetryEvent; readonly time: number } | (Fault & { readonly id?: string }) => {
  if (end - start > bytes) return fault('event_too_large', `An event may have ${bytes} bytes.`);
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8', start, end));
  } catch {
    return fault('invalid_json', 'The event is not valid JSON.');
  }
  const validated = validate(value);
  if (!validated.ok) {
    // What is valid is nearly flat, so depth is looked at only here. The parser itself does not recurse.
    if (deeperThan(body, start, end, MAX_DEPTH))
      return fault('too_deep', `An event may be nested ${MAX_DEPTH} deep.`);
    const [first = fault('invalid', 'The event is not valid.')] = validated.errors;
    return { ...first, ...idOf(value) };
  }
  const event = validated.value;
  const weighed = isWeighted(event) ? weightFault(event) : undefined;
  if (weighed) return { ...weighed, ...idOf(value) };
  if (event.timestamp === undefined) return { event, time: NaN };
  const time = timeOf(event.timestamp, receipt);
  const { received_at } = receipt;
  if (time >= oldest_time && time <= received_at + MAX_AHEAD_MS) return { event, time };
  return { ...timeFault(time, received_at, oldest_time), ...idOf(value) };
};

const timeFault = (time: number, received_at: number, oldest_time: number): Fault => {
  if (time > received_at)
    return fault('timestamp_in_future', 'A time may be 24 hours ahead of ours.', '/timestamp');
  return time >= EARLIEST_TIME && time < oldest_time
    ? fault('timestamp_too_old', 'The event is older than telemetry is kept.', '/timestamp')
    : fault('invalid_timestamp', 'A time is RFC 3339, or milliseconds since 1970.', '/timestamp');
};

const idOf = (value: unknown): { readonly id?: string } =>
  typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string'
    ? { id: value.id }
    : {};

/**
 * A body in which no event has a line break. In valid JSON a raw one is white space between tokens, so a blank in its
 * place changes no value.
 */
const onOneLine = (body: Buffer, { starts, ends }: Pick<Received, 'starts' | 'ends'>): Buffer => {
  let copy: Buffer | undefined;
  let break_at = body.indexOf(LF);
  for (let i = 0; i < starts.length && break_at >= 0; i += 1) {
    const start = starts[i] ?? 0;
    const end = ends[i] ?? 0;
    if (break_at < start) break_at = body.indexOf(LF, start);
    while (break_at >= 0 && break_at < end) {
      copy ??= Buffer.from(body);
      copy[break_at] = SPACE;
      break_at = body.indexOf(LF, break_at + 1);
    }
  }
  return copy ?? body;
};
