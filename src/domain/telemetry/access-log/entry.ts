import type { TelemetryEvent } from '../event.js';
import { clip } from '../otlp/values.js';
import { redactedTarget, redactedUrl } from '../redact.js';

/** One request as an access log tells of it: whatever the format, in one form. */
export interface Entry {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly method?: string | undefined;
  /** Path and query, or an absolute URL, as logged. */
  readonly target?: string | undefined;
  readonly status?: number | undefined;
  readonly duration_ms?: number | undefined;
  readonly request_bytes?: number | undefined;
  readonly response_bytes?: number | undefined;
  readonly trace_id?: string | undefined;
  readonly referrer?: string | undefined;
  /** What else there is to know, by name. */
  readonly attributes?: Readonly<Record<string, string | number | undefined>>;
}

export type EntryOutcome =
  { readonly ok: true; readonly entry: Entry } | { readonly ok: false; readonly reason: string };

/** What the log does not say of its requests. */
export interface Labels {
  readonly service?: string;
  readonly environment?: string;
}

const LONGEST_PATH = 8192;
const LONGEST_VALUE = 8192;
const LONGEST_DURATION_MS = 1e9;

export const malformed = (reason: string): { readonly ok: false; readonly reason: string } => ({
  ok: false,
  reason,
});

/** A status as HTTP has it; `0` and `000` are how servers log that there was no answer. */
export const isStatus = (status: number): boolean =>
  Number.isInteger(status) && ((status >= 100 && status <= 599) || status === 0);

const size = (value: number | undefined): number | undefined =>
  value !== undefined && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

const duration = (ms: number | undefined): number | undefined =>
  // Seconds that were written in decimals become milliseconds without the noise of binary fractions.
  ms !== undefined && ms >= 0 && ms <= LONGEST_DURATION_MS ? Math.round(ms * 1000) / 1000 : undefined;

/**
 * The event that an entry is stored as, or why it cannot be. Secrets in queries are redacted. The client's address and
 * the remote user are personal data that no reader here needs: no format takes them into an entry.
 */
export const eventOf = (
  entry: Entry,
  labels: Labels,
):
  { readonly ok: true; readonly event: TelemetryEvent } | { readonly ok: false; readonly reason: string } => {
  const { time, status, method, target } = entry;
  // RFC 3339 has years of four digits.
  if (!(time >= -62_167_219_200_000 && time < 253_402_300_800_000)) return malformed('no valid time');
  if (status !== undefined && !isStatus(status)) return malformed(`no valid status: ${status}`);
  const path = target === undefined || target === '' ? undefined : redactedTarget(target);
  if (path !== undefined && path.length > LONGEST_PATH)
    return malformed(`a path longer than ${LONGEST_PATH} characters`);

  // Written out field by field: this is done for each of millions of lines.
  const event: { -readonly [Name in keyof TelemetryEvent]: TelemetryEvent[Name] } = {
    type: 'api_call',
    timestamp: new Date(time).toISOString(),
  };
  if (labels.service !== undefined) event.service = labels.service;
  if (labels.environment !== undefined) event.environment = labels.environment;
  if (method) event.method = clip(method, 32);
  if (path !== undefined) event.path = path;
  if (status) event.status_code = status;
  const duration_ms = duration(entry.duration_ms);
  if (duration_ms !== undefined) event.duration_ms = duration_ms;
  const request_bytes = size(entry.request_bytes);
  if (request_bytes !== undefined) event.request_bytes = request_bytes;
  const response_bytes = size(entry.response_bytes);
  if (response_bytes !== undefined) event.response_bytes = response_bytes;
  if (entry.trace_id) event.trace_id = clip(entry.trace_id, 64);
  const attributes = attributesOf(entry);
  if (attributes) event.attributes = attributes;
  return { ok: true, event };
};

const attributesOf = ({ referrer, attributes }: Entry): TelemetryEvent['attributes'] => {
  const found: Record<string, string | number> = {};
  let is_empty = true;
  if (referrer) {
    found['referrer'] = clip(redactedUrl(referrer), LONGEST_VALUE);
    is_empty = false;
  }
  for (const name in attributes) {
    const value = attributes[name];
    if (value === undefined || value === '') continue;
    found[name] = typeof value === 'string' ? clip(value, LONGEST_VALUE) : value;
    is_empty = false;
  }
  return is_empty ? undefined : found;
};
