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

const QUESTION_MARK = 0x3f;
const HASH = 0x23;
const COLON = 0x3a;

const PLAIN_WORD = 0x61616161;

/** Whether four bytes are ASCII that stands for itself in a JSON string, by the test for a zero byte (Mycroft 1987). */
const isPlainWord = (word: number): boolean => {
  const quote = word ^ 0x22222222;
  const backslash = word ^ 0x5c5c5c5c;
  // With the high bit of a byte set it is a suspect itself, so nothing has to be taken out again.
  const suspect = (word - 0x20202020) | (quote - 0x01010101) | (backslash - 0x01010101) | word;
  return (suspect & 0x80808080) === 0;
};

/** Zeros behind the bytes: what is read ahead, a word at a time, is not outside of them. */
const MARGIN = 32;
/** A larger body has room of its own, which goes with it. */
const KEPT_ROOM = 4 * 1024 * 1024;

/** Of its own, not of a pool: views of it begin at 0. */
const newRoom = (bytes: number): Buffer => Buffer.from(new ArrayBuffer(bytes));

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
  /** The body's bytes and some zeros: a copy, for one body after another. */
  bytes = newRoom(64 * 1024);
  view = new DataView(this.bytes.buffer);
  #kept = this.bytes;

  /** Begins with another body. */
  begin(body: Uint8Array): void {
    const needed = body.length + MARGIN;
    let room = this.#kept;
    if (room.length < needed) {
      room = newRoom(2 * needed);
      if (room.length <= KEPT_ROOM) this.#kept = room;
    }
    if (this.bytes !== room) {
      this.bytes = room;
      this.view = new DataView(room.buffer);
    }
    room.set(body);
    room.fill(0, body.length, needed);
    this.at = 0;
  }

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
    return this.view.getUint32(at, true);
  }

  /** Whether bytes are ASCII that stands in a JSON string as it is. */
  isPlain(from: number, to: number): boolean {
    const { view } = this;
    const whole = to - ((to - from) & 3);
    for (let at = from; at < whole; at += 4) if (!isPlainWord(view.getInt32(at, true))) return false;
    const inside = (1 << (8 * (to - whole))) - 1;
    return isPlainWord((view.getInt32(whole, true) & inside) | (PLAIN_WORD & ~inside));
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
    const { view } = this;
    const whole = length & ~3;
    for (let i = 0; i < whole; i += 4)
      if (view.getInt32(one + i, true) !== view.getInt32(other + i, true)) return false;
    const difference = view.getInt32(one + whole, true) ^ view.getInt32(other + whole, true);
    return (difference & ((1 << (8 * (length - whole))) - 1)) === 0;
  }

  /** Bytes as text, a character each. */
  latin1(from: number, to: number): string {
    return this.bytes.toString('latin1', from, to);
  }
}
