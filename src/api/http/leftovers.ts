import type { IncomingMessage } from 'node:http';

/** What is left of a refused body is thrown away up to here; then the connection ends. */
const LIMIT = 64 * 1024 * 1024;
/** How fast it is read, of all connections together: a few hundredths of a core. */
const BYTES_PER_MS = 32 * 1024;
/** Whose body takes longer to come shares its turn with the next. */
const TURN_MS = 500;

interface Leftover {
  readonly request: IncomingMessage;
  /** Called when there is nothing left; not where the sender has gone before its turn. */
  readonly done: () => void;
}

/**
 * Reads on where the answer is known before the end of the body, so that the client gets to read it: closing with bytes
 * unread would reset the connection under the answer. One body is read at a time, and no faster than so; the others'
 * bytes stay with their senders.
 */
export class Leftovers {
  readonly #waiting = new Set<Leftover>();
  #reading = false;

  add(request: IncomingMessage, done: () => void): void {
    const leftover = { request, done };
    request.on('error', () => undefined);
    request.once('close', () => this.#waiting.delete(leftover));
    request.pause();
    this.#waiting.add(leftover);
    if (!this.#reading) this.#next();
  }

  #next(): void {
    const [leftover] = this.#waiting;
    this.#reading = leftover !== undefined;
    if (!leftover) return;
    this.#waiting.delete(leftover);
    const { request, done } = leftover;
    let size = 0;
    let over = false;
    let passed = false;
    const passOn = (): void => {
      if (passed) return;
      passed = true;
      this.#next();
    };
    const late = setTimeout(passOn, TURN_MS).unref();
    const end = (): void => {
      if (over) return;
      over = true;
      clearTimeout(late);
      done();
      setTimeout(passOn, size / BYTES_PER_MS).unref();
    };
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > LIMIT) request.destroy();
    });
    request.once('end', end).once('close', end);
    request.resume();
  }
}
