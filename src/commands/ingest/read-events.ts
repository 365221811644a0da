import { isAscii, isUtf8 } from 'node:buffer';
import { ColumnsBuilder, MAX_COLUMN_EVENTS } from '../../domain/telemetry/columns.js';
import { MAX_AHEAD_MS, MAX_EVENT_BYTES, TelemetryEvent, timeOf } from '../../domain/telemetry/event.js';
import { isWeighted, weightFault } from '../../domain/telemetry/weight.js';
import { compile } from '../../platform/validation.js';
import type { Received } from './received.js';
import { deeperThan, guessSplit, split, type BatchFormat, type Slices } from './split.js';

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
  /** The places of the received events in the batch. */
  readonly indexes: readonly number[];
  readonly rejected: readonly RejectedEvent[];
}

export type ReadOutcome =
  ({ readonly ok: true } & Reading) | { readonly ok: false; readonly code: string; readonly detail: string };

/** Nesting beyond which an event is not looked into any further. */
const MAX_DEPTH = 32;
const LF = 0x0a;
const SPACE = 0x20;

const validate = compile(TelemetryEvent);

const notUtf8: ReadOutcome = { ok: false, code: 'not_utf8', detail: 'The body is not valid UTF-8.' };

/** Reads a body of many events. */
export const readBatch = (
  body: Buffer,
  format: BatchFormat,
  limits: { readonly events: number; readonly now: number },
): ReadOutcome => {
  const ascii = isAscii(body) ? body.toString('latin1') : undefined;
  if (ascii === undefined && !isUtf8(body)) return notUtf8;
  const guessed = ascii !== undefined && format === 'json' ? guessSplit(ascii, limits.events) : undefined;
  const quick = guessed && readSlices(body, ascii, guessed, limits.now, true);
  if (quick) return { ok: true, ...quick };
  const slices = split(body, format, limits.events);
  return slices.ok ? { ok: true, ...readSlices(body, ascii, slices, limits.now, false) } : slices;
};

/** Reads a body that is one event. */
export const readOne = (body: Buffer, now: number): ReadOutcome => {
  if (!isUtf8(body)) return notUtf8;
  const start = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  return { ok: true, ...readSlices(body, undefined, { starts: [start], ends: [body.length] }, now, false) };
};

interface Fault {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

const fault = (code: string, detail: string, pointer = ''): Fault => ({ pointer, code, detail });

/**
 * Reads what stands in the slices of a body; `ascii` is the body as text where its characters are its bytes.
 * With `guessed` slices: undefined where one of them does not parse, which may be the guess's fault.
 */
function readSlices(
  body: Buffer,
  ascii: string | undefined,
  slices: Slices,
  now: number,
  guessed: false,
): Reading;
function readSlices(
  body: Buffer,
  ascii: string | undefined,
  slices: Slices,
  now: number,
  guessed: true,
): Reading | undefined;
function readSlices(
  body: Buffer,
  ascii: string | undefined,
  { starts, ends }: Slices,
  now: number,
  guessed: boolean,
): Reading | undefined {
  const accepted = { starts: [] as number[], ends: [] as number[], times: [] as number[] };
  const client_ids: (string | undefined)[] = [];
  let has_ids = false;
  const indexes: number[] = [];
  const rejected: RejectedEvent[] = [];
  // For one event there is less to do in parsing it again.
  const columns =
    starts.length > 1 && starts.length <= MAX_COLUMN_EVENTS ? new ColumnsBuilder(starts.length) : undefined;
  for (let index = 0; index < starts.length; index += 1) {
    const start = starts[index] ?? 0;
    const end = ends[index] ?? 0;
    const found = readEvent(body, ascii, start, end, now);
    if ('event' in found) {
      columns?.add(found.event);
      accepted.starts.push(start);
      accepted.ends.push(end);
      accepted.times.push(found.time);
      client_ids.push(found.event.id);
      has_ids ||= found.event.id !== undefined;
      indexes.push(index);
    } else if (guessed && (found.code === 'invalid_json' || found.code === 'event_too_large'))
      return undefined;
    else rejected.push({ index, ...found, retryable: false });
  }
  return {
    received: {
      body: onOneLine(body, accepted),
      ...accepted,
      ...(columns && { columns: columns.columns() }),
      ...(has_ids && { client_ids }),
    },
    indexes,
    rejected,
  };
}

/** An event and the time that it says (NaN: it says none), or what is wrong with it. */
const readEvent = (
  body: Buffer,
  ascii: string | undefined,
  start: number,
  end: number,
  now: number,
): { readonly event: TelemetryEvent; readonly time: number } | (Fault & { readonly id?: string }) => {
  if (end - start > MAX_EVENT_BYTES)
    return fault('event_too_large', `An event may have ${MAX_EVENT_BYTES} bytes.`);
  let value: unknown;
  try {
    value = JSON.parse(ascii === undefined ? body.toString('utf8', start, end) : ascii.slice(start, end));
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
  const time = timeOf(event.timestamp, now);
  if (time <= now + MAX_AHEAD_MS) return { event, time };
  return Number.isNaN(time)
    ? {
        ...fault('invalid_timestamp', 'A time is RFC 3339, or milliseconds since 1970.', '/timestamp'),
        ...idOf(value),
      }
    : {
        ...fault('timestamp_in_future', 'A time may be 24 hours ahead of ours.', '/timestamp'),
        ...idOf(value),
      };
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
