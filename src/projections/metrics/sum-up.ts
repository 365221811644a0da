import type { FoldedChunk } from '../../domain/telemetry/chunk.js';
import type { TextColumn } from '../../domain/telemetry/columns.js';
import { isClientError, isError } from '../../domain/telemetry/failures.js';
import { bucketOf } from '../../domain/telemetry/histogram.js';
import {
  MINUTE_MS,
  nameKey,
  numberOf,
  NUMBERS,
  type BucketCount,
  type ChunkPartials,
  type MinutePartials,
  type NamedSeries,
  type SeriesName,
} from './partials.js';

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

/** Names that were met: one object and one text for each, which compare faster than others that are the same. */
const names = new Map<string, NamedSeries>();
const KNOWN_NAMES = 10_000;

const named = (name: SeriesName): NamedSeries => {
  const key = nameKey(name);
  const known = names.get(key);
  if (known) return known;
  if (names.size >= KNOWN_NAMES) names.clear();
  const met = { ...name, key };
  names.set(key, met);
  return met;
};

const textAt = ({ values, ids }: TextColumn, index: number): string => values[ids[index] ?? 0] ?? '';

/** The series that an event belongs to. */
const seriesAt = (chunk: FoldedChunk, index: number): NamedSeries =>
  named({
    type: textAt(chunk.types, index),
    service: textAt(chunk.services, index),
    route: textAt(chunk.routes, index),
    route_made: chunk.routes.made[chunk.routes.ids[index] ?? 0] ?? false,
    method: textAt(chunk.methods, index),
    status_class: Math.floor((chunk.statuses[index] ?? 0) / 100),
  });

/** Partials in the making, numbered as they are met: memory that is used again for the next chunk. */
class Sums {
  size = 0;
  numbers = new Float64Array(0);
  /** Of each partial the number of its minute, its first event, and the first of its status codes. */
  minutes = new Uint32Array(0);
  firsts = new Uint32Array(0);
  codes = new Int32Array(0);
  /** Of each event its partial. */
  of = new Uint32Array(0);
  /** Status codes, each with its count and where the next one of the same partial stands; -1: nowhere. */
  code_count = 0;
  code = new Uint16Array(0);
  code_times = new Float64Array(0);
  code_next = new Int32Array(0);
  weighted = new Map<number, BucketCount[]>();

  /** Begins anew, with room for a partial and a status code of each event. */
  begin(events: number): void {
    this.size = 0;
    this.code_count = 0;
    this.weighted = new Map();
    if (events <= this.of.length) return;
    this.numbers = new Float64Array(events * NUMBERS);
    this.minutes = new Uint32Array(events);
    this.firsts = new Uint32Array(events);
    this.codes = new Int32Array(events);
    this.of = new Uint32Array(events);
    this.code = new Uint16Array(events);
    this.code_times = new Float64Array(events);
    this.code_next = new Int32Array(events);
  }

  /** A new partial. */
  open(minute: number, event: number): number {
    const partial = this.size++;
    const at = partial * NUMBERS;
    this.numbers.fill(0, at, at + NUMBERS);
    this.numbers[at + numberOf.min_ms] = Infinity;
    this.minutes[partial] = minute;
    this.firsts[partial] = event;
    this.codes[partial] = -1;
    return partial;
  }

  /** One series has the codes of one class, few of which occur: looking along them is faster than a map. */
  countStatus(partial: number, status: number, times: number): void {
    let last = -1;
    for (let at = this.codes[partial] as number; at >= 0; at = this.code_next[at] as number) {
      if (this.code[at] === status) {
        this.code_times[at] = (this.code_times[at] as number) + times;
        return;
      }
      last = at;
    }
    const added = this.code_count++;
    this.code[added] = status;
    this.code_times[added] = times;
    this.code_next[added] = -1;
    if (last < 0) this.codes[partial] = added;
    else this.code_next[last] = added;
  }

  time(partial: number, duration: number, times: number): void {
    const { numbers } = this;
    const at = partial * NUMBERS;
    numbers[at + numberOf.timed] = (numbers[at + numberOf.timed] as number) + times;
    const us = times === 1 ? Math.round(duration * 1000) : Math.round(Math.round(duration * 1000) * times);
    numbers[at + numberOf.sum_us] = (numbers[at + numberOf.sum_us] as number) + us;
    if (duration < (numbers[at + numberOf.min_ms] as number)) numbers[at + numberOf.min_ms] = duration;
    if (duration > (numbers[at + numberOf.max_ms] as number)) numbers[at + numberOf.max_ms] = duration;
  }

  /** An event that stands for itself alone. */
  count(partial: number, status: number, duration: number): void {
    const at = partial * NUMBERS;
    this.numbers[at] = (this.numbers[at] as number) + 1;
    this.countStatus(partial, status, 1);
    if (duration >= 0) this.time(partial, duration, 1);
  }

  /** An event of a chunk in which some stand for many requests. */
  countWeighted(
    partial: number,
    { statuses, durations, aggregates }: FoldedChunk,
    event: number,
    weight: number,
  ): void {
    const at = partial * NUMBERS;
    this.numbers[at] = (this.numbers[at] as number) + weight;
    this.countStatus(partial, statuses[event] ?? 0, weight);
    const time = (duration: number, times: number): void => {
      this.time(partial, duration, times);
      const count = { bucket: bucketOf(duration), times };
      const known = this.weighted.get(partial);
      if (known) known.push(count);
      else this.weighted.set(partial, [count]);
    };
    const duration = durations[event] ?? NaN;
    const several = aggregates?.get(event);
    several?.values.forEach((value, i) => time(value, several.counts[i] ?? 0));
    if (duration >= 0) time(duration, weight);
  }
}

