import { isUtf8 } from 'node:buffer';
import type { OtlpLogRecord, OtlpMap, OtlpSpan, OtlpValue } from '../../../domain/telemetry/otlp/model.js';
import { deeperThan } from '../../../commands/ingest/split.js';
import { Budget, decoding, malformed, tooMany, type Decoded } from './budget.js';

/** Of the whole document: two levels for each of a value's, and those above it. */
const MAX_DEPTH = 96;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x2c, 0x5b, 0x7b]);
/** A record is a dozen JSON values, an attribute four. */
const MAX_JSON_VALUES = 3_000_000;

type JsonMessage = Readonly<Record<string, unknown>>;

/** Whether a text has so many values that parsing it would fill the memory; what is inside strings does not count. */
const hasTooMany = (body: Uint8Array): boolean => {
  let values = 0;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at] ?? 0;
    if (byte === QUOTE) {
      for (at += 1; at < body.length && body[at] !== QUOTE; at += 1) if (body[at] === BACKSLASH) at += 1;
    } else if (OPENING.has(byte)) {
      values += 1;
      if (values > MAX_JSON_VALUES) return true;
    }
  }
  return false;
};

/** A message's field of that name as ProtoJSON reads it: `null` is the same as absent. */
const get = (message: JsonMessage, name: string): unknown =>
  Object.hasOwn(message, name) ? (message[name] ?? undefined) : undefined;

const isMessage = (value: unknown): value is JsonMessage =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const messageOf = (value: unknown, name: string): JsonMessage => {
  if (value === undefined) return {};
  if (!isMessage(value)) throw malformed(`${name} must be an object.`);
  return value;
};

const listOf = (message: JsonMessage, name: string, budget: Budget): readonly JsonMessage[] => {
  const list = get(message, name);
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw malformed(`${name} must be an array.`);
  return list.map((item: unknown) => {
    budget.node();
    return messageOf(item ?? undefined, name);
  });
};

const text = (message: JsonMessage, name: string): string => {
  const value = get(message, name) ?? '';
  if (typeof value !== 'string') throw malformed(`${name} must be a string.`);
  return value;
};

const id = (message: JsonMessage, name: string): string => {
  const value = text(message, name);
  if (!/^(?:[0-9a-f]{2})*$/i.test(value)) throw malformed(`${name} must be hexadecimal.`);
  return value.toLowerCase();
};

/** A 64-bit integer: a number, or decimal text. */
const integer = (value: unknown, name: string): bigint => {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  throw malformed(`${name} must be a whole number.`);
};

const enumeration = (message: JsonMessage, name: string): number => {
  const value = get(message, name) ?? 0;
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw malformed(`${name} must be an integer, not a name.`);
  return value;
};

/** A time is a fixed64: what does not fit is none. */
const nanos = (message: JsonMessage, name: string): bigint => {
  const value = integer(get(message, name) ?? 0, name);
  if (value < 0n || value >= 2n ** 64n) throw malformed(`${name} must fit into 64 bits.`);
  return value;
};

const double = (value: unknown): number => {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || (Number.isNaN(number) && value !== 'NaN'))
    throw malformed('doubleValue must be a number.');
  return number;
};

const base64 = (value: unknown): string => {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value))
    throw malformed('bytesValue must be base64.');
  return Buffer.from(value, 'base64').toString('base64');
};

const readValue = (value: unknown, budget: Budget, depth: number): OtlpValue => {
  budget.node();
  budget.depth(depth);
  const message = messageOf(value, 'value');
  const string = get(message, 'stringValue');
  if (string !== undefined) return text(message, 'stringValue');
  const bool = get(message, 'boolValue');
  if (bool !== undefined) {
    if (typeof bool !== 'boolean') throw malformed('boolValue must be true or false.');
    return bool;
  }
  const int = get(message, 'intValue');
  if (int !== undefined) {
    const whole = integer(int, 'intValue');
    return Number.isSafeInteger(Number(whole)) ? Number(whole) : String(whole);
  }
  const float = get(message, 'doubleValue');
  if (float !== undefined) return double(float);
  const bytes = get(message, 'bytesValue');
  if (bytes !== undefined) return base64(bytes);
  const array = get(message, 'arrayValue');
  if (array !== undefined)
    return listOf(messageOf(array, 'arrayValue'), 'values', budget).map((item) =>
      readValue(item, budget, depth + 1),
    );
  const map = get(message, 'kvlistValue');
  return map === undefined ? null : readMap(messageOf(map, 'kvlistValue'), 'values', budget, depth + 1);
};

