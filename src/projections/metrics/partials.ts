import { bucketOf } from '../../domain/telemetry/histogram.js';
import { isClientError, isError } from '../../domain/telemetry/event.js';
import type { TelemetryChunk } from '../../domain/telemetry/chunk.js';

/** What tells one series of a metrics document from another. `''` and class 0: the events have none. */
export interface SeriesName {
  readonly type: string;
  readonly service: string;
  readonly route: string;
  /** True where the route was made from paths: one that was given has a series of its own. */
  readonly route_made: boolean;
  readonly method: string;
  /** 2 for 2xx, and so on. */
  readonly status_class: number;
}

/** What one minute of one chunk says about one series. */
export interface SeriesPartial extends SeriesName {
  /** Requests: each event as many as it stands for. */
  count: number;
  errors: number;
  client_errors: number;
  /** Requests with a duration; their sum in whole microseconds, so that adding in any order gives the same. */
  timed: number;
  sum_us: number;
  min_ms: number;
  max_ms: number;
  /** Exact status codes, 0 where there is none. */
  readonly statuses: Map<number, number>;
  /** Histogram buckets, one for each event with a duration that stands for itself alone. */
  readonly buckets: number[];
  /** Histogram buckets of other events, and how many requests each holds. */
  weighted: { readonly bucket: number; readonly times: number }[] | undefined;
}

/** What a chunk says of one minute. */
export interface MinutePartial {
  /** Epoch milliseconds. */
  readonly minute: number;
  readonly series: readonly SeriesPartial[];
}

export const MINUTE_MS = 60_000;

/** Numbers the chunk's series: for each event which one it belongs to. */
const numberSeries = (chunk: TelemetryChunk): { readonly of: Uint16Array; readonly count: number } => {
  const { types, services, routes, methods, statuses, count } = chunk;
  const of = new Uint16Array(count);
  const known = new Map<number | string, number>();
  const [s, r, m] = [services.values.length, routes.values.length, methods.values.length];
  // With few enough different texts all five numbers fit one exact one, which hashes faster than a text does.
  const exact = types.values.length * s * r * m * 6 <= Number.MAX_SAFE_INTEGER;
  for (let i = 0; i < count; i += 1) {
    const type = types.ids[i] ?? 0;
    const service = services.ids[i] ?? 0;
    const route = routes.ids[i] ?? 0;
    const method = methods.ids[i] ?? 0;
    const status_class = Math.floor((statuses[i] ?? 0) / 100);
    const key = exact
      ? (((type * s + service) * r + route) * m + method) * 6 + status_class
      : `${type} ${service} ${route} ${method} ${status_class}`;
    let number = known.get(key);
    if (number === undefined) {
      number = known.size;
      known.set(key, number);
    }
    of[i] = number;
  }
  return { of, count: known.size };
};

const begin = (chunk: TelemetryChunk, index: number): SeriesPartial => ({
  type: chunk.types.values[chunk.types.ids[index] ?? 0] ?? '',
  service: chunk.services.values[chunk.services.ids[index] ?? 0] ?? '',
  route: chunk.routes.values[chunk.routes.ids[index] ?? 0] ?? '',
  route_made: chunk.routes.made[chunk.routes.ids[index] ?? 0] ?? false,
  method: chunk.methods.values[chunk.methods.ids[index] ?? 0] ?? '',
  status_class: Math.floor((chunk.statuses[index] ?? 0) / 100),
  count: 0,
  errors: 0,
  client_errors: 0,
  timed: 0,
  sum_us: 0,
  min_ms: Infinity,
  max_ms: 0,
  statuses: new Map(),
  buckets: [],
  weighted: undefined,
});

const count = (partial: SeriesPartial, status: number, duration: number): void => {
  partial.count += 1;
  if (isError(partial.type, status)) partial.errors += 1;
  else if (isClientError(partial.type, status)) partial.client_errors += 1;
  partial.statuses.set(status, (partial.statuses.get(status) ?? 0) + 1);
  if (!(duration >= 0)) return;
  partial.timed += 1;
  partial.sum_us += Math.round(duration * 1000);
  if (duration < partial.min_ms) partial.min_ms = duration;
  if (duration > partial.max_ms) partial.max_ms = duration;
  partial.buckets.push(bucketOf(duration));
};

/** {@link count} for a chunk in which some events stand for many requests. */
const countWeighted = (
  partial: SeriesPartial,
  { statuses, durations, aggregates }: TelemetryChunk,
  index: number,
  weight: number,
): void => {
  const status = statuses[index] ?? 0;
  partial.count += weight;
  if (isError(partial.type, status)) partial.errors += weight;
  else if (isClientError(partial.type, status)) partial.client_errors += weight;
  partial.statuses.set(status, (partial.statuses.get(status) ?? 0) + weight);
  const time = (duration: number, times: number): void => {
    partial.timed += times;
    partial.sum_us += Math.round(Math.round(duration * 1000) * times);
    if (duration < partial.min_ms) partial.min_ms = duration;
    if (duration > partial.max_ms) partial.max_ms = duration;
    (partial.weighted ??= []).push({ bucket: bucketOf(duration), times });
  };
  const duration = durations[index] ?? NaN;
  const several = aggregates?.get(index);
  several?.values.forEach((value, i) => time(value, several.counts[i] ?? 0));
  if (duration >= 0) time(duration, weight);
};

/** Sums a chunk up by minute and series, in one pass over its columns; minutes in the order of their first event. */
export const partialsOf = (chunk: TelemetryChunk): readonly MinutePartial[] => {
  const series = numberSeries(chunk);
  const { weights } = chunk;
  const minutes = new Map<number, { series: SeriesPartial[]; by_number: (SeriesPartial | undefined)[] }>();
  let minute = NaN;
  let current: { series: SeriesPartial[]; by_number: (SeriesPartial | undefined)[] } | undefined;
  for (let i = 0; i < chunk.count; i += 1) {
    const time = chunk.times[i] ?? 0;
    const its_minute = time - (time % MINUTE_MS);
    if (its_minute !== minute || !current) {
      minute = its_minute;
      current = minutes.get(minute);
      if (!current) {
        current = { series: [], by_number: [] };
        minutes.set(minute, current);
      }
    }
    const number = series.of[i] ?? 0;
    let partial = current.by_number[number];
    if (!partial) {
      partial = begin(chunk, i);
      current.by_number[number] = partial;
      current.series.push(partial);
    }
    if (weights) countWeighted(partial, chunk, i, weights[i] ?? 1);
    else count(partial, chunk.statuses[i] ?? 0, chunk.durations[i] ?? NaN);
  }
  return [...minutes].map(([start, { series: found }]) => ({ minute: start, series: found }));
};
