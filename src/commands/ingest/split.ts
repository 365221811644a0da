/**
 * How a body holds many events: one JSON document (an array, or `{"events": […]}` with `sent_at` before or behind), or
 * a JSON text a line.
 */
export type BatchFormat = 'json' | 'ndjson';

/** What becomes of the elements that a body is split into. */
export interface Elements {
  /** Reads the element that begins here, and answers where it ends; -1: it must be looked at with its end known. */
  scan(start: number): number;
  /** The element that was scanned last stands in its place. */
  keep(start: number, end: number): void;
  /** An element between two places, whatever it may be. */
  parse(start: number, end: number): void;
  /** What the sender's clock said, as JSON between two places; answers what is wrong with it. */
  sentAt(start: number, end: number): BrokenBody | undefined;
}

/** What is wrong with a body as a whole. */
export interface BrokenBody {
  readonly code: 'invalid_json' | 'invalid_batch' | 'invalid_sent_at' | 'too_many_events';
  readonly detail: string;
}

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const broken = (at: number): BrokenBody => ({
  code: 'invalid_json',
  detail: `The body is not valid JSON at byte ${at}.`,
});

const tooMany = (limit: number): BrokenBody => ({
  code: 'too_many_events',
  detail: `A batch may have ${limit} events.`,
});

const isSpace = (byte: number | undefined): boolean =>
  byte === SPACE || byte === LF || byte === CR || byte === TAB;

const skipSpace = (body: Uint8Array, from: number): number => {
  let at = from;
  while (isSpace(body[at])) at += 1;
  return at;
};

/** Behind the white space that may end a line. */
const skipBlank = (body: Uint8Array, from: number): number => {
  let at = from;
  while (body[at] === SPACE || body[at] === TAB || body[at] === CR) at += 1;
  return at;
};

/** Behind the string that begins at `from`, or -1 where it does not end. */
const skipString = (body: Uint8Array, from: number): number => {
  for (let at = from + 1; at < body.length; at += 1) {
    const byte = body[at];
    if (byte === BACKSLASH) at += 1;
    else if (byte === QUOTE) return at + 1;
  }
  return -1;
};

/**
 * Walks along a body from element to element. What an element is made of is for its reader to judge, and an answer
 * says what is wrong with the rest: nothing that was read then counts.
 */
export const split = (
  body: Uint8Array,
  format: BatchFormat,
  limit: number,
  elements: Elements,
): BrokenBody | undefined => {
  const start = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  return format === 'ndjson'
    ? splitLines(body, start, limit, elements)
    : splitDocument(body, start, limit, elements);
};

const splitDocument = (
  body: Uint8Array,
  start: number,
  limit: number,
  elements: Elements,
): BrokenBody | undefined => {
  const at = skipSpace(body, start);
  const end = (body[at] === OPEN_BRACE ? splitEnvelope : splitArray)(body, at, limit, elements);
  if (typeof end !== 'number') return end;
  const rest = skipSpace(body, end);
  return rest === body.length ? undefined : broken(rest);
};

/** Walks along the events of an array; answers where it ends. */
const splitArray = (
  body: Uint8Array,
  start: number,
  limit: number,
  elements: Elements,
): number | BrokenBody => {
  if (body[start] !== OPEN_BRACKET) return start >= body.length ? broken(start) : notABatch;
  let at = skipSpace(body, start + 1);
  if (body[at] === CLOSE_BRACKET) return at + 1;
  for (let count = 0; ; count += 1) {
    if (count === limit) return tooMany(limit);
    let end = elements.scan(at);
    if (end >= 0) elements.keep(at, end);
    else {
      end = skipElement(body, at);
      if (end < 0 || end === at) return broken(end < 0 ? body.length : at);
      elements.parse(at, end);
    }
    at = skipSpace(body, end);
    const byte = body[at];
    if (byte === CLOSE_BRACKET) return at + 1;
    if (byte !== COMMA) return broken(at);
    at = skipSpace(body, at + 1);
  }
};

