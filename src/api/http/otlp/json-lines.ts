const LF = 0x0a;
const ZERO = 0x30;
const DOT = 0x2e;

/** The two hexadecimal digits of each byte, and the two decimal ones of each number below 100, as they stand in memory. */
const HEX_PAIRS = Uint16Array.from({ length: 256 }, (_, byte) =>
  Buffer.from(byte.toString(16).padStart(2, '0')).readUInt16LE(),
);
const DECIMAL_PAIRS = Uint16Array.from({ length: 100 }, (_, number) =>
  Buffer.from(String(number).padStart(2, '0')).readUInt16LE(),
);

/** Bytes behind what is copied that copying may read, and in front of it may write: it goes by words. */
const MARGIN = 8;

/** A text that is written again and again. */
export interface Piece {
  readonly view: DataView;
  readonly length: number;
}

export const piece = (text: string): Piece => {
  const bytes = new Uint8Array(Buffer.byteLength(text) + MARGIN);
  return { view: new DataView(bytes.buffer), length: Buffer.from(bytes.buffer).write(text) };
};

/** JSON texts, one a line, written piece by piece. What writes does not look whether there is room: see {@link reserve}. */
export class JsonLines {
  #bytes: Buffer;
  #view: DataView;
  #at = 0;

  /** `room`: with a buffer of its own, not of a pool. */
  constructor(room: Buffer) {
    this.#bytes = room;
    this.#view = new DataView(room.buffer);
  }

  /** Where the next piece goes. */
  get length(): number {
    return this.#at;
  }

  /** What is written to: the bytes up to {@link length}, and behind them nothing that means anything. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  get view(): DataView {
    return this.#view;
  }

  /** Forgets what was written behind a length. */
  back(length: number): void {
    this.#at = length;
  }

  /** Makes sure of room for that many bytes. */
  reserve(bytes: number): void {
    const needed = this.#at + bytes + MARGIN;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.from(new ArrayBuffer(needed * 2));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  byte(byte: number): void {
    this.#bytes[this.#at++] = byte;
  }

  /** A short text in ASCII. */
  ascii(text: string): void {
    const bytes = this.#bytes;
    for (let i = 0; i < text.length; i += 1) bytes[this.#at++] = text.charCodeAt(i);
  }

  piece({ view, length }: Piece): void {
    this.copy(view, 0, length);
  }

  /**
   * Bytes of a view, behind which there are seven more. They go by eight, as doubles: bytes of a text are never those of
   * a NaN, which alone may become another on the way.
   */
  copy(from: DataView, start: number, end: number): void {
    const view = this.#view;
    const shift = this.#at - start;
    for (let at = start; at < end; at += 8) view.setFloat64(at + shift, from.getFloat64(at, true), true);
    this.#at = end + shift;
  }

  /** Bytes that were written before, once more. */
  again(start: number, end: number): void {
    this.copy(this.#view, start, end);
  }

  hex(from: Uint8Array, start: number, end: number): void {
    const view = this.#view;
    let to = this.#at;
    for (let at = start; at < end; at += 1, to += 2) view.setUint16(to, HEX_PAIRS[from[at] ?? 0] ?? 0, true);
    this.#at = to;
  }

  /** A whole number from 0 to 2^53 in decimal. */
  whole(number: number): void {
    if (number < 1e9) {
      let digits = 1;
      for (let power = 10; power <= number; power *= 10) digits += 1;
      this.#digits(number, digits);
      return;
    }
    const high = Math.floor(number / 1e9);
    this.whole(high);
    this.#digits(number - high * 1e9, 9);
  }

  /**
   * So many millionths, from 0 to 10^15, as `JSON.stringify` writes the quotient: of up to fifteen digits no shorter
   * text means the same double.
   */
  millionths(number: number): void {
    const whole = Math.floor(number / 1e6);
    this.whole(whole);
    const rest = number - whole * 1e6;
    if (rest === 0) return;
    this.byte(DOT);
    this.#digits(rest, 6);
    while (this.#bytes[this.#at - 1] === ZERO) this.#at -= 1;
  }

  /** The last so many digits of a whole number below 10^9. */
  #digits(number: number, digits: number): void {
    let rest = number | 0;
    let at = this.#at + digits;
    for (; at >= this.#at + 2; at -= 2) {
      const above = (rest / 100) | 0;
      this.#view.setUint16(at - 2, DECIMAL_PAIRS[rest - above * 100] ?? 0, true);
      rest = above;
    }
    if (at > this.#at) this.#bytes[this.#at] = ZERO + (rest % 10);
    this.#at += digits;
  }

  /** Any text; takes up to three bytes a character. */
  utf8(text: string): void {
    this.#at += this.#bytes.write(text, this.#at);
  }

  endLine(): void {
    this.byte(LF);
  }

  /** What was written, without the last line break. */
  lines(): Buffer {
    return this.#bytes.subarray(0, Math.max(0, this.#at - 1));
  }
}
