import { isAscii, isUtf8 } from 'node:buffer';
import { MAX_AHEAD_MS, MAX_EVENT_BYTES, TelemetryEvent, timeOf } from '../../domain/telemetry/event.js';
import { compile } from '../../platform/validation.js';
import type { Received } from './received.js';
import { deeperThan, MAX_DEPTH, split, type BatchFormat, type Slices } from './split.js';

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
  if (!isUtf8(body)) return notUtf8;
  const slices = split(body, format, limits.events);
  return slices.ok ? { ok: true, ...readSlices(body, slices, limits.now) } : slices;
};

/** Reads a body that is one event. */
export const readOne = (body: Buffer, now: number): ReadOutcome => {
  if (!isUtf8(body)) return notUtf8;
  const too_deep = deeperThan(body, 0, body.length, MAX_DEPTH);
  const bom = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  const slices = { starts: [bom], ends: [body.length], too_deep: new Set(too_deep ? [0] : []) };
  return { ok: true, ...readSlices(body, slices, now) };
};

interface Fault {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

const fault = (code: string, detail: string, pointer = ''): Fault => ({ pointer, code, detail });

const readSlices = (body: Buffer, { starts, ends, too_deep }: Slices, now: number): Reading => {
  // Of bytes that are all ASCII one string is made, and the events' texts are views of it.
  const ascii = isAscii(body) ? body.toString('latin1') : undefined;
  const accepted = { starts: [] as number[], ends: [] as number[], times: [] as number[] };
  const indexes: number[] = [];
  const rejected: RejectedEvent[] = [];
  const latest = now + MAX_AHEAD_MS;

  for (let index = 0; index < starts.length; index += 1) {
    const start = starts[index] ?? 0;
    const end = ends[index] ?? 0;
    const reject = (found: Fault, id?: unknown): void => {
      rejected.push({ index, ...(typeof id === 'string' && { id }), ...found, retryable: false });
    };
    if (end - start > MAX_EVENT_BYTES) {
      reject(fault('event_too_large', `An event may have ${MAX_EVENT_BYTES} bytes.`));
      continue;
    }
    if (too_deep.has(index)) {
      reject(fault('too_deep', `An event may be nested ${MAX_DEPTH} deep.`));
      continue;
    }
    let value: unknown;
    try {
      value = JSON.parse(ascii === undefined ? body.toString('utf8', start, end) : ascii.slice(start, end));
    } catch {
      reject(fault('invalid_json', 'The event is not valid JSON.'));
      continue;
    }
    const validated = validate(value);
    if (!validated.ok) {
      const [first = fault('invalid', 'The event is not valid.')] = validated.errors;
      reject(first, idOf(value));
      continue;
    }
    const { timestamp, id } = validated.value;
    const time = timestamp === undefined ? NaN : timeOf(timestamp, now);
    if (timestamp !== undefined && !(time <= latest)) {
      reject(
        Number.isNaN(time)
          ? fault('invalid_timestamp', 'A time is RFC 3339, or milliseconds since 1970.', '/timestamp')
          : fault('timestamp_in_future', 'A time may be 24 hours ahead of ours.', '/timestamp'),
        id,
      );
      continue;
    }
    accepted.starts.push(start);
    accepted.ends.push(end);
    accepted.times.push(time);
    indexes.push(index);
  }
  return { received: { body: onOneLine(body, accepted), ...accepted }, indexes, rejected };
};

const idOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined;

/**
 * A body in which no event has a line break. In valid JSON a raw one is white space between tokens, so a blank in its
 * place changes no value.
 */
const onOneLine = (body: Buffer, { starts, ends }: Omit<Received, 'body'>): Buffer => {
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
