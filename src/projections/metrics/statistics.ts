import type { TenantId } from '../../domain/ids.js';
import { isClientError, isError } from '../../domain/telemetry/event.js';
import type { Position } from '../../eventstore/event-store.js';
import type { ReadModels } from '../read-models.js';
import { currentRoutes } from '../routes/query.js';
import { cover, extent, loadBuckets, type Span } from './buckets.js';
import {
  metrics,
  OTHER,
  resolutionMs,
  type MetricsBucket,
  type Resolution,
  type Series,
} from './projection.js';
import { statusCounts, Summary, type Latency, type Volume } from './summary.js';

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
  const buckets: MetricsBucket[] = [];
  for (const part of resolution ? [{ ...span, resolution }] : cover(span))
    buckets.push(...(await loadBuckets(reader, part.resolution, part, book)));
  const series = buckets.flatMap((bucket) => bucket.series);
  const total = new Summary();
  for (const one of series) total.add(one);
  const seconds = (span.to - span.from) / 1000;
  const empty = span.from === span.to;
  const data =
    interval_ms === undefined && group_by.length === 0
      ? []
      : rowsOf(buckets, interval_ms, group_by, interval_ms === undefined ? seconds : interval_ms / 1000);
  if (!data)
    return {
      ok: false,
      code: 'too_many_rows',
      detail: `There are more than ${MAX_ROWS} groups; ask for fewer fields, less time or longer intervals.`,
    };
  return {
    ok: true,
    position,
    from: empty ? null : new Date(span.from).toISOString(),
    to: empty ? null : new Date(span.to).toISOString(),
    totals: { ...total.volume(), ...total.latency(), per_second: rate(total.requests, seconds) },
    status: statusCounts(series),
    data,
  };
};

const rate = (count: number, seconds: number): number => (seconds === 0 ? 0 : count / seconds);

const widen = ({ from, to }: StatisticsQuery, all: Span, step: number): Span => ({
  from: Math.floor(Math.max(0, from ?? all.from) / step) * step,
  to: Math.ceil((to ?? Math.max(all.to, from ?? 0)) / step) * step,
});

const nameIn = (series: Series, field: Exclude<Dimension, 'status'>): string => {
  if (field !== 'status_class') return series[field];
  return series.status_class === 0 ? '' : `${String(series.status_class)}xx`;
};

/** The rows, or undefined where there are too many. */
const rowsOf = (
  buckets: readonly MetricsBucket[],
  interval_ms: number | undefined,
  group_by: readonly Dimension[],
  seconds: number,
): readonly StatisticsRow[] | undefined => {
  const groups = new Map<string, { readonly names: Partial<StatisticsRow>; readonly summary: Summary }>();
  for (const bucket of buckets)
    for (const whole of bucket.series)
      for (const { status, series } of group_by.includes('status')
        ? byStatus(whole)
        : [{ status: '', series: whole }]) {
        const names: Partial<StatisticsRow> = {
          ...(interval_ms !== undefined && {
            time: new Date(bucket.time - (bucket.time % interval_ms)).toISOString(),
          }),
          ...Object.fromEntries(
            group_by.map((field) => [field, field === 'status' ? status : nameIn(series, field)] as const),
          ),
        };
        const key = JSON.stringify(names);
        const group = groups.get(key) ?? { names, summary: new Summary() };
        groups.set(key, group);
        if (groups.size > MAX_ROWS) return undefined;
        group.summary.add(series);
      }
  return [...groups.values()]
    .map(({ names, summary }) => ({
      ...names,
      ...summary.volume(),
      ...summary.latency(),
      per_second: rate(summary.requests, seconds),
    }))
    .sort((one, other) =>
      one.time === other.time
        ? other.requests - one.requests
        : (one.time ?? '') < (other.time ?? '')
          ? -1
          : 1,
    );
};

/** A series cut up by exact status. Durations are kept by status class: they are known for a status that is alone in its. */
const byStatus = (series: Series): readonly { readonly status: string; readonly series: Series }[] => {
  const statuses = Object.entries(series.statuses);
  const named = (code: string): string => (code === '0' ? '' : code);
  if (statuses.length <= 1) return statuses.map(([code]) => ({ status: named(code), series }));
  return statuses.map(([code, count]) => {
    const status = Number(code);
    // Overflow mixes types, but only those of one status class.
    const type = series.type === OTHER ? 'api_call' : series.type;
    return {
      status: named(code),
      series: {
        ...series,
        count,
        errors: isError(type, status) ? count : 0,
        client_errors: isClientError(type, status) ? count : 0,
        timed: 0,
      },
    };
  });
};
