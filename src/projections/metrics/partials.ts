import { bucketOf } from '../../domain/telemetry/histogram.js';
import { isClientError, isError } from '../../domain/telemetry/event.js';
import type { FoldedChunk } from '../../domain/telemetry/chunk.js';
import type { TextColumn } from '../../domain/telemetry/columns.js';

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

/** A text for each series, the same for the same series. */
export const nameKey = ({ type, service, route, route_made, method, status_class }: SeriesName): string =>
  `${type}\n${status_class}\n${method}\n${route_made ? 'made' : ''}\n${service}\n${route}`;

/** Requests with one exact status code; `0`: events without one. */
export interface StatusCount {
  readonly status: number;
  count: number;
}

/** What one minute of one chunk says about one series. */
export interface SeriesPartial extends SeriesName {
  /** See {@link nameKey}. */
  readonly key: string;
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
  readonly statuses: StatusCount[];
  /** Histogram buckets, one for each event with a duration that stands for itself alone: these of all the chunk's. */
  buckets: Uint16Array;
  first_bucket: number;
  end_bucket: number;
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

/** Possible combinations of the chunk's texts up to which the series' numbers are looked up in an array. */
const DENSE = 65_536;

/** Numbers the chunk's series: for each event which one it belongs to. */
const numberSeries = (chunk: FoldedChunk): Uint16Array => {
  const { types, services, routes, methods, statuses, count } = chunk;
  const [s, r, m] = [services.values.length, routes.values.length, methods.values.length];
  const combinations = types.values.length * s * r * m * 6;
  if (combinations > DENSE) return numberSparse(chunk);
  const of = new Uint16Array(count);
  /** By combination: the series' number from 1; 0: not met yet. */
  const known = new Uint16Array(combinations);
  let met = 0;
  for (let i = 0; i < count; i += 1) {
    const texts =
      (((types.ids[i] ?? 0) * s + (services.ids[i] ?? 0)) * r + (routes.ids[i] ?? 0)) * m +
      (methods.ids[i] ?? 0);
    const combination = texts * 6 + Math.floor((statuses[i] ?? 0) / 100);
    let number = known[combination] ?? 0;
    if (number === 0) {
      met += 1;
      number = met;
      known[combination] = number;
    }
    of[i] = number - 1;
  }
  return of;
};

/** The same for a chunk of many different texts. */
const numberSparse = ({ types, services, routes, methods, statuses, count }: FoldedChunk): Uint16Array => {
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
  return of;
};

const NO_BUCKETS = new Uint16Array(0);

const textAt = ({ values, ids }: TextColumn, index: number): string => values[ids[index] ?? 0] ?? '';

const begin = (chunk: FoldedChunk, index: number): SeriesPartial => {
  const type = textAt(chunk.types, index);
  const service = textAt(chunk.services, index);
  const route = textAt(chunk.routes, index);
  const route_made = chunk.routes.made[chunk.routes.ids[index] ?? 0] ?? false;
  const method = textAt(chunk.methods, index);
  const status_class = Math.floor((chunk.statuses[index] ?? 0) / 100);
  return {
    key: nameKey({ type, service, route, route_made, method, status_class }),
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
    min_ms: Infinity,
    max_ms: 0,
    statuses: [],
    buckets: NO_BUCKETS,
    first_bucket: 0,
    end_bucket: 0,
    weighted: undefined,
  };
};

/** One series has the codes of one class, few of which occur: looking along them is faster than a map. */
const countStatus = ({ statuses }: SeriesPartial, status: number, times: number): void => {
  for (const one of statuses)
    if (one.status === status) {
      one.count += times;
      return;
    }
  statuses.push({ status, count: times });
};

const count = (partial: SeriesPartial, status: number, duration: number): void => {
  partial.count += 1;
  if (isError(partial.type, status)) partial.errors += 1;
  else if (isClientError(partial.type, status)) partial.client_errors += 1;
  countStatus(partial, status, 1);
  if (!(duration >= 0)) return;
  partial.timed += 1;
  partial.sum_us += Math.round(duration * 1000);
  if (duration < partial.min_ms) partial.min_ms = duration;
  if (duration > partial.max_ms) partial.max_ms = duration;
  partial.end_bucket += 1;
};

/** {@link count} for a chunk in which some events stand for many requests. */
const countWeighted = (
  partial: SeriesPartial,
  { statuses, durations, aggregates }: FoldedChunk,
  index: number,
  weight: number,
): void => {
  const status = statuses[index] ?? 0;
  partial.count += weight;
  if (isError(partial.type, status)) partial.errors += weight;
  else if (isClientError(partial.type, status)) partial.client_errors += weight;
  countStatus(partial, status, weight);
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

/** For each event of the chunk that is summed up its partial, by number; used again for the next chunk. */
let partial_of = new Uint32Array(0);

/** Sums a chunk up by minute and series; minutes in the order of their first event. */
export const partialsOf = (chunk: FoldedChunk): readonly MinutePartial[] => {
  const series = numberSeries(chunk);
  const { weights } = chunk;
  if (partial_of.length < chunk.count) partial_of = new Uint32Array(chunk.count);
  const partials: SeriesPartial[] = [];
  const minutes = new Map<number, OpenMinute>();
  let minute = NaN;
  let current: OpenMinute | undefined;
  for (let i = 0; i < chunk.count; i += 1) {
    const time = chunk.times[i] ?? 0;
    // Mostly it is the minute of the event before, and a remainder takes longer than all the rest.
    if (!current || !(time >= minute && time < minute + MINUTE_MS)) {
      minute = time - (time % MINUTE_MS);
      current = minutes.get(minute);
      if (!current) {
        current = { series: [], by_number: [] };
        minutes.set(minute, current);
      }
    }
    const number = series[i] ?? 0;
    let at = current.by_number[number];
    if (at === undefined) {
      const begun = begin(chunk, i);
      at = partials.push(begun) - 1;
      current.by_number[number] = at;
      current.series.push(begun);
    }
    partial_of[i] = at;
    const partial = partials[at];
    if (!partial) continue;
    if (weights) countWeighted(partial, chunk, i, weights[i] ?? 1);
    else count(partial, chunk.statuses[i] ?? 0, chunk.durations[i] ?? NaN);
  }
  if (!weights) placeBuckets(chunk, partials);
  return [...minutes].map(([start, { series: found }]) => ({ minute: start, series: found }));
};

interface OpenMinute {
  readonly series: SeriesPartial[];
  /** By the series' number: its partial's. */
  readonly by_number: (number | undefined)[];
}

/** Puts the buckets of each partial's events, which were counted, one behind the other. */
const placeBuckets = (
  { count: events, durations }: FoldedChunk,
  partials: readonly SeriesPartial[],
): void => {
  let room = 0;
  for (const partial of partials) room += partial.end_bucket;
  const buckets = new Uint16Array(room);
  let first = 0;
  for (const partial of partials) {
    const its = partial.end_bucket;
    partial.buckets = buckets;
    partial.first_bucket = first;
    partial.end_bucket = first;
    first += its;
  }
  for (let i = 0; i < events; i += 1) {
    const duration = durations[i] ?? NaN;
    const partial = partials[partial_of[i] ?? 0];
    if (duration >= 0 && partial) buckets[partial.end_bucket++] = bucketOf(duration);
  }
};
