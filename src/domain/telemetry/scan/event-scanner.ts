import { ColumnsBuilder, type ScannedRow } from '../columns.js';
import type { TelemetryEvent } from '../event.js';
import { MAX_EVENT_BYTES, MAX_LENGTHS, TYPE_PATTERN } from '../event-limits.js';
import { parseTime } from '../time.js';
import { LONGEST_KNOWN, type TextTable } from './text-table.js';

const LF = 0x0a;
const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** What a field's value is to the scanner. */
const kind = {
  type: 0,
  service: 1,
  route: 2,
  path: 3,
  method: 4,
  id: 5,
  text: 6,
  time: 7,
  status: 8,
  duration: 9,
  size: 10,
  attributes: 11,
} as const;

/** The fields that the scanner knows. An event with any other goes to the parser, be it a known one or not. */
const fields: readonly (readonly [name: keyof TelemetryEvent, kind: number])[] = [
  ['type', kind.type],
  ['timestamp', kind.time],
  ['service', kind.service],
  ['environment', kind.text],
  ['region', kind.text],
  ['method', kind.method],
  ['route', kind.route],
  ['path', kind.path],
  ['status_code', kind.status],
  ['duration_ms', kind.duration],
  ['request_bytes', kind.size],
  ['response_bytes', kind.size],
  ['user_id', kind.text],
  ['consumer', kind.text],
  ['trace_id', kind.text],
  ['span_id', kind.text],
  ['severity', kind.text],
  ['message', kind.text],
  ['attributes', kind.attributes],
  ['id', kind.id],
];
const FIELDS = fields.length;
const KINDS = Uint8Array.from(fields, ([, its_kind]) => its_kind);

const LONGEST = Int32Array.from(fields, ([name]) =>
  name in MAX_LENGTHS ? MAX_LENGTHS[name as keyof typeof MAX_LENGTHS] : 0,
);
const TYPE = new RegExp(TYPE_PATTERN);

/** Each key with its closing quote and its colon; 16 bytes at most. */
const KEYS = fields.map(([name]) => Buffer.from(`${name}":`));
const KEY_LENGTHS = Uint8Array.from(KEYS, (key) => key.length);
const LONG_KEY = 8;
/**
 * What keys are compared by: their first and last eight bytes, which overlap or meet, as doubles. That is exact, since
 * text is neither NaN nor a zero. Shorter keys: their first and last four.
 */
const KEY_HEADS = Float64Array.from(KEYS, (key) =>
  key.length < LONG_KEY ? key.readInt32LE() : key.readDoubleLE(),
);
const KEY_TAILS = Float64Array.from(KEYS, (key) =>
  key.length < LONG_KEY ? key.readInt32LE(key.length - 4) : key.readDoubleLE(key.length - LONG_KEY),
);

/** 1: a byte that stands for itself in a JSON string. Those from 0x80 on do in UTF-8 that is valid. */
const PLAIN = new Uint8Array(256).fill(1);
PLAIN.fill(0, 0, SPACE);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;

/** Whole numbers up to nine digits are counted in 32 bits; up to fifteen they are exact, and so is a power of ten. */
const SHORT_DIGITS = 9;
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Float64Array.from({ length: EXACT_DIGITS + 1 }, (_, power) => 10 ** power);

const LONGEST_TYPE = 64;
/** What attributes may have; numbers of more digits are for the parser. */
const MAX_ATTRIBUTES = 64;
const LONGEST_NAME = 128;
const LONGEST_VALUE = 8192;
const LONGEST_NUMBER = 64;
const TRUE = Buffer.from('true').readInt32LE();
const ALSE = Buffer.from('alse').readInt32LE();
const NULL = Buffer.from('null').readInt32LE();

/**
 * Zeros behind the bytes, so that nothing that is read ahead is outside them, a guessed text at their end neither, and
 * no string goes on for ever.
 */
export const MARGIN = LONGEST_KNOWN + 32;
const KEPT_ROOM = 4 * 1024 * 1024;

