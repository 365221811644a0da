import { placesOf, readBatch, readOne, type ReadOutcome } from '../../src/commands/ingest/read-events.js';
import { columnsOf, cut, pack, timesOf } from '../../src/commands/ingest/received.js';
import { deeperThan, split, type BatchFormat } from '../../src/commands/ingest/split.js';
import type { EventId } from '../../src/domain/ids.js';
import { columnsInPlace } from '../../src/domain/telemetry/chunk.js';
import type { EventColumns, TextColumn } from '../../src/domain/telemetry/columns.js';
import { TelemetryEvent } from '../../src/domain/telemetry/event.js';
import { MAX_AHEAD_MS, MAX_EVENT_BYTES } from '../../src/domain/telemetry/event-limits.js';
import { MARGIN } from '../../src/domain/telemetry/scan/event-scanner.js';
import { parseTime, timeOf } from '../../src/domain/telemetry/time.js';
import { routeOf } from '../../src/domain/telemetry/route.js';
import type { RouteColumn } from '../../src/domain/telemetry/routes/shown.js';
import { isWeighted, weightFault, weightOf } from '../../src/domain/telemetry/weight.js';
import { compile } from '../../src/platform/validation.js';
import { decodeChunk } from '../support/telemetry.js';
import type { Case } from './bodies.js';

/** Reading by the book: each event by `JSON.parse` and the schema, nothing remembered from one to the next. */

export type Form = BatchFormat | 'one';

export const LIMIT = 8;
export const NOW = Date.parse('2026-03-01T12:00:00.000Z');

interface Accepted {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly event: TelemetryEvent;
}

interface Rejected {
  readonly index: number;
  readonly code: string;
  readonly pointer: string;
  readonly id?: string;
}

type Reading =
  | { readonly code: string; readonly detail: string }
  | {
      readonly accepted: readonly Accepted[];
      readonly rejected: readonly Rejected[];
      /** What the times are corrected by. */
      readonly offset: number;
    };

const validate = compile(TelemetryEvent);
const SENT_AT_DETAIL = 'sent_at is a time by RFC 3339, or milliseconds since 1970.';

const judge = (
  body: Buffer,
  start: number,
  end: number,
  offset: number,
): TelemetryEvent | Omit<Rejected, 'index'> => {
  if (end - start > MAX_EVENT_BYTES) return { code: 'event_too_large', pointer: '' };
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8', start, end));
  } catch {
    return { code: 'invalid_json', pointer: '' };
  }
  const given: unknown = typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined;
  const id = typeof given === 'string' ? { id: given } : {};
  const checked = validate(value);
  if (!checked.ok) {
    if (deeperThan(body, start, end, 32)) return { code: 'too_deep', pointer: '' };
    const { code, pointer } = checked.errors[0] ?? { code: '', pointer: '' };
    return { code, pointer, ...id };
  }
  const weighed = isWeighted(checked.value) ? weightFault(checked.value) : undefined;
  if (weighed) return { code: weighed.code, pointer: weighed.pointer, ...id };
  const time = happenedAt(checked.value, NOW, offset);
  if (Number.isNaN(time) || time < FIRST_TIME)
    return { code: 'invalid_timestamp', pointer: '/timestamp', ...id };
  if (time > NOW + MAX_AHEAD_MS) return { code: 'timestamp_in_future', pointer: '/timestamp', ...id };
  return checked.value;
};

const FIRST_TIME = Date.parse('0000-01-01T00:00:00Z');

const happenedAt = ({ timestamp }: TelemetryEvent, received_at: number, offset: number): number =>
  timestamp === undefined ? received_at : timeOf(timestamp, { received_at }) + offset;

/** How much a sender's clock is behind by its own word, to the second; undefined where that is no word. */
const offsetOf = (json: string): number | undefined => {
  try {
    const said: unknown = JSON.parse(json);
    const time = typeof said === 'string' ? parseTime(said) : said;
    if (
      typeof time !== 'number' ||
      !(time >= (typeof said === 'string' ? FIRST_TIME : 0) && time < Date.parse('+010000-01-01T00:00:00Z'))
    )
      return undefined;
    return 1000 * Math.round((NOW - Math.floor(time)) / 1000);
  } catch {
    return undefined;
  }
};