const sums = new Sums();

/** Sums a chunk up by minute and series. */
export const partialsOf = (chunk: FoldedChunk): ChunkPartials => {
  const { count, times, statuses, durations, weights } = chunk;
  const series = numberSeries(chunk);
  sums.begin(count);
  const minutes: number[] = [];
  /** By minute, and by the series' number: its partial. */
  const met = new Map<number, { readonly number: number; readonly partials: (number | undefined)[] }>();
  let minute = NaN;
  let current: { readonly number: number; readonly partials: (number | undefined)[] } | undefined;
  for (let i = 0; i < count; i += 1) {
    const time = times[i] ?? 0;
    // Mostly it is the minute of the event before, and a remainder takes longer than all the rest.
    if (!current || !(time >= minute && time < minute + MINUTE_MS)) {
      minute = time - (time % MINUTE_MS);
      current = met.get(minute);
      if (!current) {
        current = { number: minutes.push(minute) - 1, partials: [] };
        met.set(minute, current);
      }
    }
    const number = series[i] ?? 0;
    const partial = (current.partials[number] ??= sums.open(current.number, i));
    sums.of[i] = partial;
    if (weights) sums.countWeighted(partial, chunk, i, weights[i] ?? 1);
    else sums.count(partial, statuses[i] ?? 0, durations[i] ?? NaN);
  }
  return placed(chunk, minutes, series);
};

/** The partials minute by minute, each minute's together. */
const placed = (chunk: FoldedChunk, minutes: readonly number[], series_of: Uint16Array): ChunkPartials => {
  const { size, code_count } = sums;
  const stretches = stretchesOf(minutes);
  const next = stretches.map(({ from }) => from);
  const places = new Uint32Array(size);
  const order = new Uint32Array(size);
  for (let partial = 0; partial < size; partial += 1) {
    const minute = sums.minutes[partial] as number;
    const place = next[minute] as number;
    next[minute] = place + 1;
    places[partial] = place;
    order[place] = partial;
  }
  const series: NamedSeries[] = [];
  /** By the series' number. */
  const known: (NamedSeries | undefined)[] = [];
  const numbers = new Float64Array(size * NUMBERS);
  const statuses = new Float64Array(2 * code_count);
  const status_ends = new Uint32Array(size);
  const bucket_ends = new Uint32Array(size);
  let codes = 0;
  let buckets = 0;
  for (let place = 0; place < size; place += 1) {
    const partial = order[place] as number;
    const first = sums.firsts[partial] as number;
    const name = (known[series_of[first] as number] ??= seriesAt(chunk, first));
    series.push(name);
    const [from, to] = [partial * NUMBERS, place * NUMBERS];
    for (let i = 0; i < NUMBERS; i += 1) numbers[to + i] = sums.numbers[from + i] as number;
    // All events of a series are of one status class, which says who was at fault.
    const status = name.status_class * 100;
    if (isError(name.type, status)) numbers[to + numberOf.errors] = numbers[to] as number;
    else if (isClientError(name.type, status)) numbers[to + numberOf.client_errors] = numbers[to] as number;
    for (let at = sums.codes[partial] as number; at >= 0; at = sums.code_next[at] as number) {
      statuses[2 * codes] = sums.code[at] as number;
      statuses[2 * codes + 1] = sums.code_times[at] as number;
      codes += 1;
    }
    status_ends[place] = codes;
    if (!chunk.weights) buckets += numbers[to + numberOf.timed] as number;
    bucket_ends[place] = buckets;
  }
  return {
    minutes: stretches,
    series,
    numbers,
    statuses,
    status_ends,
    buckets: chunk.weights ? new Uint16Array(0) : bucketsOf(chunk, places, bucket_ends),
    bucket_ends,
    weighted: new Map([...sums.weighted].map(([partial, counts]) => [places[partial] ?? 0, counts])),
  };
};

/** Where each minute's partials stand. */
const stretchesOf = (minutes: readonly number[]): readonly MinutePartials[] => {
  const counts = new Uint32Array(minutes.length);
  for (let partial = 0; partial < sums.size; partial += 1) {
    const minute = sums.minutes[partial] as number;
    counts[minute] = (counts[minute] as number) + 1;
  }
  let to = 0;
  return minutes.map((minute, i) => {
    const from = to;
    to += counts[i] ?? 0;
    return { minute, from, to };
  });
};

/** The buckets of all events with a duration, each partial's together. */
const bucketsOf = (
  { count, durations }: FoldedChunk,
  places: Uint32Array,
  ends: Uint32Array,
): Uint16Array => {
  const buckets = new Uint16Array(ends.at(-1) ?? 0);
  const next = new Uint32Array(ends.length);
  next.set(ends.subarray(0, -1), 1);
  for (let i = 0; i < count; i += 1) {
    const duration = durations[i] as number;
    if (!(duration >= 0)) continue;
    const place = places[sums.of[i] as number] as number;
    const at = next[place] as number;
    next[place] = at + 1;
    buckets[at] = bucketOf(duration);
  }
  return buckets;
};
