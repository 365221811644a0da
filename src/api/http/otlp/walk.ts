/** Thrown where something is written in a way that a quick reader leaves to the thorough one; always this one. */
export const unusual = new Error('This is for the thorough reader.');

/** A field's tag: its number and how its value is written. */
export const varint = (field: number): number => field * 8;
export const fixed64 = (field: number): number => field * 8 + 1;
export const delimited = (field: number): number => field * 8 + 2;

const WIRE_VARINT = 0;
const WIRE_FIXED_64 = 1;
const WIRE_DELIMITED = 2;
const WIRE_FIXED_32 = 5;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const QUESTION_MARK = 0x3f;
const HASH = 0x23;
const COLON = 0x3a;

/**
 * Walks protobuf's wire format in place. After {@link next} has given a tag, the field's value is either the number in
 * `value` or the bytes from `start` to `end`. A message inside is walked by setting `at` to its start, and back to its
 * end afterwards.
 */
export class Walk {
  at = 0;
  value = 0;
  start = 0;
  end = 0;

  constructor(readonly bytes: Buffer) {}

  /** The next field's tag, up to the end of its message; 0 where there is none. */
  next(to: number): number {
    if (this.at >= to) return 0;
    const tag = this.#number();
    this.start = this.at;
    switch (tag & 7) {
      case WIRE_VARINT:
        this.value = this.#number();
        break;
      case WIRE_FIXED_64:
        this.at += 8;
        break;
      case WIRE_DELIMITED: {
        const length = this.#number();
        this.start = this.at;
        this.at += length;
        break;
      }
      case WIRE_FIXED_32:
        this.at += 4;
        break;
      default:
        throw unusual;
    }
    this.end = this.at;
    if (this.end > to || tag < 8) throw unusual;
    return tag;
  }

  /** A varint below 2^49; larger ones, negative ones among them, are left to the thorough reader. */
  #number(): number {
    const { bytes } = this;
    let byte = bytes[this.at++] ?? 0;
    if (byte < 0x80) return byte;
    let number = byte & 0x7f;
    let unit = 0x80;
    for (let more = 0; more < 6; more += 1) {
      byte = bytes[this.at++] ?? 0;
      number += (byte & 0x7f) * unit;
      if (byte < 0x80) return number;
      unit *= 0x80;
    }
    throw unusual;
  }

  /** 32 bits, little endian. */
  word(at: number): number {
    const { bytes } = this;
    return (
      ((bytes[at] ?? 0) |
        ((bytes[at + 1] ?? 0) << 8) |
        ((bytes[at + 2] ?? 0) << 16) |
        ((bytes[at + 3] ?? 0) << 24)) >>>
      0
    );
  }

  /** Whether bytes are ASCII that stands in a JSON string as it is. */
  isPlain(from: number, to: number): boolean {
    const { bytes } = this;
    for (let at = from; at < to; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte < 0x20 || byte >= 0x7f || byte === QUOTE || byte === BACKSLASH) return false;
    }
    return true;
  }

  /** Whether bytes are a path without a query, a fragment and an origin. */
  isBarePath(from: number, to: number): boolean {
    const { bytes } = this;
    for (let at = from; at < to; at += 1) {
      const byte = bytes[at];
      if (byte === QUESTION_MARK || byte === HASH || byte === COLON) return false;
    }
    return true;
  }

  /** Whether as many bytes at two places are the same. */
  same(one: number, other: number, length: number): boolean {
    const { bytes } = this;
    for (let i = 0; i < length; i += 1) if (bytes[one + i] !== bytes[other + i]) return false;
    return true;
  }

  /** Bytes as text, a character each. */
  latin1(from: number, to: number): string {
    return this.bytes.toString('latin1', from, to);
  }

  /** Whether bytes are those of a text in ASCII. */
  is(text: string, from: number, to: number): boolean {
    if (text.length !== to - from) return false;
    for (let i = 0; i < text.length; i += 1) if (this.bytes[from + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** FNV-1a of bytes, 32 bits. */
  hash(from: number, to: number): number {
    const { bytes } = this;
    let hash = 0x811c9dc5;
    for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
    return hash;
  }
}