const readByParsing = (body: Buffer, form: Form, sent_at: number | undefined): Reading => {
  let offset = sent_at === undefined ? 0 : (offsetOf(String(sent_at)) ?? 0);
  const accepted: Accepted[] = [];
  const rejected: Rejected[] = [];
  let index = 0;
  const parse = (start: number, end: number): void => {
    const verdict = judge(body, start, end, offset);
    if ('code' in verdict) rejected.push({ index, ...verdict });
    else accepted.push({ index, start, end, event: verdict });
    index += 1;
  };
  if (!Buffer.from(body.toString()).equals(body)) return { code: 'not_utf8', detail: '' };
  if (form === 'one') parse(body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0, body.length);
  else {
    const places: (readonly [number, number])[] = [];
    const broken = split(body, form, LIMIT, {
      scan: () => -1,
      keep: () => undefined,
      parse: (start, end) => places.push([start, end]),
      sentAt: (start, end) => {
        const said = offsetOf(body.toString('utf8', start, end));
        if (said === undefined) return { code: 'invalid_sent_at', detail: SENT_AT_DETAIL };
        if (sent_at === undefined) offset = said;
        return undefined;
      },
    });
    if (broken) return broken;
    for (const [start, end] of places) parse(start, end);
  }
  return { accepted, rejected, offset };
};

const textAt = ({ values, ids }: TextColumn, index: number): string => values[ids[index] ?? 0] ?? '';

/**
 * Whether a text stands among the values exactly once (a route at most twice: given, and made of paths), in the order of
 * first occurrence, and none that has no event.
 */
const isNumbered = ({ values, ids, made }: TextColumn & Partial<RouteColumn>): boolean => {
  let seen = 0;
  for (const id of ids) {
    if (id > seen) return false;
    if (id === seen) seen += 1;
  }
  const names = new Set(values.map((value, id) => `${made?.[id] ? 'made' : 'given'} ${value}`));
  return seen === values.length && names.size === values.length;
};

type Shown = Omit<EventColumns, 'paths'> & { readonly paths?: TextColumn };

const sameColumns = (columns: Shown, accepted: readonly Accepted[]): string | undefined => {
  const { types, services, routes, paths, methods } = columns;
  for (const [name, column] of Object.entries({ types, services, routes, paths, methods }))
    if (column && !isNumbered(column)) return `${name} are not numbered as they should be`;
  for (const [i, { event }] of accepted.entries()) {
    const { type, service = '', route, path, method = '', status_code = 0, duration_ms = NaN } = event;
    const bare = route === undefined && path !== undefined ? path || '/' : '';
    const shown = paths ? (route ?? '') : (route ?? (bare === '' ? '' : routeOf(bare)));
    if (textAt(types, i) !== type) return `type ${String(i)}`;
    if (textAt(services, i) !== service) return `service ${String(i)}`;
    if (textAt(methods, i) !== method) return `method ${String(i)}`;
    if (textAt(routes, i) !== shown) return `route ${String(i)}`;
    if (paths && textAt(paths, i) !== bare) return `path ${String(i)}`;
    if (columns.statuses[i] !== status_code) return `status ${String(i)}`;
    if (!Object.is(columns.durations[i], duration_ms)) return `duration ${String(i)}`;
    const weight = isWeighted(event) ? weightOf(event) : 1;
    if ((columns.weights?.[i] ?? 1) !== weight) return `weight ${String(i)}`;
    if (JSON.stringify(columns.aggregates?.get(i)) !== JSON.stringify(event.durations))
      return `durations ${String(i)}`;
  }
  return undefined;
};

const sameTimes = (
  times: ArrayLike<number>,
  accepted: readonly Accepted[],
  received_at: number,
  offset: number,
): string | undefined => {
  const wrong = accepted.findIndex(
    ({ event }, i) => !Object.is(times[i], happenedAt(event, received_at, offset)),
  );
  return wrong < 0 ? undefined : `time ${String(wrong)}`;
};

