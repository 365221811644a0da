/** Larger ones are not kept, and no more than so many. */
const KEPT_BYTES = 4 * 1024 * 1024;
const KEPT = 8;

/**
 * Buffers that are used again: what every request made anew and threw away would have the collector run, since it
 * counts memory outside of its heap too.
 */
export class Rooms {
  readonly #idle: Buffer[] = [];

  /** A buffer of at least so many bytes, with a memory of its own; what is in it means nothing. */
  take(bytes: number): Buffer {
    const fits = this.#idle.findIndex(({ length }) => length >= bytes);
    const [found] = fits < 0 ? [] : this.#idle.splice(fits, 1);
    return found ?? Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(bytes))));
  }

  /** Gives a buffer back, which nobody looks at any more. */
  release(room: Buffer): void {
    if (this.#idle.length < KEPT && room.length <= KEPT_BYTES) this.#idle.push(room);
  }
}
