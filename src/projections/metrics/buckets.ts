import { setImmediate as otherWork } from 'node:timers/promises';
import type { Routing } from '../../domain/telemetry/routes/shown.js';
import type { ModelReader } from '../read-models.js';
import { OTHER, resolutionMs, type MetricsBucket, type Resolution } from './projection.js';
import { seriesOf, type Series } from './series-table.js';

/** So many may hold thousands of series, and take milliseconds. */
const PAGE = 25;

/** A stretch of time, in epoch milliseconds: from the beginning up to, not including, the end. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What a bucket holds, read. */
export interface Bucket {
  /** Where it begins, in epoch milliseconds. */
  readonly time: number;
  readonly series: readonly Series[];
}

const read = ({ time, series }: MetricsBucket, routing: Routing): Bucket => ({
  time,
  series: underRoutes(seriesOf(series), routing),
});

/** Series with the routes that were made of paths as they are made now. */
const underRoutes = (series: readonly Series[], routing: Routing): readonly Series[] =>
  series.map((one) => {
    if (!one.route_made || one.route === OTHER) return one;
    const route = routing.routeOf(one.route);
    return route === one.route ? one : { ...one, route };
  });

/**
 * The buckets of one resolution that begin inside a span, oldest first; others have their turn in between. What was
 * counted under a route before more was learned is shown under the route that it is now; several series of a bucket
 * may then have the same name.
 */
export async function* walkBuckets(
  reader: ModelReader<MetricsBucket>,
  resolution: Resolution,
  span: Span,
  routing: Routing,
): AsyncGenerator<Bucket, void> {
  for await (const page of pagesOf(reader, resolution, span)) {
    for (const bucket of page) yield read(bucket, routing);
    await otherWork();
  }
}

async function* pagesOf(
  reader: ModelReader<MetricsBucket>,
  resolution: Resolution,
  { from, to }: Span,
): AsyncGenerator<readonly MetricsBucket[], void> {
  for (let last: MetricsBucket | undefined; ;) {
    const page: readonly MetricsBucket[] = await reader.find({
      index: 'by_time',
      equals: [resolution],
      range: { from, to: to - 1 },
      ...(last && { after: { values: [resolution, last.time], id: last.id } }),
      limit: PAGE,
    });
    yield page;
    if (page.length < PAGE) return;
    last = page.at(-1);
  }
}

const coarser: Readonly<Record<Resolution, Resolution | undefined>> = {
  '1m': '1h',
  '1h': '1d',
  '1d': undefined,
};

/** The fewest buckets that make up a span of whole minutes: whole days, hours before and after, minutes at the ends. */
export const cover = (
  span: Span,
  finest: Resolution = '1m',
  coarsest: Resolution = '1d',
): readonly (Span & { readonly resolution: Resolution })[] => {
  if (span.from >= span.to) return [];
  const next = finest === coarsest ? undefined : coarser[finest];
  if (!next) return [{ ...span, resolution: finest }];
  const step = resolutionMs[next];
  const first = Math.ceil(span.from / step) * step;
  const last = Math.floor(span.to / step) * step;
  if (first >= last) return [{ ...span, resolution: finest }];
  return [
    ...cover({ from: span.from, to: first }, finest, finest),
    ...cover({ from: first, to: last }, next, coarsest),
    ...cover({ from: last, to: span.to }, finest, finest),
  ];
};

/** From the first day there is anything of to the end of the last; undefined where there is nothing. */
export const extent = async (reader: ModelReader<MetricsBucket>): Promise<Span | undefined> => {
  const end = async (order: 'ascending' | 'descending'): Promise<number | undefined> =>
    (await reader.find({ index: 'by_time', equals: ['1d'], order, limit: 1 }))[0]?.time;
  const first = await end('ascending');
  const last = await end('descending');
  return first === undefined || last === undefined
    ? undefined
    : { from: first, to: last + resolutionMs['1d'] };
};
