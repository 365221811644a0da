const LF = 0x0a;
const HEX = Buffer.from('0123456789abcdef');

/** JSON texts, one a line, written piece by piece. */
export class JsonLines {
  #bytes: Buffer;
  #at = 0;

  constructor(room: number) {
    this.#bytes = Buffer.allocUnsafe(room);
  }

  /** Where the next piece goes. */
  get length(): number {
    return this.#at;
  }

  /** Forgets what was written behind a length. */
  back(length: number): void {
    this.#at = length;
  }

  /** Makes sure of room for that many bytes; what writes does not look whether there is any. */
  reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe((this.#at + bytes) * 2);
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }

  /** A short text in ASCII. */
  ascii(text: string): void {
    const bytes = this.#bytes;
    for (let i = 0; i < text.length; i += 1) bytes[this.#at++] = text.charCodeAt(i);
  }

  copy(from: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes;
    for (let at = start; at < end; at += 1) bytes[this.#at++] = from[at] ?? 0;
  }

  hex(from: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes;
    for (let at = start; at < end; at += 1) {
      const byte = from[at] ?? 0;
      bytes[this.#at++] = HEX[byte >>> 4] ?? 0;
      bytes[this.#at++] = HEX[byte & 15] ?? 0;
    }
  }

  /** Any text; takes up to three bytes a character. */
  utf8(text: string): void {
    this.#at += this.#bytes.write(text, this.#at);
  }

  endLine(): void {
    this.#bytes[this.#at++] = LF;
  }

  /** What was written, without the last line break. */
  lines(): Buffer {
    return this.#bytes.subarray(0, Math.max(0, this.#at - 1));
  }
}
