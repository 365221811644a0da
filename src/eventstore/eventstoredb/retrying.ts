import type { Clock } from '../../platform/clock.js';
import { EventStoreUnavailable } from '../event-store.js';

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2_000;

export interface Patience {
  readonly clock: Clock;
  /** Milliseconds after which a store that does not answer is given up. */
  readonly retryFor: number;
  /** Ends all waiting. */
  readonly closing: AbortSignal;
}

/** Pauses that double, up to a bound; `reset` after a success. */
export class BackOff {
  #pause = FIRST_PAUSE;

  constructor(private readonly clock: Clock) {}

  get next(): number {
    return this.#pause;
  }

  async wait(signal: AbortSignal): Promise<void> {
    const pause = this.#pause;
    this.#pause = Math.min(pause * 2, LONGEST_PAUSE);
    await this.clock.sleep(pause, signal);
  }

  reset(): void {
    this.#pause = FIRST_PAUSE;
  }
}

/**
 * Repeats what failed until it gives an answer, for a bounded time. What is repeated must be harmless to repeat: after
 * a failure nobody knows whether the server had done it.
 */
export const untilAnswered = async <T>(
  { clock, retryFor, closing }: Patience,
  attempt: () => Promise<T>,
): Promise<T> => {
  const start = clock.monotonic();
  const backOff = new BackOff(clock);
  for (;;) {
    if (closing.aborted) throw closed();
    try {
      return await attempt();
    } catch (error) {
      if (clock.monotonic() - start + backOff.next > retryFor) throw unreachable(error);
    }
    await backOff.wait(closing);
  }
};

export const closed = (): EventStoreUnavailable =>
  new EventStoreUnavailable('closed', 'the event store was closed');

/** What a failed call becomes for a caller. */
export const unreachable = (error: unknown): EventStoreUnavailable =>
  error instanceof EventStoreUnavailable
    ? error
    : new EventStoreUnavailable(
        'unreachable',
        `EventStoreDB: ${error instanceof Error ? error.message : String(error)}`,
      );
