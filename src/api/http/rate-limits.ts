import type { Clock } from '../../platform/clock.js';
import type { Standing } from '../../commands/ingest/quotas.js';
import type { Limits } from '../../domain/tenancy/limits.js';
import type { ServerLimits } from '../dependencies.js';
import type { LimitClass } from './route.js';
import { drawn, fullBucket, refilled, timeUntil, type Bucket, type Rate } from './token-bucket.js';

/** On whose budgets a request draws. */
export interface Drawer {
  /** Absent for the operator and for those who are not signed in. */
  readonly tenant: string | undefined;
  readonly credential: string;
  /** Where the request comes from. */
  readonly address: string;
}

/** Buckets are looked through for full ones when there are twice as many as after the last time, and not below this. */
const FEW_BUCKETS = 1024;

/** One budget, with a bucket for each who has drawn on it. A bucket that is full again is as good as none. */
class Limit {
  readonly #buckets = new Map<string, { readonly bucket: Bucket; readonly rate: Rate }>();
  #look_through_at = FEW_BUCKETS;

  constructor(
    readonly name: string,
    private readonly perMinute: (limits: Limits) => number,
    readonly keyOf: (drawer: Drawer) => string | undefined,
  ) {}

  rateOf(limits: Limits): Rate {
    const per_minute = this.perMinute(limits);
    return { per_minute, burst: Math.max(1, Math.floor((per_minute * limits.burst_seconds) / 60)) };
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Under another rate than before a bucket holds what it held, as far as there is room. */
  at(key: string, rate: Rate, now: number): Bucket {
    const known = this.#buckets.get(key);
    return known ? refilled(known.bucket, rate, now) : fullBucket(rate, now);
  }

  draw(key: string, rate: Rate, now: number, count: number): void {
    this.#buckets.set(key, { bucket: drawn(this.at(key, rate, now), count), rate });
    if (this.#buckets.size < this.#look_through_at) return;
    for (const [each, { bucket, rate: its }] of this.#buckets)
      if (refilled(bucket, its, now).tokens === its.burst) this.#buckets.delete(each);
    this.#look_through_at = Math.max(FEW_BUCKETS, 2 * this.#buckets.size);
  }

  /** The state of a bucket as the IETF draft's headers and as the older ones. */
  headers(bucket: Bucket, { per_minute, burst }: Rate): Record<string, string> {
    const remaining = Math.max(0, bucket.tokens);
    const reset = seconds(timeUntil(bucket, { per_minute, burst }, burst));
    const window_seconds = Math.ceil((60 * burst) / per_minute);
    return {
      'RateLimit-Policy': `"${this.name}";q=${burst};w=${window_seconds}`,
      RateLimit: `"${this.name}";r=${remaining};t=${reset}`,
      'X-RateLimit-Limit': String(burst),
      'X-RateLimit-Remaining': String(remaining),
      'X-RateLimit-Reset': String(reset),
    };
  }
}

const DAY_SECONDS = 86_400;

/** Adds a day's quotas to a budget's headers; the IETF draft takes several policies in a list. */
export const withQuotas = (
  headers: Readonly<Record<string, string>>,
  { quota: { events_per_day, bytes_per_day }, left, seconds: t }: Standing,
): Record<string, string> => {
  const policies: string[] = [];
  const rest: string[] = [];
  if (events_per_day !== undefined) {
    policies.push(`"events_per_day";q=${events_per_day};w=${DAY_SECONDS}`);
    rest.push(`"events_per_day";r=${left.events};t=${t}`);
  }
  if (bytes_per_day !== undefined) {
    policies.push(`"bytes_per_day";q=${bytes_per_day};qu="content-bytes";w=${DAY_SECONDS}`);
    rest.push(`"bytes_per_day";r=${left.bytes};t=${t}`);
  }
  const { 'RateLimit-Policy': policy = '', RateLimit: state = '' } = headers;
  return {
    ...headers,
    'RateLimit-Policy': [policy, ...policies].join(', '),
    RateLimit: [state, ...rest].join(', '),
  };
};

const seconds = (milliseconds: number): number => Math.ceil(milliseconds / 1000);

/** A budget that a request draws on. */
interface Budget {
  readonly limit: Limit;
  readonly key: string;
  readonly rate: Rate;
}

/** What a request may still draw on the budgets that it falls under: those of its tenant and of its credential. */
export class Allowance {
  #drawn = 0;

  constructor(
    private readonly budgets: readonly Budget[],
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
    for (const { limit, key, rate } of this.budgets) {
      const bucket = limit.at(key, rate, now);
      if (bucket.tokens < needed) wait = Math.max(wait, timeUntil(bucket, rate, 1));
    }
    if (wait > 0) return Math.max(1, seconds(wait));
    const more = count - this.#drawn;
    if (more <= 0) return undefined;
    for (const { limit, key, rate } of this.budgets) limit.draw(key, rate, now, more);
    this.#drawn = count;
    return undefined;
  }

  /** The headers of the budget that is the tightest. */
  headers(): Record<string, string> {
    const now = this.#now();
    let tightest: { readonly budget: Budget; readonly bucket: Bucket } | undefined;
    for (const budget of this.budgets) {
      const bucket = budget.limit.at(budget.key, budget.rate, now);
      if (!tightest || bucket.tokens < tightest.bucket.tokens) tightest = { budget, bucket };
    }
    return tightest ? tightest.budget.limit.headers(tightest.bucket, tightest.budget.rate) : {};
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
    private readonly server: ServerLimits,
    private readonly clock: Pick<Clock, 'monotonic'>,
  ) {
    const ofTenant: Limit['keyOf'] = ({ tenant }) => tenant;
    const ofCredential: Limit['keyOf'] = ({ credential }) => credential;
    const ofAddress: Limit['keyOf'] = ({ address }) => address;
    this.#limits = {
      requests: [
        new Limit('requests', (limits) => limits.requests_per_minute, ofCredential),
        new Limit('tenant_requests', (limits) => limits.tenant_requests_per_minute, ofTenant),
      ],
      events: [
        new Limit('events', (limits) => limits.events_per_minute, ofTenant),
        new Limit('key_events', (limits) => limits.key_events_per_minute, ofCredential),
      ],
      sign_in: [new Limit('sign_in', () => server.sign_ins_per_minute, ofAddress)],
      none: [],
    };
  }

  /** What a request may draw on, under the limits that hold for it; undefined where its class has no budget. */
  allowance(name: LimitClass, drawer: Drawer, limits: Limits = this.server): Allowance | undefined {
    const budgets: Budget[] = [];
    for (const limit of this.#limits[name]) {
      const key = limit.keyOf(drawer);
      if (key !== undefined) budgets.push({ limit, key, rate: limit.rateOf(limits) });
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
