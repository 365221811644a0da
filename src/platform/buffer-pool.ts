const SMALLEST = 64 * 1024;

/** The sizes that buffers have: powers of two, so that one left behind by one body fits the next. */
const sizeFor = (bytes: number): number => Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(bytes)));

/**
 * Memory for large buffers that is used again: the collector knows how much memory buffers hold, and marks the whole
 * heap for every 64 MB of new ones. Who takes a buffer gives it back once, when nothing reads it any more; what is
 * never given back is collected like any other.
 */
export class BufferPool {
  readonly #free = new Map<number, ArrayBufferLike[]>();
  #kept = 0;

  /** `limit`: bytes that are kept for the next one. */
  constructor(
    private readonly limit: number,
    private readonly make = (size: number): ArrayBufferLike => new ArrayBuffer(size),
  ) {}

  /** A buffer of exactly so many bytes, with anything in it. */
  take(bytes: number): Buffer {
    const size = sizeFor(bytes);
    const kept = this.#free.get(size)?.pop();
    if (kept) this.#kept -= size;
    return Buffer.from(kept ?? this.make(size), 0, bytes);
  }

  give({ buffer }: Buffer): void {
    const size = buffer.byteLength;
    if (this.#kept + size > this.limit) return;
    const free = this.#free.get(size);
    if (free) free.push(buffer);
    else this.#free.set(size, [buffer]);
    this.#kept += size;
  }
}
