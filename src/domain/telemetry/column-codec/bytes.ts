/** How bytes are made smaller where that pays. Comes in from outside: the domain has no libraries. */
export interface Compression {
  compress(bytes: Uint8Array): Uint8Array;
  /** `length`: how many bytes there were. Throws where the bytes are none that `compress` made. */
  expand(bytes: Uint8Array, length: number): Uint8Array;
}

/** Stored bytes do not hold what was encoded. */
export class UndecodableColumns extends Error {
  constructor(detail: string) {
    super(`The encoded lines cannot be read: ${detail}.`);
    this.name = 'UndecodableColumns';
  }
}

/** Below this a compressor's own bytes cost more than it saves. */
const SMALLEST_COMPRESSED = 48;
/** What looks like noise at its beginning is taken for noise: compressing it costs time and saves nothing. */
const SAMPLE_BYTES = 4_096;

/** Bytes whose compressed form is worth the time of expanding it. */
const isWorth = (compressed: number, plain: number): boolean => compressed + 16 < plain - plain / 16;

/** Writes numbers, texts and bytes one after another. Little-endian; numbers as varints of seven bits a byte. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(readonly compression: Compression) {
    this.#bytes = new Uint8Array(256);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written: a view that holds until more is. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  /** A whole number from -2^52 to 2^52: zigzag, so that small ones of both signs are short. */
  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  put(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Characters up to 0xff, each as one byte, with their number before them. */
  latin1(text: string): void {
    this.varint(text.length);
    const at = this.#room(text.length);
    for (let i = 0; i < text.length; i += 1) this.#bytes[at + i] = text.charCodeAt(i);
  }

  /** Bytes with their number before them. */
  sized(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.put(bytes);
  }

  /** Bytes, compressed where that pays: stored length times two, plus one where compressed, then the plain length. */
  blob(bytes: Uint8Array): void {
    const compressed = bytes.length >= SMALLEST_COMPRESSED ? this.#compressed(bytes) : undefined;
    if (compressed) {
      this.varint(compressed.length * 2 + 1);
      this.varint(bytes.length);
      this.put(compressed);
    } else {
      this.varint(bytes.length * 2);
      this.put(bytes);
    }
  }

  #compressed(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length > 2 * SAMPLE_BYTES) {
      const sample = this.compression.compress(bytes.subarray(0, SAMPLE_BYTES));
      if (!isWorth(sample.length, SAMPLE_BYTES)) return undefined;
    }
    const compressed = this.compression.compress(bytes);
    return isWorth(compressed.length, bytes.length) ? compressed : undefined;
  }

  /** Makes room for some bytes and says where they go. */
  #room(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    return at;
  }
}

/** Reads what a {@link ByteWriter} wrote; throws UndecodableColumns where the bytes end before. */
export class ByteReader {
  #at: number;

  constructor(
    private readonly from: Uint8Array,
    readonly compression: Compression,
    at = 0,
  ) {
    this.#at = at;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.from.length - this.#at;
  }

  byte(): number {
    const value = this.from[this.#at++];
    if (value === undefined) throw new UndecodableColumns('it ends too early');
    return value;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      if (factor > Number.MAX_SAFE_INTEGER / 0x80) throw new UndecodableColumns('a number is too large');
    }
    return value;
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  /** A view of the next bytes. */
  take(count: number): Uint8Array {
    const start = this.#at;
    this.#at += count;
    if (this.#at > this.from.length) throw new UndecodableColumns('it ends too early');
    return this.from.subarray(start, this.#at);
  }

  latin1(): string {
    const bytes = this.take(this.varint());
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  }

  sized(): Uint8Array {
    return this.take(this.varint());
  }

  blob(): Uint8Array {
    const mark = this.varint();
    if (mark % 2 === 0) return this.take(mark / 2);
    const length = this.varint();
    const bytes = this.#expand(this.take((mark - 1) / 2), length);
    if (bytes.length !== length) throw new UndecodableColumns('it expands to another length');
    return bytes;
  }

  #expand(bytes: Uint8Array, length: number): Uint8Array {
    try {
      return this.compression.expand(bytes, length);
    } catch (error) {
      throw new UndecodableColumns(`it cannot be expanded (${String(error)})`);
    }
  }
}