/**
 * Checks events in bytes and puts them into columns, without making objects of them: what {@link TelemetryEvent} and
 * `JSON.parse` would say of them, several times as fast. It takes only what is plain: known fields, texts without
 * escapes, numbers that are exact, flat attributes. Of the rest it says that it does not know, which is no verdict:
 * the parser and the schema have that. Where a field comes twice the last counts, as in `JSON.parse`.
 */
export class EventScanner implements ScannedRow {
  readonly columns = new ColumnsBuilder();
  #room = Buffer.alloc(0);
  #bytes: Buffer = this.#room;
  #view: DataView = new DataView(this.#room.buffer);
  /** For each field the one that last came after it: a sender's events have the same fields in the same order. */
  readonly #next = new Uint8Array(FIELDS + 1);
  /** Where what was read last ends. */
  #end = 0;
  /** The minute of the last time that was a text, by its bytes, and when it began. */
  readonly #minute = new Int32Array(4);
  #minute_begins = NaN;
  #valid_type = '';

  status = 0;
  duration = NaN;
  type = 0;
  service = 0;
  route = 0;
  path = 0;
  method = 0;
  /** Epoch milliseconds; NaN: the event says none. */
  time = NaN;
  /** The bytes of the client's own id; an end of 0: there is none. */
  id_start = 0;
  id_end = 0;
  /** Whether there is a line break among the event's bytes. */
  broken_line = false;

  /** Begins with other bytes, which are valid UTF-8, and new columns of at most so many events. */
  begin(bytes: Uint8Array, events: number): void {
    const needed = bytes.length + MARGIN;
    if (this.#room.length < needed) {
      // Of its own, not of a pool: views of it begin at 0.
      const room = Buffer.from(new ArrayBuffer(Math.max(2 * needed, 64 * 1024)));
      if (room.length <= KEPT_ROOM) this.#room = room;
      this.#bytes = room;
    } else this.#bytes = this.#room;
    this.#view = new DataView(this.#bytes.buffer);
    this.#bytes.set(bytes);
    this.#bytes.fill(0, bytes.length, needed);
    this.columns.begin(events);
  }

