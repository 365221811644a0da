import { takenOut } from '../../domain/telemetry/histogram.js';
import type { Document } from '../../readstore/read-store.js';
import type { Amended, Change, FoldContext } from '../projection.js';
import {
  nameKey,
  partialAt,
  type ChunkPartials,
  type MinutePartials,
  type NamedSeries,
  type SeriesPartial,
} from './partials.js';
import { bucketId, finer, OTHER, resolutionMs, type Resolution } from './resolutions.js';
import { inOrder, seriesOf, SeriesTable, type Series, type SeriesColumns } from './series-table.js';

/** All series of one tenant in one minute, hour or day. */
export interface MetricsBucket extends Document {
  readonly resolution: Resolution;
  /** Where the bucket begins, in epoch milliseconds. */
  readonly time: number;
  readonly series: SeriesColumns;
}

/** What an event says to one bucket: the minutes of its chunk that lie in it. */
export interface BucketPart {
  readonly resolution: Resolution;
  readonly time: number;
  readonly partials: ChunkPartials;
  readonly minutes: readonly MinutePartials[];
}

/**
 * A bucket without what some events said and with what others say. Sums are exact, so they are taken apart as they were
 * put together. Where an extreme leaves, the next one is that of the finer buckets inside; a minute has none, and what
 * was counted past `most` series cannot be told apart: those are folded anew.
 */
export const amendBucket = (
  document: MetricsBucket | undefined,
  { leaves, returns }: Change<BucketPart>,
  { id, position }: FoldContext,
  known?: readonly MetricsBucket[],
): Amended<MetricsBucket> => {
  const [first] = [...leaves, ...returns];
  if (!first) return { document };
  const { resolution, time } = first;
  const before = document ? seriesOf(document.series) : [];
  const inside = known?.flatMap((bucket) => seriesOf(bucket.series));
  if (before.some(isOther) || inside?.some(isOther)) return 'anew';
  const by_name = new Map(before.map((series) => [nameKey(series), series]));
  const unsure = new Set<string>();
  for (const { from, number } of partialsIn(leaves)) {
    const partial = partialAt(from, number);
    const series = by_name.get(partial.key);
    const left = series && without(series, partial);
    if (!left) return 'anew';
    if (left.count === 0) by_name.delete(partial.key);
    else by_name.set(partial.key, left);
    if (left.timed === 0) unsure.delete(partial.key);
    else if (partial.timed > 0 && !isWithin(partial, series)) unsure.add(partial.key);
  }
  const within = finer[resolution];
  if (unsure.size > 0 && !within) return 'anew';
  if (unsure.size > 0 && within && !inside)
    return {
      knowing: Array.from({ length: resolutionMs[resolution] / resolutionMs[within] }, (_, n) =>
        bucketId(within, time + n * resolutionMs[within]),
      ),
    };
  for (const key of unsure) {
    const series = by_name.get(key);
    const right = series && withExtremes(series, inside?.filter((one) => nameKey(one) === key) ?? []);
    if (!right) return 'anew';
    by_name.set(key, right);
  }
  const table = new SeriesTable();
  for (const series of inOrder([...by_name.values()])) table.put(series);
  for (const { from, number } of partialsIn(returns)) {
    const name = from.series[number] as NamedSeries;
    const series = name.type === OTHER ? undefined : table.of(name, name.key, MAX_SERIES);
    if (series === undefined) return 'anew';
    table.add(series, from, number);
  }
  return {
    document: table.size === 0 ? undefined : { id, position, resolution, time, series: table.columns },
  };
};

/** Series that one document may hold; what comes on top is counted under {@link OTHER}, by status class. */
export const MAX_SERIES = 1000;

const isOther = ({ type }: Series): boolean => type === OTHER;

function* partialsIn(
  parts: readonly BucketPart[],
): Iterable<{ readonly from: ChunkPartials; readonly number: number }> {
  for (const { partials, minutes } of parts)
    for (const { from, to } of minutes)
      for (let number = from; number < to; number += 1) yield { from: partials, number };
}

/** A series less what a partial says; undefined where that cannot have been counted there, or not exactly be taken out. */
const without = (series: Series, partial: SeriesPartial): Series | undefined => {
  const statuses = series.statuses
    .map(({ status, count }) => ({
      status,
      count: count - (partial.statuses.find((one) => one.status === status)?.count ?? 0),
    }))
    .filter(({ count }) => count !== 0);
  const latency = takenOut(series.latency, partial.buckets);
  const count = series.count - partial.count;
  const timed = series.timed - partial.timed;
  if (!latency || count < 0 || timed < 0 || statuses.some((one) => one.count < 0)) return undefined;
  return {
    ...series,
    ...{ count, timed, statuses, latency },
    errors: series.errors - partial.errors,
    client_errors: series.client_errors - partial.client_errors,
    sum_us: series.sum_us - partial.sum_us,
    ...(timed === 0 && { min_ms: undefined, max_ms: undefined }),
  };
};

/** Whether none of the durations that were taken out was the least or the greatest. */
const isWithin = (partial: SeriesPartial, { min_ms = Infinity, max_ms = -Infinity }: Series): boolean =>
  partial.min_ms > min_ms && partial.max_ms < max_ms;

/** A series with the extremes of its parts; undefined where they have none. */
const withExtremes = (series: Series, parts: readonly Series[]): Series | undefined => {
  const timed = parts.filter((part) => part.timed > 0);
  if (timed.length === 0) return undefined;
  const min_ms = Math.min(...timed.map((part) => part.min_ms ?? Infinity));
  const max_ms = Math.max(...timed.map((part) => part.max_ms ?? -Infinity));
  return { ...series, min_ms, max_ms };
};
