import { emptyHistogram, HistogramSum, type Histogram } from '../../domain/telemetry/histogram.js';
import type { Series } from './series-table.js';

/** Durations in milliseconds; null where no event has one. */
export interface Latency {
  readonly avg_ms: number | null;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
}

/**
 * Volume and failures, in whole requests. Errors are the service's, client errors the clients': neither contains the
 * other. Rates are of the exact sums.
 */
export interface Volume {
  readonly requests: number;
  readonly errors: number;
  readonly client_errors: number;
  readonly error_rate: number;
  readonly client_error_rate: number;
}

const sum = new HistogramSum();
/** Histograms that a summary holds: of more it makes one. */
const MOST_HISTOGRAMS = 1_000;

const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** What adds up: of a series, or of many. */
export type Summable = Pick<
  Series,
  'count' | 'errors' | 'client_errors' | 'timed' | 'sum_us' | 'min_ms' | 'max_ms' | 'latency'
>;

/** Adds series of any buckets up. */
export class Summary {
  requests = 0;
  errors = 0;
  client_errors = 0;
  #timed = 0;
  #sum_us = 0;
  #min_ms = Infinity;
  #max_ms = 0;
  #latencies: Histogram[] = [];

  add(series: Summable): this {
    this.requests += series.count;
    this.errors += series.errors;
    this.client_errors += series.client_errors;
    if (series.timed === 0) return this;
    this.#timed += series.timed;
    this.#sum_us += series.sum_us;
    this.#min_ms = Math.min(this.#min_ms, series.min_ms ?? Infinity);
    this.#max_ms = Math.max(this.#max_ms, series.max_ms ?? 0);
    this.#latencies.push(series.latency);
    if (this.#latencies.length >= MOST_HISTOGRAMS) this.#merged();
    return this;
  }

  /** Adds requests of whose durations nothing is known. */
  count(requests: number, errors: number, client_errors: number): this {
    this.requests += requests;
    this.errors += errors;
    this.client_errors += client_errors;
    return this;
  }

  /** Adds all that another one has, without looking at its series again. */
  join(other: Summary): this {
    this.requests += other.requests;
    this.errors += other.errors;
    this.client_errors += other.client_errors;
    if (other.#timed === 0) return this;
    this.#timed += other.#timed;
    this.#sum_us += other.#sum_us;
    this.#min_ms = Math.min(this.#min_ms, other.#min_ms);
    this.#max_ms = Math.max(this.#max_ms, other.#max_ms);
    this.#latencies.push(other.#merged());
    return this;
  }

  /** All of it as one that can be added again. */
  sum(): Summable {
    const timed = this.#timed;
    return {
      count: this.requests,
      errors: this.errors,
      client_errors: this.client_errors,
      timed,
      sum_us: this.#sum_us,
      min_ms: timed === 0 ? undefined : this.#min_ms,
      max_ms: timed === 0 ? undefined : this.#max_ms,
      latency: this.#merged(),
    };
  }

  /** All durations in one histogram, which then stands for those that it was made of. */
  #merged(): Histogram {
    const [first = emptyHistogram(), ...others] = this.#latencies;
    if (others.length === 0) return first;
    sum.clear();
    for (const histogram of this.#latencies) sum.add(histogram);
    const merged = sum.histogram();
    this.#latencies = [merged];
    return merged;
  }

  volume(): Volume {
    const rate = (count: number): number => (this.requests === 0 ? 0 : count / this.requests);
    return {
      requests: Math.round(this.requests),
      errors: Math.round(this.errors),
      client_errors: Math.round(this.client_errors),
      error_rate: rate(this.errors),
      client_error_rate: rate(this.client_errors),
    };
  }

  latency(): Latency {
    if (this.#timed === 0) return { avg_ms: null, p50_ms: null, p95_ms: null, p99_ms: null };
    sum.clear();
    for (const histogram of this.#latencies) sum.add(histogram);
    // What stands for a bucket may lie outside of what was measured; the extremes are known exactly.
    const at = (q: number): number =>
      rounded(Math.min(this.#max_ms, Math.max(this.#min_ms, sum.quantile(q) ?? 0)));
    return {
      avg_ms: rounded(this.#sum_us / this.#timed / 1000),
      p50_ms: at(0.5),
      p95_ms: at(0.95),
      p99_ms: at(0.99),
    };
  }
}

/** Items that belong together: the one that came first, and what all come to. */
export interface Group<T> {
  readonly first: T;
  readonly summary: Summary;
}

/** Groups by a key, in the order of their first items; `put` adds an item to its group's summary. */
export const summarise = <T>(
  items: Iterable<T>,
  keyOf: (item: T) => string,
  put: (summary: Summary, item: T) => void,
): readonly Group<T>[] => {
  const groups = new Map<string, Group<T>>();
  for (const item of items) {
    const key = keyOf(item);
    let group = groups.get(key);
    if (!group) {
      group = { first: item, summary: new Summary() };
      groups.set(key, group);
    }
    put(group.summary, item);
  }
  return [...groups.values()];
};

/** Requests by exact status code; `0` where events have none. */
export class StatusCounts {
  readonly #counts = new Map<number, number>();

  add({ statuses }: Pick<Series, 'statuses'>): this {
    for (const { status, count } of statuses)
      this.#counts.set(status, (this.#counts.get(status) ?? 0) + count);
    return this;
  }

  /** Adds all that another one has. */
  join(other: StatusCounts): this {
    for (const [status, count] of other.#counts)
      this.#counts.set(status, (this.#counts.get(status) ?? 0) + count);
    return this;
  }

  /** To whole requests. */
  whole(): Record<string, number> {
    return Object.fromEntries(
      [...this.#counts].map(([status, count]) => [String(status), Math.round(count)]),
    );
  }
}
