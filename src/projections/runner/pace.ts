import type { Clock } from '../../platform/clock.js';

/** Rests this many times as long as the last write took: writing then takes a tenth of the time at most. */
const REST = 9;
/** However long a write takes, readers are not behind by much more than this. */
const LONGEST_REST_MS = 100;

/**
 * Says when to write again while events keep coming: a document that changes with each of them is then written once
 * for many. After a pause in the events that is at once.
 */
export class Pace {
  #rested_at = -Infinity;

  constructor(private readonly clock: Pick<Clock, 'monotonic' | 'sleep'>) {}

  get isRested(): boolean {
    return this.clock.monotonic() >= this.#rested_at;
  }

  /** Resolves when it is time, or nearly. */
  async rested(): Promise<undefined> {
    await this.clock.sleep(Math.max(0, this.#rested_at - this.clock.monotonic()));
    return undefined;
  }

  /** Carries a write out and takes its measure. */
  async of(write: () => Promise<void>): Promise<void> {
    const begun = this.clock.monotonic();
    await write();
    const now = this.clock.monotonic();
    this.#rested_at = now + Math.min(LONGEST_REST_MS, REST * (now - begun));
  }
}
