import type { IncomingMessage } from 'node:http';

/** What is left of a refused body is thrown away up to here; then the connection ends. */
const LIMIT = 64 * 1024 * 1024;
/** How fast it is read, of all connections together: a few hundredths of a core. */
const BYTES_PER_MS = 32 * 1024;

/**
 * Reads on where the answer came before the end of the body, so that the client gets to read it: closing with bytes
 * unread would reset the connection under the answer. One body is read at a time, and no faster than so; the others'
 * bytes stay with their senders, who have been told to come back later.
 */
export class Leftovers {
  readonly #waiting = new Set<IncomingMessage>();
  #reading = false;

  add(request: IncomingMessage): void {
    request.on('error', () => undefined);
    request.once('close', () => this.#waiting.delete(request));
    request.pause();
    // Node reads on by itself, at full speed, where nobody has asked for the body.
    request.read(0);
    this.#waiting.add(request);
    if (!this.#reading) this.#next();
  }

  #next(): void {
    const [request] = this.#waiting;
    this.#reading = request !== undefined;
    if (!request) return;
    this.#waiting.delete(request);
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > LIMIT) request.destroy();
    });
    request.once('close', () => {
      setTimeout(() => {
        this.#next();
      }, size / BYTES_PER_MS).unref();
    });
    request.resume();
  }
}
