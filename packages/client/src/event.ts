import { MASK, maskText } from './secrets.js';
import { weightOf } from './weight.js';

export type AttributeValue = string | number | boolean | null;

/** A telemetry event as PulseStream takes it. Everything but `type` may be absent. */
export interface TelemetryEvent {
  /** The sender's own id of it. */
  readonly id?: string;
  /** `api_call`, `error`, `user_action`, or any other name. */
  readonly type: string;
  /** RFC 3339, or milliseconds since 1970; the moment of recording where absent. */
  readonly timestamp?: string | number;
  readonly service?: string;
  readonly environment?: string;
  readonly region?: string;
  readonly method?: string;
  readonly route?: string;
  readonly path?: string;
  readonly status_code?: number;
  readonly duration_ms?: number;
  /** How many requests the event stands for; 1, or as many as it has durations, where absent. */
  readonly weight?: number;
  /** The share of requests of which events are sent, in place of a weight. */
  readonly sample_rate?: number;
  /** In place of `duration_ms`: `counts[i]` of the requests that the event stands for took `values[i]` milliseconds. */
  readonly durations?: { readonly values: readonly number[]; readonly counts: readonly number[] };
  readonly request_bytes?: number;
  readonly response_bytes?: number;
  readonly user_id?: string;
  readonly consumer?: string;
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly severity?: string;
  readonly message?: string;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

type TextField = Exclude<
  {
    [K in keyof TelemetryEvent]-?: TelemetryEvent[K] extends string | undefined ? K : never;
  }[keyof TelemetryEvent],
  'type' | 'id'
>;
type NumberField = 'status_code' | 'duration_ms' | 'request_bytes' | 'response_bytes';

/** Characters that the API takes; what is longer is cut, since an event without its end says more than none. */
const textLimits: Readonly<Record<TextField, number>> = {
  service: 128,
  environment: 64,
  region: 64,
  method: 32,
  route: 512,
  path: 8192,
  user_id: 256,
  consumer: 256,
  trace_id: 64,
  span_id: 64,
  severity: 32,
  message: 65_536,
};
const numberLimits: Readonly<
  Record<NumberField, { readonly from: number; readonly to: number; readonly whole: boolean }>
> = {
  status_code: { from: 100, to: 599, whole: true },
  duration_ms: { from: 0, to: 1e9, whole: false },
  request_bytes: { from: 0, to: Number.MAX_SAFE_INTEGER, whole: true },
  response_bytes: { from: 0, to: Number.MAX_SAFE_INTEGER, whole: true },
};
const TYPE = /^[a-z][a-z0-9_.-]{0,63}$/;
const ID_LIMIT = 128;
const ATTRIBUTES = 64;
const ATTRIBUTE_NAME = 128;
const ATTRIBUTE_TEXT = 8192;
const FORBIDDEN_NAMES = new Set(['__proto__', 'constructor', 'prototype']);
/** Bytes that the API takes of one event. */
const EVENT_BYTES = 256 * 1024;

const textFields = Object.keys(textLimits) as readonly TextField[];
const numberFields = Object.keys(numberLimits) as readonly NumberField[];
/** Where addresses may stand; the other fields are names and ids. */
const masked: ReadonlySet<TextField> = new Set<TextField>(['path', 'route', 'message']);

export interface EventDefaults {
  readonly service: string;
  readonly environment?: string;
  readonly region?: string;
}

export interface WrittenEvent {
  readonly line: string;
  /** Of the line in UTF-8. */
  readonly bytes: number;
  /** How many recorded events it is made of. */
  readonly recorded: number;
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** Whether something is a time that the API takes. */
export const isTime = (given: unknown): given is string | number =>
  typeof given === 'number'
    ? given >= 0 && given <= 8.64e15
    : typeof given === 'string' &&
      given.length <= 40 &&
      RFC_3339.test(given) &&
      !Number.isNaN(Date.parse(given.toUpperCase()));

/** Cut between characters: half a surrogate pair is no valid text. */
const cut = (text: string, limit: number): string => {
  if (text.length <= limit) return text;
  const last = text.charCodeAt(limit - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit);
};

/** Cut before it is looked through, however long it is, and after, since a mask may be longer than what it hides. */
const shown = (text: string, limit: number, isSecret: (name: string) => boolean): string =>
  cut(maskText(cut(text, limit), isSecret), limit);

const attributesOf = (
  given: object,
  isSecret: (name: string) => boolean,
): Record<string, AttributeValue> | undefined => {
  const attributes: Record<string, AttributeValue> = {};
  let count = 0;
  for (const [name, value] of Object.entries(given) as [string, unknown][]) {
    if (count >= ATTRIBUTES) break;
    if (name.length > ATTRIBUTE_NAME || FORBIDDEN_NAMES.has(name)) continue;
    if (isSecret(name)) attributes[name] = MASK;
    else if (typeof value === 'string') attributes[name] = shown(value, ATTRIBUTE_TEXT, isSecret);
    else if (typeof value === 'boolean' || value === null) attributes[name] = value;
    else if (typeof value === 'number' && Number.isFinite(value)) attributes[name] = value;
    else continue;
    count += 1;
  }
  return count > 0 ? attributes : undefined;
};

/**
 * An event as a line of NDJSON that the API takes: texts cut to their limits, secrets masked, fields that it does not
 * have or that hold something else left out. Undefined where no event can be made of what was given.
 */
export const writeEvent = (
  given: TelemetryEvent,
  defaults: EventDefaults,
  now: number,
  isSecret: (name: string) => boolean,
  recorded = 1,
): WrittenEvent | 'invalid' | 'too_large' => {
  const { type, id, timestamp, attributes } = given as Partial<Record<keyof TelemetryEvent, unknown>>;
  if (typeof type !== 'string' || !TYPE.test(type)) return 'invalid';
  const event: Record<string, unknown> = { type };
  if (typeof id === 'string' && id !== '') event.id = cut(id, ID_LIMIT);
  event.timestamp = isTime(timestamp) ? timestamp : now;
  for (const field of textFields) {
    const text: unknown =
      given[field] ?? (field in defaults ? defaults[field as keyof EventDefaults] : undefined);
    if (typeof text !== 'string' || text === '') continue;
    const limit = textLimits[field];
    event[field] = masked.has(field) ? shown(text, limit, isSecret) : cut(text, limit);
  }
  for (const field of numberFields) {
    const number: unknown = given[field];
    if (typeof number !== 'number') continue;
    const { from, to, whole } = numberLimits[field];
    if (number >= from && number <= to && (!whole || Number.isInteger(number))) event[field] = number;
  }
  const weight = weightOf(given);
  if (weight.durations) delete event.duration_ms;
  Object.assign(event, weight);
  if (typeof attributes === 'object' && attributes !== null) {
    const kept = attributesOf(attributes, isSecret);
    if (kept) event.attributes = kept;
  }
  const line = JSON.stringify(event);
  const bytes = Buffer.byteLength(line);
  return bytes > EVENT_BYTES ? 'too_large' : { line, bytes, recorded };
};
