import type { TenantId } from '../../domain/ids.js';
import { isClientError, isError } from '../../domain/telemetry/failures.js';
import type { Position } from '../../eventstore/event-store.js';
import type { ReadModels } from '../read-models.js';
import { currentRoutes } from '../routes/query.js';
import { cover, extent, walkBuckets, type Span } from './buckets.js';
import { metrics, OTHER, resolutionMs, type Resolution } from './projection.js';
import type { Series } from './series-table.js';
import { StatusCounts, Summary, type Latency, type Volume } from './summary.js';

export type Dimension = 'type' | 'service' | 'route' | 'method' | 'status' | 'status_class';

export interface StatisticsQuery {
  /** Epoch milliseconds; absent: from the first event on. Widened to whole minutes, or whole intervals. */
  readonly from?: number;
  readonly to?: number;
  /** Whole minutes; intervals begin at multiples of it since 1970. */
  readonly interval_ms?: number;
  readonly group_by?: readonly Dimension[];
}

/** What happened in one interval to one group. */
export interface StatisticsRow extends Volume, Latency {
  /** Where the interval begins; absent without one. */
  readonly time?: string;
  readonly type?: string;
  readonly service?: string;
  readonly route?: string;
  readonly method?: string;
  /** `''`: events without a status. */
  readonly status?: string;
  /** `5xx`; `''`: events without a status. */
  readonly status_class?: string;
  readonly per_second: number;
}

interface Statistics {
  readonly position: Position;
  readonly from: string | null;
  readonly to: string | null;
  readonly totals: Volume & Latency & { readonly per_second: number };
  /** Events by exact status. */
  readonly status: Readonly<Record<string, number>>;
  readonly data: readonly StatisticsRow[];
}

export type StatisticsOutcome =
  | ({ readonly ok: true } & Statistics)
  | {
      readonly ok: false;
      readonly code: 'too_many_intervals' | 'too_many_rows' | 'invalid_range';
      readonly detail: string;
    };

const MAX_INTERVALS = 2_000;
/** Of minutes, hours or days, for intervals that are made up of them. */
const MAX_BUCKETS = 20_000;
const MAX_ROWS = 20_000;

/** The coarsest buckets that an interval is made up of. */
const resolutionOf = (interval_ms: number): Resolution =>
  (['1d', '1h'] as const).find((resolution) => interval_ms % resolutionMs[resolution] === 0) ?? '1m';

/** Counts, rates and percentiles of a stretch of time, by interval and by fields; from the buckets that cover it best. */
export const statistics = async (
  models: ReadModels,
  tenant: TenantId,
  query: StatisticsQuery,
): Promise<StatisticsOutcome> => {
  const { interval_ms, group_by = [] } = query;
  const position = models.position(metrics);
  const reader = models.read(metrics, tenant);
  const span = widen(query, (await extent(reader)) ?? { from: 0, to: 0 }, interval_ms ?? resolutionMs['1m']);
  if (span.from > span.to)
    return { ok: false, code: 'invalid_range', detail: 'The range ends before it begins.' };
  const resolution = interval_ms === undefined ? undefined : resolutionOf(interval_ms);
  if (
    interval_ms !== undefined &&
    resolution &&
    ((span.to - span.from) / interval_ms > MAX_INTERVALS ||
      (span.to - span.from) / resolutionMs[resolution] > MAX_BUCKETS)
  )
    return {
      ok: false,
      code: 'too_many_intervals',
      detail:
        `The range has more than ${MAX_INTERVALS} intervals, or intervals of more than ${MAX_BUCKETS} ` +
        'minutes, hours or days altogether; ask for less or for longer ones.',
    };

  const { book } = await currentRoutes(models, tenant);
  const total = new Summary();
  const status = new StatusCounts();
  const is_grouped = interval_ms !== undefined || group_by.length > 0;
  const rows = new Rows(interval_ms, group_by);
  for (const part of resolution ? [{ ...span, resolution }] : cover(span))
    for await (const { time, series } of walkBuckets(reader, part.resolution, part, book))
      for (const one of series) {
        total.add(one);
        status.add(one);
        if (is_grouped) rows.add(time, one);
        if (rows.size > MAX_ROWS)
          return {
            ok: false,
            code: 'too_many_rows',
            detail: `There are more than ${MAX_ROWS} groups; ask for fewer fields, less time or longer intervals.`,
          };
      }
  const seconds = (span.to - span.from) / 1000;
  const empty = span.from === span.to;
  return {
    ok: true,
    position,
    from: empty ? null : new Date(span.from).toISOString(),
    to: empty ? null : new Date(span.to).toISOString(),
    totals: { ...total.volume(), ...total.latency(), per_second: rate(total.requests, seconds) },
    status: status.whole(),
    data: rows.rows(interval_ms === undefined ? seconds : interval_ms / 1000),
  };
};

