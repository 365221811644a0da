/** What a load came to. */
export interface LoadResult {
  /** Answered as wanted, from the first request on. */
  readonly accepted: number;
  /** Answered as wanted in the time that counts. */
  readonly requests: number;
  /** The time that counts. */
  readonly seconds: number;
  /** Times to the answer in milliseconds. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Answers that were not the status wanted, from the first request on. */
  readonly refused: number;
}

/** The part of a load that warms up and does not count. */
export const WARM_UP = 0.2;

/** The value below which that share of sorted values lies. */
export const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;

/** Counts answers while a load runs. */
export class Tally {
  readonly #times: number[] = [];
  #accepted = 0;
  #refused = 0;
  #last = 0;

  constructor(
    private readonly counted_from: number,
    private readonly wanted_status: number,
  ) {}

  /** An answer to what was sent, or due, at a time. */
  take(status: number, sent: number, answered: number): void {
    if (status !== this.wanted_status) {
      this.#refused += 1;
      return;
    }
    this.#accepted += 1;
    if (sent < this.counted_from) return;
    this.#times.push(answered - sent);
    this.#last = Math.max(this.#last, answered);
  }

  result(): LoadResult {
    const sorted = this.#times.sort((a, b) => a - b);
    return {
      accepted: this.#accepted,
      requests: sorted.length,
      seconds: (this.#last - this.counted_from) / 1000,
      p50_ms: at(sorted, 0.5),
      p99_ms: at(sorted, 0.99),
      refused: this.#refused,
    };
  }
}
