import type { Clock } from '../../platform/clock.js';
import type { LimitsConfig } from '../dependencies.js';
import type { LimitClass } from './route.js';
import { drawn, fullBucket, refilled, timeUntil, type Bucket, type Rate } from './token-bucket.js';

/** On whose budgets a request draws. */
export interface Drawer {
  /** Absent for the operator and for those who are not signed in. */
  readonly tenant?: string;
  readonly credential: string;
  /** Where the request comes from. */
  readonly address: string;
}

/** Buckets are looked through for full ones when there are twice as many as after the last time, and not below this. */
const FEW_BUCKETS = 1024;

/** One budget, with a bucket for each who has drawn on it. A bucket that is full again is as good as none. */
class Limit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #policy: string;
  #look_through_at = FEW_BUCKETS;

  constructor(
    readonly name: string,
    readonly rate: Rate,
    readonly keyOf: (drawer: Drawer) => string | undefined,
  ) {
    const window_seconds = Math.ceil((60 * rate.burst) / rate.per_minute);
    this.#policy = `"${name}";q=${rate.burst};w=${window_seconds}`;
  }

  get size(): number {
    return this.#buckets.size;
  }

  at(key: string, now: number): Bucket {
    const bucket = this.#buckets.get(key);
    return bucket ? refilled(bucket, this.rate, now) : fullBucket(this.rate, now);
  }

  draw(key: string, now: number, count: number): void {
    this.#buckets.set(key, drawn(this.at(key, now), count));
    if (this.#buckets.size < this.#look_through_at) return;
    for (const [each, bucket] of this.#buckets)
      if (refilled(bucket, this.rate, now).tokens === this.rate.burst) this.#buckets.delete(each);
    this.#look_through_at = Math.max(FEW_BUCKETS, 2 * this.#buckets.size);
  }

  /** The state of a bucket as the IETF draft's headers and as the older ones. */
  headers(bucket: Bucket): Record<string, string> {
    const remaining = Math.max(0, bucket.tokens);
    const reset = seconds(timeUntil(bucket, this.rate, this.rate.burst));
    return {
      'RateLimit-Policy': this.#policy,
      RateLimit: `"${this.name}";r=${remaining};t=${reset}`,
      'X-RateLimit-Limit': String(this.rate.burst),
      'X-RateLimit-Remaining': String(remaining),
      'X-RateLimit-Reset': String(reset),
    };
  }
}

const seconds = (milliseconds: number): number => Math.ceil(milliseconds / 1000);

/** What a request may still draw on the budgets that it falls under: those of its tenant and of its credential. */
export class Allowance {
  #drawn = 0;

  constructor(
    private readonly budgets: readonly { readonly limit: Limit; readonly key: string }[],
    private readonly clock: Pick<Clock, 'monotonic'>,
  ) {}

  /**
   * Draws up to `count` tokens in all for this request; before anything is done, at first one. Undefined where it may go on.
   * Else the seconds after which it may, and nothing is drawn: at first, where a budget has no token; later, where
   * others have overdrawn one meanwhile. So a request with many events gets in while there is a token, and at most
   * one overdraws a budget, by no more than its own size.
   */
  draw(count: number): number | undefined {
    const now = this.#now();
    const needed = this.#drawn === 0 ? 1 : 0;
    let wait = 0;
    for (const { limit, key } of this.budgets) {
      const bucket = limit.at(key, now);
      if (bucket.tokens < needed) wait = Math.max(wait, timeUntil(bucket, limit.rate, 1));
    }
    if (wait > 0) return Math.max(1, seconds(wait));
    const more = count - this.#drawn;
    if (more <= 0) return undefined;
    for (const { limit, key } of this.budgets) limit.draw(key, now, more);
    this.#drawn = count;
    return undefined;
  }

  /** The headers of the budget that is the tightest. */
  headers(): Record<string, string> {
    const now = this.#now();
    let tightest: { readonly limit: Limit; readonly bucket: Bucket } | undefined;
    for (const { limit, key } of this.budgets) {
      const bucket = limit.at(key, now);
      if (!tightest || bucket.tokens < tightest.bucket.tokens) tightest = { limit, bucket };
    }
    return tightest ? tightest.limit.headers(tightest.bucket) : {};
  }

  #now(): number {
    return Math.floor(this.clock.monotonic());
  }
}

/**
 * Token buckets in this process's memory. Several processes side by side each have their own: what a client may do
 * then grows with them.
 */
export class RateLimits {
  readonly #limits: Readonly<Record<LimitClass, readonly Limit[]>>;

  constructor(
    config: LimitsConfig,
    private readonly clock: Pick<Clock, 'monotonic'>,
  ) {
    const limit = (name: string, per_minute: number, keyOf: Limit['keyOf']): Limit =>
      new Limit(
        name,
        { per_minute, burst: Math.max(1, Math.floor((per_minute * config.burst_seconds) / 60)) },
        keyOf,
      );
    this.#limits = {
      requests: [
        limit('requests', config.requests, ({ credential }) => credential),
        limit('tenant_requests', config.tenant_requests, ({ tenant }) => tenant),
      ],
      events: [
        limit('events', config.events, ({ tenant }) => tenant),
        limit('key_events', config.key_events, ({ credential }) => credential),
      ],
      sign_in: [limit('sign_in', config.sign_in, ({ address }) => address)],
      none: [],
    };
  }

  /** What a request may draw on; undefined where its class has no budget. */
  allowance(name: LimitClass, drawer: Drawer): Allowance | undefined {
    const budgets: { limit: Limit; key: string }[] = [];
    for (const limit of this.#limits[name]) {
      const key = limit.keyOf(drawer);
      if (key !== undefined) budgets.push({ limit, key });
    }
    return budgets.length > 0 ? new Allowance(budgets, this.clock) : undefined;
  }

  /** Buckets that are held in memory. */
  get buckets(): number {
    return Object.values(this.#limits)
      .flat()
      .reduce((sum, { size }) => sum + size, 0);
  }
}
