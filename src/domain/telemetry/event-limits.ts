/**
 * What an event may hold: for the schema that says so (event.ts) and for whoever reads events by their bytes. Apart from
 * the schema, so that threads start without the library that schemas are made with: loading it takes six times as long
 * as starting a thread.
 */

/** Bytes that one event may have in its JSON text. */
export const MAX_EVENT_BYTES = 256 * 1024;
/** Requests that one event may stand for. */
export const MAX_WEIGHT = 1e9;
/** How far ahead of our clock an event's time may be. */
export const MAX_AHEAD_MS = 24 * 3_600_000;

/** What an event's type looks like. */
export const TYPE_PATTERN = '^[a-z][a-z0-9_.-]{0,63}$';

/** The most characters that a field's text may have. */
export const MAX_LENGTHS = {
  id: 128,
  timestamp: 40,
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
} as const;
