import type { Routing } from '../../domain/telemetry/routes/shown.js';
import { bucketId, OTHER, resolutionMs, type MetricsBucket, type Resolution } from '../metrics/projection.js';
import { seriesOf } from '../metrics/series-table.js';
import { StatusCounts, summarise, Summary, type Summable } from '../metrics/summary.js';
import type { Derivation, ModelReader } from '../read-models.js';
import type { SeriesPoint } from './shapes.js';

/** What a bucket says of one route. */
export interface RouteSum extends Summable {
  readonly service: string;
  readonly method: string;
  readonly route: string;
  readonly route_made: boolean;
}

/** What dashboards show of a bucket, summed up as far as it can be before buckets are put together. */
export interface Digest {
  readonly routes: readonly RouteSum[];
  readonly point: Omit<SeriesPoint, 'time'>;
  readonly statuses: StatusCounts;
}

const ROUTE_BYTES = 400;

/** See {@link Digest}. */
const digest: Derivation<MetricsBucket, Digest> = {
  make: (bucket) => {
    const series = seriesOf(bucket.series);
    const routes = addedUp(series);
    const total = new Summary();
    for (const one of routes) total.add(one);
    const statuses = new StatusCounts();
    for (const one of series) statuses.add(one);
    return { routes, point: pointOf(total), statuses };
  },
  bytes: ({ routes }) => routes.reduce((sum, { latency }) => sum + ROUTE_BYTES + latency.length, 0),
};

/** One sum for each route. */
const addedUp = (all: readonly RouteSum[]): readonly RouteSum[] =>
  summarise(
    all,
    ({ service, method, route, route_made }) =>
      `${route_made ? 'made' : ''}\n${service}\n${method}\n${route}`,
    (summary, one) => summary.add(one),
  ).map(({ first: { service, method, route, route_made }, summary }) => ({
    service,
    method,
    route,
    route_made,
    ...summary.sum(),
  }));

const pointOf = (total: Summary): Omit<SeriesPoint, 'time'> => {
  const { requests, errors, client_errors } = total.volume();
  const { p50_ms, p95_ms, p99_ms } = total.latency();
  return { requests, errors, client_errors, p50_ms, p95_ms, p99_ms };
};

const NOTHING: Omit<SeriesPoint, 'time'> = pointOf(new Summary());

/** Buckets that follow each other; undefined where there is nothing. */
export interface Digests {
  readonly resolution: Resolution;
  /** Where the first begins, in epoch milliseconds. */
  readonly from: number;
  readonly buckets: readonly (Digest | undefined)[];
}

/** The digests of so many buckets from a time on. */
export const digestsOf = async (
  reader: ModelReader<MetricsBucket>,
  resolution: Resolution,
  from: number,
  count: number,
): Promise<Digests> => {
  const ids = Array.from({ length: count }, (_, i) =>
    bucketId(resolution, from + i * resolutionMs[resolution]),
  );
  return { resolution, from, buckets: await reader.derived(ids, digest) };
};

/** Buckets that are added up together, and not again as long as none of them changes. */
const BLOCK = 10;

interface Block {
  readonly buckets: readonly (Digest | undefined)[];
  readonly routes: readonly RouteSum[];
}

/** Sums of blocks, by their first digest: gone when that is. */
const blocks = new WeakMap<Digest, Block>();

const blockOf = (buckets: readonly (Digest | undefined)[]): readonly RouteSum[] => {
  const first = buckets.find((bucket) => bucket !== undefined);
  if (!first) return [];
  const known = blocks.get(first);
  if (known?.buckets.length === buckets.length && known.buckets.every((bucket, i) => bucket === buckets[i]))
    return known.routes;
  const routes = addedUp(buckets.flatMap((bucket) => bucket?.routes ?? []));
  blocks.set(first, { buckets, routes });
  return routes;
};

/** What digests say of routes, under the names that paths' routes have now; a route may be there several times. */
export const routeSums = ({ resolution, from, buckets }: Digests, routing: Routing): readonly RouteSum[] => {
  // By the clock, so that a window that moves on has the same blocks.
  const ahead = BLOCK - ((from / resolutionMs[resolution]) % BLOCK);
  const sums = [...blockOf(buckets.slice(0, ahead))];
  for (let at = ahead; at < buckets.length; at += BLOCK) sums.push(...blockOf(buckets.slice(at, at + BLOCK)));
  return sums.map((one) => shown(one, routing));
};

const shown = (one: RouteSum, routing: Routing): RouteSum => {
  if (!one.route_made || one.route === OTHER) return one;
  const route = routing.routeOf(one.route);
  return route === one.route ? one : { ...one, route };
};

/** A point for every bucket, also where nothing happened. */
export const pointsOf = ({ resolution, from, buckets }: Digests): readonly SeriesPoint[] =>
  buckets.map((bucket, i) => ({
    time: new Date(from + i * resolutionMs[resolution]).toISOString(),
    ...(bucket?.point ?? NOTHING),
  }));

/** Requests by exact status; `0` where events have none. */
export const statusesOf = ({ buckets }: Digests): Record<string, number> => {
  const counts = new StatusCounts();
  for (const bucket of buckets) if (bucket) counts.join(bucket.statuses);
  return counts.whole();
};
