import type { IncomingMessage } from 'node:http';

/** What is left of a refused body is thrown away up to here; then the connection ends. */
const LIMIT = 64 * 1024 * 1024;
/** So many bodies are read at once: those who send more than is taken wait, and the time goes to what is taken. */
const AT_ONCE = 2;

/**
 * Reads on where the answer came before the end of the body, so that the client gets to read it: closing with bytes
 * unread would reset the connection under the answer. It reads a few at a time; the others' bytes stay with their senders.
 */
export class Leftovers {
  readonly #waiting = new Set<IncomingMessage>();
  #reading = 0;

  add(request: IncomingMessage): void {
    request.on('error', () => undefined);
    request.once('close', () => this.#waiting.delete(request));
    request.pause();
    // Node reads on by itself, at full speed, where nobody has asked for the body.
    request.read(0);
    this.#waiting.add(request);
    this.#next();
  }

  #next(): void {
    for (const request of this.#waiting) {
      if (this.#reading >= AT_ONCE) return;
      this.#waiting.delete(request);
      this.#read(request);
    }
  }

  #read(request: IncomingMessage): void {
    this.#reading += 1;
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > LIMIT) request.destroy();
    });
    request.once('close', () => {
      this.#reading -= 1;
      this.#next();
    });
    request.resume();
  }
}
