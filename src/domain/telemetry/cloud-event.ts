import type { TelemetryEvent } from './event.js';
import { AttributeList, clip, field } from './otlp/values.js';

/** A CloudEvent 1.0, whichever way it came. */
export interface CloudEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  readonly time?: string;
  /** W3C Trace Context, by the distributed tracing extension. */
  readonly traceparent?: string;
  /** JSON as a value, text as text; absent where there is none or it is neither. */
  readonly data?: unknown;
}

const LONGEST_TYPE = 64;
const LONGEST_ID = 128;
const LONGEST_MESSAGE = 32_768;
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}/;

/** A CloudEvent's type as one of ours: `com.example.Order-Placed!` is `com.example.order-placed_`. */
export const telemetryType = (type: string): string => {
  const clean = type.toLowerCase().replaceAll(/[^a-z0-9_.-]/g, '_');
  return (/^[a-z]/.test(clean) ? clean : `ce_${clean}`).slice(0, LONGEST_TYPE);
};

const messageOf = (data: unknown): string | undefined => {
  if (data === undefined || data === null) return undefined;
  return typeof data === 'string' ? data : JSON.stringify(data);
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A CloudEvent as a telemetry event. Data that is one already (`fits` says so, given the type) is taken as it is;
 * anything else is its message. What the CloudEvent says of itself stands in attributes named `ce_…`.
 */
export const eventOfCloudEvent = (
  event: CloudEvent,
  fits: (value: unknown) => value is TelemetryEvent,
): TelemetryEvent => {
  const type = telemetryType(event.type);
  const given: unknown = isObject(event.data) ? { type, ...event.data } : undefined;
  const own = fits(given) ? given : undefined;
  const [, trace_id, span_id] = TRACEPARENT.exec(event.traceparent ?? '') ?? [];
  const id = `${event.source} ${event.id}`;

  const list = new AttributeList();
  list.add('ce_id', event.id);
  list.add('ce_source', event.source);
  list.add('ce_type', event.type);
  list.add('ce_subject', event.subject);
  for (const [name, value] of Object.entries(own?.attributes ?? {})) list.add(name, value);
  return {
    type,
    ...(event.time !== undefined && { timestamp: event.time }),
    ...(trace_id !== undefined && { trace_id }),
    ...(span_id !== undefined && { span_id }),
    ...(own ?? field('message', clip(messageOf(event.data) ?? '', LONGEST_MESSAGE), LONGEST_MESSAGE)),
    ...(id.length <= LONGEST_ID && { id }),
    ...list.field(),
  };
};
