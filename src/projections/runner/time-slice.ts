import { setImmediate as otherWork } from 'node:timers/promises';
import type { Clock } from '../../platform/clock.js';

/** Keeps long work from holding up the process: requests get their turn every few milliseconds. */
export class TimeSlice {
  #since: number;

  constructor(
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly milliseconds = 8,
  ) {
    this.#since = clock.monotonic();
  }

  get over(): boolean {
    return this.clock.monotonic() - this.#since >= this.milliseconds;
  }

  /** Lets everything else that is waiting run once. */
  async rest(): Promise<void> {
    await otherWork();
    this.#since = this.clock.monotonic();
  }
}