  /**
   * The same with bytes that are looked at where they stand: nobody changes their memory meanwhile, and it ends with
   * {@link MARGIN} zeros, wherever in it they are. What is behind them is no part of an event: one that seems to go on
   * there ends behind them, or nowhere.
   */
  beginWhereTheyStand(bytes: Uint8Array, events: number): void {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset);
    this.columns.begin(events);
  }

  /** Takes the event that was scanned last into the columns. */
  keep(): void {
    this.columns.addRow(this);
  }

  /** The client's own id of the event that was scanned last. */
  get id(): string | undefined {
    return this.id_end === 0 ? undefined : this.#bytes.toString('utf8', this.id_start, this.id_end);
  }

  /** Reads the event that begins at a place; answers where it ends, or -1 where that is for the parser to say. */
  scan(start: number): number {
    const bytes = this.#bytes;
    const { services, routes, paths, methods } = this.columns.tables;
    this.status = 0;
    this.duration = NaN;
    this.service = 0;
    this.route = 0;
    this.path = 0;
    this.method = 0;
    this.time = NaN;
    this.id_end = 0;
    this.broken_line = false;
    let has_route = false;
    let has_type = false;
    let previous = FIELDS;
    if (bytes[start] !== OPEN_BRACE) return -1;
    let at = start + 1;
    for (;;) {
      if (bytes[at] !== QUOTE) {
        at = this.#skipSpace(at);
        if (bytes[at] !== QUOTE) return -1;
      }
      const field = this.#fieldAt(at + 1, previous);
      if (field < 0) return -1;
      previous = field;
      at += 1 + (KEY_LENGTHS[field] ?? 0);
      if ((bytes[at] ?? 0) <= SPACE) at = this.#skipSpace(at);

      switch (KINDS[field]) {
        case kind.type:
          if (!this.#typeAt(at)) return -1;
          has_type = true;
          break;
        case kind.service: {
          const text = this.#knownText(at, services, LONGEST[field] ?? 0);
          if (text < 0) return -1;
          this.service = text;
          break;
        }
        case kind.route: {
          const text = this.#knownText(at, routes, LONGEST[field] ?? 0);
          if (text < 0) return -1;
          this.route = text;
          has_route = true;
          break;
        }
        case kind.path: {
          const text = this.#knownText(at, paths, LONGEST[field] ?? 0);
          if (text < 0) return -1;
          this.path = text === 0 ? paths.ofText('/') : text;
          break;
        }
        case kind.method: {
          const text = this.#knownText(at, methods, LONGEST[field] ?? 0);
          if (text < 0) return -1;
          this.method = text;
          break;
        }
        case kind.text:
          if (!this.#text(at, LONGEST[field] ?? 0)) return -1;
          break;
        case kind.id:
          if (!this.#text(at, LONGEST[field] ?? 0) || this.#end === at + 2) return -1;
          this.id_start = at + 1;
          this.id_end = this.#end - 1;
          break;
        case kind.time:
          if (!this.#timeAt(at)) return -1;
          break;
        case kind.status: {
          const status = this.#number(at);
          if (!(status >= 100 && status <= 599) || this.#end !== at + 3) return -1;
          this.status = status;
          break;
        }
        case kind.duration: {
          const duration = this.#number(at);
          if (!(duration <= 1e9)) return -1;
          this.duration = duration;
          break;
        }
        case kind.size:
          if (!Number.isInteger(this.#number(at))) return -1;
          break;
        default:
          if (!this.#attributes(at)) return -1;
      }

      at = this.#end;
      let byte = bytes[at] ?? 0;
      if (byte <= SPACE) {
        at = this.#skipSpace(at);
        byte = bytes[at] ?? 0;
      }
      at += 1;
      if (byte === COMMA) continue;
      if (byte !== CLOSE_BRACE || !has_type || at - start > MAX_EVENT_BYTES) return -1;
      if (has_route) this.path = 0;
      return at;
    }
  }

  /** Behind white space. */
  #skipSpace(from: number): number {
    let at = from;
    for (;;) {
      const byte = this.#bytes[at] ?? 0;
      if (byte === LF) this.broken_line = true;
      else if (byte !== SPACE && byte !== 0x09 && byte !== 0x0d) return at;
      at += 1;
    }
  }

  /** The field whose key stands here behind its quote, with a quote and a colon behind it; -1: none that is known. */
  #fieldAt(at: number, previous: number): number {
    const predicted = this.#next[previous] ?? 0;
    if (this.#isKey(at, predicted)) return predicted;
    for (let field = 0; field < FIELDS; field += 1)
      if (this.#isKey(at, field)) {
        this.#next[previous] = field;
        return field;
      }
    return -1;
  }

  #isKey(at: number, field: number): boolean {
    const view = this.#view;
    const length = KEY_LENGTHS[field] ?? 0;
    return length < LONG_KEY
      ? view.getInt32(at, true) === KEY_HEADS[field] &&
          view.getInt32(at + length - 4, true) === KEY_TAILS[field]
      : view.getFloat64(at, true) === KEY_HEADS[field] &&
          view.getFloat64(at + length - LONG_KEY, true) === KEY_TAILS[field];
  }

  /** Where the plain text that begins here ends. */
  #plainEnd(from: number): number {
    const bytes = this.#bytes;
    const view = this.#view;
    let at = from;
    for (;;) {
      // Four bytes at once, by the test for a zero byte in a word (Mycroft 1987); what it suspects is looked at.
      const word = view.getInt32(at, true);
      const quote = word ^ 0x22222222;
      const backslash = word ^ 0x5c5c5c5c;
      const suspect =
        ((word - 0x20202020) & ~word) |
        ((quote - 0x01010101) & ~quote) |
        ((backslash - 0x01010101) & ~backslash);
      if ((suspect & 0x80808080) === 0) {
        at += 4;
        continue;
      }
      const end = at + 4;
      while (PLAIN[bytes[at] ?? 0] === 1) at += 1;
      if (at < end) return at;
    }
  }

  /** Whether a text of at most so many bytes stands here. It has as many UTF-16 units or fewer. */
  #text(at: number, longest: number): boolean {
    if (this.#bytes[at] !== QUOTE) return false;
    const end = this.#plainEnd(at + 1);
    this.#end = end + 1;
    return this.#bytes[end] === QUOTE && end - at - 1 <= longest;
  }

  #knownText(at: number, table: TextTable, longest: number): number {
    if (this.#bytes[at] !== QUOTE) return -1;
    const guessed = table.guess(this.#view, at + 1);
    if (guessed >= 0) {
      this.#end = table.guessed_end + 1;
      return guessed;
    }
    if (!this.#text(at, longest)) return -1;
    return table.ofBytes(this.#bytes, this.#view, at + 1, this.#end - 1);
  }

  #typeAt(at: number): boolean {
    const { types } = this.columns.tables;
    const type = this.#knownText(at, types, LONGEST_TYPE);
    if (type < 0) return false;
    this.type = type;
    const text = types.texts[type] ?? '';
    if (text === this.#valid_type) return true;
    if (!TYPE.test(text)) return false;
    this.#valid_type = text;
    return true;
  }

  /**
   * The number that stands here; NaN where it is negative, has an exponent or too many digits to be sure.
   * A whole number below 2^53 divided by an exact power of ten is rounded once, as `JSON.parse` rounds.
   */
  #number(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    let digit = (bytes[at] ?? 0) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    let whole = 0;
    do {
      whole = (Math.imul(whole, 10) + digit) | 0;
      at += 1;
      digit = (bytes[at] ?? 0) - ZERO;
    } while (digit >= 0 && digit <= 9);
    let digits = at - from;
    if (digits > 1 && bytes[from] === ZERO) return NaN;
    let decimals = 0;
    if (bytes[at] === DOT) {
      at += 1;
      const point = at;
      for (;;) {
        digit = (bytes[at] ?? 0) - ZERO;
        if (!(digit >= 0 && digit <= 9)) break;
        whole = (Math.imul(whole, 10) + digit) | 0;
        at += 1;
      }
      decimals = at - point;
      if (decimals === 0) return NaN;
      digits += decimals;
    }
    this.#end = at;
    if (digits > SHORT_DIGITS) return this.#longNumber(from, digits, decimals);
    return decimals === 0 ? whole : whole / (POWERS_OF_TEN[decimals] ?? NaN);
  }

  #longNumber(from: number, digits: number, decimals: number): number {
    if (digits > EXACT_DIGITS) return NaN;
    let whole = 0;
    for (let at = from; at < this.#end; at += 1) {
      const byte = this.#bytes[at] ?? 0;
      if (byte !== DOT) whole = whole * 10 + byte - ZERO;
    }
    return whole / (POWERS_OF_TEN[decimals] ?? NaN);
  }

  /** Whether a time stands here, as `timeOf` reads it. */
  #timeAt(at: number): boolean {
    if (this.#bytes[at] !== QUOTE) {
      this.time = Math.floor(this.#number(at));
      return this.time <= 8.64e15;
    }
    this.time = this.#timeText(at + 1);
    return !Number.isNaN(this.time);
  }

  /** RFC 3339, its date and minute by {@link parseTime} where they are not those of the last time. */
  #timeText(start: number): number {
    const bytes = this.#bytes;
    const view = this.#view;
    const minute = this.#minute;
    if (
      minute[3] !== view.getInt32(start + 12, true) ||
      minute[2] !== view.getInt32(start + 8, true) ||
      minute[1] !== view.getInt32(start + 4, true) ||
      minute[0] !== view.getInt32(start, true)
    ) {
      this.#minute_begins = parseTime(`${bytes.toString('latin1', start, start + 16)}:00Z`);
      for (let word = 0; word < 4; word += 1) minute[word] = view.getInt32(start + 4 * word, true);
    }
    const second = this.#twoDigits(start + 17);
    if (bytes[start + 16] !== COLON || !(second <= 60)) return NaN;
    let at = start + 19;
    let fraction = 0;
    if (bytes[at] === DOT) {
      at += 1;
      let weight = 100;
      let digit = (bytes[at] ?? 0) - ZERO;
      if (!(digit >= 0 && digit <= 9)) return NaN;
      do {
        fraction += digit * weight;
        weight = weight === 100 ? 10 : weight === 10 ? 1 : 0;
        at += 1;
        digit = (bytes[at] ?? 0) - ZERO;
      } while (digit >= 0 && digit <= 9);
    }
    let zone = 0;
    const sign = bytes[at];
    if (sign === 0x5a || sign === 0x7a) at += 1;
    else if (sign === PLUS || sign === MINUS) {
      const hours = this.#twoDigits(at + 1);
      const minutes = this.#twoDigits(at + 4);
      if (bytes[at + 3] !== COLON || !(hours <= 23 && minutes <= 59)) return NaN;
      zone = (sign === PLUS ? 1 : -1) * (hours * 60 + minutes);
      at += 6;
    } else return NaN;
    if (bytes[at] !== QUOTE || at - start > 40) return NaN;
    this.#end = at + 1;
    return this.#minute_begins + second * 1000 + fraction - zone * 60_000;
  }

  #twoDigits(at: number): number {
    const tens = (this.#bytes[at] ?? 0) - ZERO;
    const ones = (this.#bytes[at + 1] ?? 0) - ZERO;
    return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN;
  }

  /** Whether flat attributes stand here. A name that comes twice is as good as once: the last value counts. */
  #attributes(start: number): boolean {
    const bytes = this.#bytes;
    if (bytes[start] !== OPEN_BRACE) return false;
    let at = this.#skipSpace(start + 1);
    if (bytes[at] === CLOSE_BRACE) {
      this.#end = at + 1;
      return true;
    }
    for (let count = 0; count < MAX_ATTRIBUTES; count += 1) {
      if (!this.#text(at, LONGEST_NAME) || this.#mayBeForbidden(at + 1, this.#end - 1)) return false;
      at = this.#skipSpace(this.#end);
      if (bytes[at] !== COLON) return false;
      at = this.#skipSpace(at + 1);
      if (bytes[at] === QUOTE ? !this.#text(at, LONGEST_VALUE) : !this.#bareValue(at)) return false;
      at = this.#skipSpace(this.#end);
      const byte = bytes[at];
      if (byte === CLOSE_BRACE) {
        this.#end = at + 1;
        return true;
      }
      if (byte !== COMMA) return false;
      at = this.#skipSpace(at + 1);
    }
    return false;
  }

  /** `__proto__`, `constructor` and `prototype` are no names; what looks like them the parser tells apart. */
  #mayBeForbidden(start: number, end: number): boolean {
    const length = end - start;
    if (length !== 9 && length !== 11) return false;
    const first = this.#bytes[start];
    return first === 0x5f || first === 0x63 || first === 0x70;
  }

  /** Whether a number, `true`, `false` or `null` stands here. */
  #bareValue(start: number): boolean {
    const bytes = this.#bytes;
    const first = bytes[start] ?? 0;
    if (first >= 0x61) {
      const word = this.#view.getInt32(start, true);
      const is_false = first === 0x66 && this.#view.getInt32(start + 1, true) === ALSE;
      this.#end = start + (is_false ? 5 : 4);
      return is_false || word === TRUE || word === NULL;
    }
    const from = first === MINUS ? start + 1 : start;
    let at = this.#digitsEnd(from);
    if (at === from || (at > from + 1 && bytes[from] === ZERO)) return false;
    if (bytes[at] === DOT) {
      const point = at + 1;
      at = this.#digitsEnd(point);
      if (at === point) return false;
    }
    this.#end = at;
    return at - start <= LONGEST_NUMBER;
  }

  #digitsEnd(from: number): number {
    let at = from;
    for (;;) {
      const digit = (this.#bytes[at] ?? 0) - ZERO;
      if (!(digit >= 0 && digit <= 9)) return at;
      at += 1;
    }
  }
}
