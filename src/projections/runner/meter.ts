import type { Clock } from '../../platform/clock.js';

const SECONDS = 10;

/** Events a second over the last ten seconds. */
export class Meter {
  readonly #counts = new Map<number, number>();

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  add(events: number): void {
    const second = this.#second();
    this.#counts.set(second, (this.#counts.get(second) ?? 0) + events);
    for (const old of this.#counts.keys()) if (old <= second - SECONDS) this.#counts.delete(old);
  }

  get per_second(): number {
    const second = this.#second();
    let sum = 0;
    for (const [at, count] of this.#counts) if (at > second - SECONDS) sum += count;
    return sum / SECONDS;
  }

  #second(): number {
    return Math.floor(this.clock.monotonic() / 1000);
  }
}
