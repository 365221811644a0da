import type { Socket } from 'socket.io';
import type { Clock } from '../../platform/clock.js';
import { isReady, write, type Packet } from './packet.js';

/** Sockets that are written to before the event loop gets a turn; about a millisecond. */
export const AT_ONCE = 100;
/** The most of the event loop's time that writing to sockets takes, however many there are. */
const SHARE = 0.7;

interface Receiver {
  readonly socket: Socket;
}

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Writes to many sockets, a few at a time, so that ten thousand do not hold up everything else. */
export class Broadcaster {
  #turns: Promise<void> = Promise.resolve();
  /** When what was written has taken no more than its share; monotonic milliseconds. */
  #paid = 0;
  #sent = 0;
  #skipped = 0;

  constructor(private readonly clock: Clock) {}

  /** Messages written since the start, and those that were not since the one before still waited to be sent. */
  get totals(): { readonly sent: number; readonly skipped: number } {
    return { sent: this.#sent, skipped: this.#skipped };
  }

  /** Resolves when {@link AT_ONCE} sockets may be written to. Who asks waits for those who asked before. */
  turn(): Promise<void> {
    this.#turns = this.#turns.then(() => this.#next());
    return this.#turns;
  }

  /** Those of some members who have got rid of all that they were sent. */
  ready<M extends Receiver>(members: readonly M[]): readonly M[] {
    const ready = members.filter(({ socket }) => isReady(socket));
    this.#skipped += members.length - ready.length;
    return ready;
  }

  /** Writes to members at once, and answers who of them was ready. */
  write<M extends Receiver>(members: readonly M[], packet: Packet): readonly M[] {
    const begun = this.clock.monotonic();
    const ready = this.ready(members);
    for (const { socket } of ready) write(socket, packet);
    this.#sent += ready.length;
    this.#paid = Math.max(this.#paid, begun) + (this.clock.monotonic() - begun) / SHARE;
    return ready;
  }

  async #next(): Promise<void> {
    await pause();
    const early_ms = this.#paid - this.clock.monotonic();
    if (early_ms >= 1) await this.clock.sleep(early_ms);
  }
}