const rate = (count: number, seconds: number): number => (seconds === 0 ? 0 : count / seconds);

const widen = ({ from, to }: StatisticsQuery, all: Span, step: number): Span => ({
  from: Math.floor(Math.max(0, from ?? all.from) / step) * step,
  to: Math.ceil((to ?? Math.max(all.to, from ?? 0)) / step) * step,
});

const nameIn = (series: Series, code: string, field: Dimension): string => {
  if (field === 'status') return code === '0' ? '' : code;
  if (field !== 'status_class') return series[field];
  return series.status_class === 0 ? '' : `${String(series.status_class)}xx`;
};

/** The values of a row's fields, in the order of the fields asked for. */
interface Row {
  readonly interval: number;
  readonly names: readonly string[];
  readonly summary: Summary;
}

const NO_CODES: Series['statuses'] = [];

/** Adds series up by interval and by fields. */
class Rows {
  readonly #rows = new Map<string, Row>();
  /** For each field its values, each with a number: numbers make keys that texts of any kind cannot mix up. */
  readonly #numbers: readonly Map<string, number>[];

  constructor(
    private readonly interval_ms: number | undefined,
    private readonly group_by: readonly Dimension[],
  ) {
    this.#numbers = group_by.map(() => new Map());
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Adds a series of the bucket that begins at a time. */
  add(time: number, series: Series): void {
    const interval = this.interval_ms === undefined ? 0 : time - (time % this.interval_ms);
    const codes = this.group_by.includes('status') ? series.statuses : NO_CODES;
    // Durations are kept by status class: they are known for a status that is alone in its.
    if (codes.length <= 1) this.#row(interval, String(codes[0]?.status ?? 0), series).add(series);
    else
      for (const { status, count } of codes) {
        // Overflow mixes types, but only those of one status class.
        const type = series.type === OTHER ? 'api_call' : series.type;
        this.#row(interval, String(status), series).count(
          count,
          isError(type, status) ? count : 0,
          isClientError(type, status) ? count : 0,
        );
      }
  }

  #row(interval: number, code: string, series: Series): Summary {
    let key = String(interval);
    for (let i = 0; i < this.group_by.length; i += 1) {
      const numbers = this.#numbers[i] as Map<string, number>;
      const name = nameIn(series, code, this.group_by[i] as Dimension);
      let number = numbers.get(name);
      if (number === undefined) numbers.set(name, (number = numbers.size));
      key += ` ${number}`;
    }
    let row = this.#rows.get(key);
    if (!row) {
      const names = this.group_by.map((field) => nameIn(series, code, field));
      row = { interval, names, summary: new Summary() };
      this.#rows.set(key, row);
    }
    return row.summary;
  }

  /** The rows, the earliest first and in an interval the largest; each interval has so many seconds. */
  rows(seconds: number): readonly StatisticsRow[] {
    return [...this.#rows.values()]
      .sort((one, other) => one.interval - other.interval || other.summary.requests - one.summary.requests)
      .map(({ interval, names, summary }) => ({
        ...(this.interval_ms !== undefined && { time: new Date(interval).toISOString() }),
        ...Object.fromEntries(this.group_by.map((field, i) => [field, names[i]])),
        ...summary.volume(),
        ...summary.latency(),
        per_second: rate(summary.requests, seconds),
      }));
  }
}
