import type { WrittenEvent } from './event.js';

export interface Limits {
  readonly events: number;
  readonly bytes: number;
}

/** Events that wait, the oldest first, within bounds of number and of bytes. */
export class Queue {
  #events: (WrittenEvent | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  get length(): number {
    return this.#events.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(event: WrittenEvent): void {
    this.#events.push(event);
    this.#bytes += event.bytes;
  }

  /** Takes the oldest events out, as many as the limits allow; one at least where there is one. */
  take(limits: Limits): WrittenEvent[] {
    const taken: WrittenEvent[] = [];
    let bytes = 0;
    while (taken.length < limits.events) {
      const event = this.#events[this.#head];
      if (!event || (taken.length > 0 && bytes + event.bytes > limits.bytes)) break;
      bytes += event.bytes;
      taken.push(event);
      this.#events[this.#head] = undefined;
      this.#head += 1;
    }
    this.#bytes -= bytes;
    // Moved together only once half is empty: what is taken has then paid for what is moved.
    if (this.#head * 2 >= this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }
}