const readMap = (message: JsonMessage, name: string, budget: Budget, depth = 0): OtlpMap =>
  new Map(
    listOf(message, name, budget).map((entry) => [
      text(entry, 'key'),
      readValue(get(entry, 'value'), budget, depth),
    ]),
  );

const readSpan = (message: JsonMessage, resource: OtlpMap, budget: Budget): OtlpSpan => {
  budget.record();
  const status = messageOf(get(message, 'status'), 'status');
  return {
    resource,
    trace_id: id(message, 'traceId'),
    span_id: id(message, 'spanId'),
    parent_span_id: id(message, 'parentSpanId'),
    name: text(message, 'name'),
    kind: enumeration(message, 'kind'),
    start: nanos(message, 'startTimeUnixNano'),
    end: nanos(message, 'endTimeUnixNano'),
    attributes: readMap(message, 'attributes', budget),
    status_code: enumeration(status, 'code'),
    status_message: text(status, 'message'),
  };
};

const readRecord = (
  message: JsonMessage,
  resource: OtlpMap,
  scope: string,
  budget: Budget,
): OtlpLogRecord => {
  budget.record();
  return {
    resource,
    scope,
    time: nanos(message, 'timeUnixNano'),
    observed: nanos(message, 'observedTimeUnixNano'),
    severity_number: enumeration(message, 'severityNumber'),
    severity_text: text(message, 'severityText'),
    event_name: text(message, 'eventName'),
    body: readValue(get(message, 'body'), budget, 0),
    attributes: readMap(message, 'attributes', budget),
    trace_id: id(message, 'traceId'),
    span_id: id(message, 'spanId'),
  };
};

const parse = (body: Buffer): JsonMessage => {
  if (deeperThan(body, 0, body.length, MAX_DEPTH)) throw malformed('The body is nested too deeply.');
  if (hasTooMany(body)) throw tooMany;
  if (!isUtf8(body)) throw malformed('The body is not UTF-8.');
  const value: unknown = JSON.parse(body.toString('utf8'));
  if (!isMessage(value)) throw malformed('The body must be an object.');
  return value;
};

interface Names {
  readonly groups: string;
  readonly scopes: string;
  readonly records: string;
}

const readExport = <T>(
  body: Buffer,
  { groups, scopes, records }: Names,
  read: (record: JsonMessage, resource: OtlpMap, scope: string, budget: Budget) => T,
): Decoded<T> =>
  decoding(() => {
    const budget = new Budget();
    return listOf(parse(body), groups, budget).flatMap((group) => {
      const resource = readMap(messageOf(get(group, 'resource'), 'resource'), 'attributes', budget);
      return listOf(group, scopes, budget).flatMap((scope) => {
        const name = text(messageOf(get(scope, 'scope'), 'scope'), 'name');
        return listOf(scope, records, budget).map((record) => read(record, resource, name, budget));
      });
    });
  }, 'JSON');

/** Reads an ExportTraceServiceRequest by the rules of OTLP/JSON. */
export const readJsonSpans = (body: Buffer): Decoded<OtlpSpan> =>
  readExport(
    body,
    { groups: 'resourceSpans', scopes: 'scopeSpans', records: 'spans' },
    (record, resource, _scope, budget) => readSpan(record, resource, budget),
  );

/** Reads an ExportLogsServiceRequest by the rules of OTLP/JSON. */
export const readJsonLogs = (body: Buffer): Decoded<OtlpLogRecord> =>
  readExport(body, { groups: 'resourceLogs', scopes: 'scopeLogs', records: 'logRecords' }, readRecord);