/** Walks along the fields of `{"events": […], "sent_at": …}`, each at most once; answers where it ends. */
const splitEnvelope = (
  body: Uint8Array,
  start: number,
  limit: number,
  elements: Elements,
): number | BrokenBody => {
  const left = new Set(['events', 'sent_at']);
  let at = skipSpace(body, start + 1);
  if (body[at] === CLOSE_BRACE) return notABatch;
  for (;;) {
    const key_end = body[at] === QUOTE ? skipString(body, at) : -1;
    if (key_end < 0) return broken(at);
    const key = key_end - at > LONGEST_KEY ? '' : String.fromCharCode(...body.subarray(at + 1, key_end - 1));
    at = skipSpace(body, key_end);
    if (body[at] !== COLON) return broken(at);
    at = skipSpace(body, at + 1);
    if (!left.delete(key)) return notABatch;
    const end = key === 'events' ? splitArray(body, at, limit, elements) : takeSentAt(body, at, elements);
    if (typeof end !== 'number') return end;
    at = skipSpace(body, end);
    if (body[at] === CLOSE_BRACE) return left.has('events') ? notABatch : at + 1;
    if (body[at] !== COMMA) return broken(at);
    at = skipSpace(body, at + 1);
  }
};

/** With its quotes. */
const LONGEST_KEY = '"sent_at"'.length;

/** Hands the value over that begins here; answers where it ends. */
const takeSentAt = (body: Uint8Array, start: number, elements: Elements): number | BrokenBody => {
  const end = skipElement(body, start);
  if (end < 0 || end === start) return broken(end < 0 ? body.length : start);
  return elements.sentAt(start, end) ?? end;
};

const notABatch: BrokenBody = {
  code: 'invalid_batch',
  detail: 'The body must be an array of events, or {"events": […], "sent_at": …} and nothing else.',
};

/** Behind the element that begins at `from`, or -1 where it does not end. */
const skipElement = (body: Uint8Array, from: number): number => {
  let depth = 0;
  for (let at = from; at < body.length; at += 1) {
    const byte = body[at];
    if (byte === QUOTE) {
      // The one hot loop: most bytes of telemetry are inside strings.
      for (at += 1; at < body.length; at += 1) {
        const inner = body[at];
        if (inner === BACKSLASH) at += 1;
        else if (inner === QUOTE) break;
      }
      if (at >= body.length) return -1;
      if (depth === 0) return at + 1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) return at;
  }
  return -1;
};

const splitLines = (
  body: Uint8Array,
  from: number,
  limit: number,
  elements: Elements,
): BrokenBody | undefined => {
  let start = skipSpace(body, from);
  for (let count = 0; start < body.length; count += 1) {
    if (count === limit) return tooMany(limit);
    const scanned = elements.scan(start);
    let line_end = scanned < 0 ? -1 : skipBlank(body, scanned);
    if (line_end >= 0 && (line_end === body.length || body[line_end] === LF)) elements.keep(start, scanned);
    else {
      const found = body.indexOf(LF, start);
      line_end = found < 0 ? body.length : found;
      let end = line_end;
      while (isSpace(body[end - 1])) end -= 1;
      elements.parse(start, end);
    }
    start = skipSpace(body, line_end);
  }
  return undefined;
};

/** Whether some bytes are nested more deeply. Brackets inside strings do not count. */
export const deeperThan = (body: Uint8Array, from: number, to: number, limit: number): boolean => {
  let depth = 0;
  for (let at = from; at < to; at += 1) {
    const byte = body[at];
    if (byte === QUOTE) {
      for (at += 1; at < to; at += 1) {
        const inner = body[at];
        if (inner === BACKSLASH) at += 1;
        else if (inner === QUOTE) break;
      }
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      if (depth > limit) return true;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
  }
  return false;
};
