import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { LimitsConfig } from '../dependencies.js';
import type { LimitClass } from './route.js';

/** How much of a budget is left, after a request drew on it. */
export interface Budget {
  readonly name: string;
  readonly limit: number;
  readonly window_seconds: number;
  readonly remaining: number;
  readonly reset_seconds: number;
  readonly exceeded: boolean;
}

const WINDOW_SECONDS = 60;

/**
 * Budgets of one minute in this process's memory. Several processes side by side each have their own: what a client
 * may do then grows with them.
 */
export class RateLimits {
  readonly #limiters: ReadonlyMap<LimitClass, RateLimiterMemory>;

  constructor(private readonly config: LimitsConfig) {
    const limiter = (points: number): RateLimiterMemory =>
      new RateLimiterMemory({ points, duration: WINDOW_SECONDS });
    this.#limiters = new Map([
      ['requests', limiter(config.requests)],
      ['events', limiter(config.events)],
      ['sign_in', limiter(config.sign_in)],
    ]);
  }

  /** Draws on a budget; undefined where the class has none. */
  async take(name: LimitClass, key: string, points = 1): Promise<Budget | undefined> {
    const limiter = this.#limiters.get(name);
    if (!limiter || name === 'none') return undefined;
    try {
      return this.#budget(name, await limiter.consume(key, points), false);
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return this.#budget(name, refusal, true);
      throw refusal;
    }
  }

  /** Draws on a budget for what is done already: a batch is counted once it is known how many events it has. */
  async charge(name: LimitClass, key: string, points: number): Promise<void> {
    if (points > 0) await this.#limiters.get(name)?.penalty(key, points);
  }

  #budget(name: keyof LimitsConfig, state: RateLimiterRes, exceeded: boolean): Budget {
    return {
      name,
      limit: this.config[name],
      window_seconds: WINDOW_SECONDS,
      remaining: Math.max(0, state.remainingPoints),
      reset_seconds: Math.max(1, Math.ceil(state.msBeforeNext / 1000)),
      exceeded,
    };
  }
}

/** The budget as the IETF draft's headers and as the older ones. */
export const budgetHeaders = (budget: Budget): Record<string, string> => {
  const { name, limit, window_seconds, remaining, reset_seconds } = budget;
  return {
    'RateLimit-Policy': `"${name}";q=${String(limit)};w=${String(window_seconds)}`,
    RateLimit: `"${name}";r=${String(remaining)};t=${String(reset_seconds)}`,
    'X-RateLimit-Limit': String(limit),
    'X-RateLimit-Remaining': String(remaining),
    'X-RateLimit-Reset': String(reset_seconds),
  };
};