const sameReading = (read: ReadOutcome, parsed: Reading, body: Buffer): string | undefined => {
  if ('code' in parsed) {
    if (read.ok) return `accepted, where it is ${parsed.code}`;
    return read.code === parsed.code && (read.code === 'not_utf8' || read.detail === parsed.detail)
      ? undefined
      : `${read.code}, where it is ${parsed.code}`;
  }
  if (!read.ok) return `${read.code}, where it is right`;
  const { received, rejected } = read;
  const indexes = placesOf(read);
  const { accepted, offset } = parsed;
  const { client_ids: ids } = received;
  if ((received.time_offset_ms ?? 0) !== offset && accepted.length > 0)
    return `corrected by ${String(received.time_offset_ms)}, where it should be ${String(offset)}`;
  const said = JSON.stringify(rejected.map(({ index, code, pointer, id }) => ({ index, code, pointer, id })));
  const right = parsed.rejected.map(({ index, code, pointer, id }) => ({ index, code, pointer, id }));
  if (said !== JSON.stringify(right)) return `rejected ${said}, where it should be ${JSON.stringify(right)}`;
  if (indexes.join() !== accepted.map(({ index }) => index).join()) return `accepted ${indexes.join()}`;
  for (const [i, { start, end, event }] of accepted.entries()) {
    if (received.starts[i] !== start || received.ends[i] !== end) return `slice ${String(i)}`;
    if (ids && 'bytes' in ids) return 'ids in bytes';
    if (ids?.[i] !== event.id) return `id ${String(i)}`;
    const text = body.toString('utf8', start, end).replaceAll('\n', ' ');
    if (received.body.toString('utf8', start, end) !== text) return `bytes ${String(i)}`;
  }
  return (
    sameTimes(received.times, accepted, NaN, offset) ??
    (received.columns && sameColumns(received.columns, accepted))
  );
};

const id = '0197280d-5e00-7000-8000-000000000000' as EventId;

const BEHIND = ['"', '}', ' ', '\n', '1', ',"type":"b"}', '\\'];

/** Bytes in memory that other bytes share, which go on as if they belonged to them, up to zeros. */
const amongOthers = (bytes: Buffer): Uint8Array => {
  const behind = Buffer.from(
    `${BEHIND[bytes.length % BEHIND.length] ?? ''}${bytes.toString('latin1')}`,
    'latin1',
  );
  const whole = Buffer.concat([bytes, bytes, behind, Buffer.alloc(MARGIN)]);
  const memory = new Uint8Array(new SharedArrayBuffer(whole.length));
  memory.set(whole);
  return memory.subarray(bytes.length, 2 * bytes.length);
};

/** Whether the chunk that the events are stored in says the same when it is read again from its bytes. */
const sameChunk = (read: ReadOutcome, accepted: readonly Accepted[], offset: number): string | undefined => {
  if (!read.ok || accepted.length === 0) return undefined;
  const pieces = cut(read.received, { bytes: Infinity, events: Infinity });
  const data = pack(pieces).whole();
  const stored = {
    id,
    data,
    metadata: {
      chunk: {
        codec: 'ndjson' as const,
        count: accepted.length,
        ...timesOf(pieces, NOW),
        received_at: NOW,
        ...(offset !== 0 && { time_offset_ms: offset }),
        producer: 'fuzz',
        first_sequence: 0,
      },
    },
  };
  const chunk = decodeChunk(stored);
  const in_place = columnsInPlace({ ...stored, data: amongOthers(data) });
  if (chunk.count !== accepted.length) return 'count';
  const given = columnsOf([...pieces, ...pieces], NOW);
  if (given && given.times.length !== 2 * accepted.length) return 'merged count';
  return (
    sameTimes(chunk.times, accepted, NOW, offset) ??
    sameColumns(chunk, accepted) ??
    sameTimes(in_place.times, accepted, NOW, offset) ??
    sameColumns(in_place, accepted) ??
    (given && sameColumns(given, [...accepted, ...accepted]))
  );
};

/** What reading a body, storing it, and reading the chunk again gets wrong; undefined: nothing. */
export const difference = ({ body, form, sent_at }: Case): string | undefined => {
  const limits = { events: LIMIT, now: NOW, sent_at };
  const read = form === 'one' ? readOne(body, limits) : readBatch(body, form, limits);
  const parsed = readByParsing(body, form, sent_at);
  const wrong = sameReading(read, parsed, body);
  if (wrong !== undefined) return wrong;
  const stored = 'code' in parsed ? undefined : sameChunk(read, parsed.accepted, parsed.offset);
  return stored === undefined ? undefined : `stored: ${stored}`;
};
