import { decodeChunk, TELEMETRY_RECORDED } from '../../domain/telemetry/chunk.js';
import {
  addToBucket,
  addToBuckets,
  emptyHistogram,
  type Histogram,
} from '../../domain/telemetry/histogram.js';
import { retirementIn, startOfDay, TELEMETRY_RETIRED } from '../../domain/retention/retention.js';
import { OTHER_ROUTE, ROUTE_RULES_VERSION } from '../../domain/telemetry/route.js';
import type { Document } from '../../readstore/read-store.js';
import { defineProjection, type FoldContext, type Part } from '../projection.js';
import {
  MINUTE_MS,
  nameKey,
  partialsOf,
  type MinutePartial,
  type SeriesName,
  type SeriesPartial,
} from './partials.js';

export type Resolution = '1m' | '1h' | '1d';

export const resolutionMs: Readonly<Record<Resolution, number>> = {
  '1m': MINUTE_MS,
  '1h': 60 * MINUTE_MS,
  '1d': 1440 * MINUTE_MS,
};

/** A series of a bucket. Everything adds up, so that series of any buckets can be merged. */
export interface Series extends SeriesName {
  /** Requests: each event as many as it stands for, in multiples of `COUNT_UNIT`. */
  count: number;
  errors: number;
  client_errors: number;
  timed: number;
  sum_us: number;
  /** Of durations; absent where no event had one. */
  min_ms?: number;
  max_ms?: number;
  /** Exact status codes; `0`: events without one. */
  readonly statuses: Record<string, number>;
  latency: Histogram;
}

/** All series of one tenant in one minute, hour or day. */
export interface MetricsBucket extends Document {
  readonly resolution: Resolution;
  /** Where the bucket begins, in epoch milliseconds. */
  readonly time: number;
  readonly series: readonly Series[];
}

/** Series that one document may hold; what comes on top is counted under {@link OTHER}, by status class. */
export const MAX_SERIES = 1000;
export const OTHER = OTHER_ROUTE;

/** The id of a bucket: `1m|2015-05-17T10:05`. */
export const bucketId = (resolution: Resolution, time: number): string => {
  const digits = { '1m': 16, '1h': 13, '1d': 10 }[resolution];
  return `${resolution}|${new Date(time).toISOString().slice(0, digits - 24)}`;
};

const otherName = (status_class: number): SeriesName => ({
  type: OTHER,
  service: OTHER,
  route: OTHER,
  route_made: false,
  method: '',
  status_class,
});

/** The series of a document that is being folded, by name. */
class OpenBucket {
  readonly #by_name = new Map<string, Series>();

  constructor(readonly series: Series[]) {
    for (const one of series) {
      // From the store the bytes may be a view of memory that is not ours to write into.
      one.latency = Uint8Array.from(one.latency);
      this.#by_name.set(nameKey(one), one);
    }
  }

  take(name: SeriesName, key = nameKey(name)): Series {
    const known = this.#by_name.get(key);
    if (known) return known;
    if (this.series.length >= MAX_SERIES && name.type !== OTHER)
      return this.take(otherName(name.status_class));
    const { type, service, route, route_made, method, status_class } = name;
    // Written out field by field: objects made of spreads are several times slower to count in.
    const made: Series = {
      type,
      service,
      route,
      route_made,
      method,
      status_class,
      count: 0,
      errors: 0,
      client_errors: 0,
      timed: 0,
      sum_us: 0,
      statuses: {},
      latency: emptyHistogram(),
    };
    this.series.push(made);
    this.#by_name.set(key, made);
    return made;
  }
}

const open = new WeakMap<readonly Series[], OpenBucket>();

const openBucket = (series: readonly Series[]): OpenBucket => {
  const known = open.get(series);
  if (known) return known;
  const made = new OpenBucket([...series]);
  open.set(made.series, made);
  return made;
};

const add = (series: Series, partial: SeriesPartial): void => {
  series.count += partial.count;
  series.errors += partial.errors;
  series.client_errors += partial.client_errors;
  for (const { status, count } of partial.statuses)
    series.statuses[status] = (series.statuses[status] ?? 0) + count;
  if (partial.timed === 0) return;
  series.timed += partial.timed;
  series.sum_us += partial.sum_us;
  series.min_ms = Math.min(series.min_ms ?? Infinity, partial.min_ms);
  series.max_ms = Math.max(series.max_ms ?? 0, partial.max_ms);
  series.latency = addToBuckets(series.latency, partial.buckets);
  for (const { bucket, times } of partial.weighted ?? [])
    series.latency = addToBucket(series.latency, bucket, times);
};

/** What an event says to one bucket: the minutes of its chunk that lie in it. */
export interface BucketPart {
  readonly resolution: Resolution;
  readonly time: number;
  readonly minutes: readonly MinutePartial[];
}

const partOf = (
  resolution: Resolution,
  minutes: readonly MinutePartial[],
): readonly { readonly id: string; readonly part: BucketPart }[] => {
  const by_start = new Map<number, MinutePartial[]>();
  for (const minute of minutes) {
    const time = minute.minute - (minute.minute % resolutionMs[resolution]);
    const found = by_start.get(time);
    if (found) found.push(minute);
    else by_start.set(time, [minute]);
  }
  return [...by_start].map(([time, inside]) => ({
    id: bucketId(resolution, time),
    part: { resolution, time, minutes: inside },
  }));
};

/** Volume, errors and latency by minute, hour and day, for each type, service, route, method and status class. */
export const metrics = defineProjection<MetricsBucket, BucketPart>({
  name: 'metrics',
  version: 100 * ROUTE_RULES_VERSION + 3,
  reads: [TELEMETRY_RECORDED, TELEMETRY_RETIRED],
  shows_routes: true,
  indexes: [{ name: 'by_time', fields: ['resolution', 'time'] }],

  parts: (event, routing): readonly Part<BucketPart>[] => {
    const { tenant_id: tenant } = event.metadata;
    if (tenant === undefined || event.type !== TELEMETRY_RECORDED) return [];
    const minutes = partialsOf(decodeChunk(event, routing));
    return (['1m', '1h', '1d'] as const).flatMap((resolution) =>
      partOf(resolution, minutes).map((part) => ({ tenant, ...part })),
    );
  },

  // Of the days of which telemetry is gone nothing is shown: what is left of it would be a part that looks like all.
  sweeps: (event) => {
    const retired = retirementIn(event);
    return retired
      ? (['1m', '1h', '1d'] as const).map((resolution) => ({
          tenant: retired.tenant,
          index: 'by_time',
          equals: [resolution],
          range: { from: startOfDay(Date.parse(retired.earliest)), to: Date.parse(retired.before) - 1 },
        }))
      : [];
  },

  fold: (document, { resolution, time, minutes }, { id, position }: FoldContext): MetricsBucket => {
    const bucket = openBucket(document?.series ?? []);
    for (const minute of minutes)
      for (const partial of minute.series) add(bucket.take(partial, partial.key), partial);
    return { id, position, resolution, time, series: bucket.series };
  },
});
