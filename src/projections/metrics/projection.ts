import { TELEMETRY_RECORDED } from '../../domain/telemetry/stored-chunk.js';
import { retirementIn, startOfDay, TELEMETRY_RETIRED } from '../../domain/retention/retention.js';
import { retirementsStream } from '../../domain/streams.js';
import { telemetryStreams } from '../../domain/telemetry/address.js';
import { ROUTE_RULES_VERSION } from '../../domain/telemetry/route.js';
import { defineProjection, type FoldContext, type Part } from '../projection.js';
import { telemetryRoutes } from '../routes/telemetry-routes.js';
import { amendBucket, MAX_SERIES, type BucketPart, type MetricsBucket } from './amend.js';
import { chunkPartials } from './given-partials.js';
import {
  nameKey,
  type ChunkPartials,
  type MinutePartials,
  type NamedSeries,
  type SeriesName,
} from './partials.js';
import { bucketId, OTHER, resolutionMs, spanOfBucket, type Resolution } from './resolutions.js';
import { inOrder, seriesOf, SeriesTable, type SeriesColumns } from './series-table.js';

export { MAX_SERIES, type MetricsBucket } from './amend.js';
export { bucketId, OTHER, resolutionMs, type Resolution } from './resolutions.js';

const otherName = (status_class: number): SeriesName => ({
  type: OTHER,
  service: OTHER,
  route: OTHER,
  route_made: false,
  method: '',
  status_class,
});

/** Tables of documents in memory, by what the document holds of them. */
const open = new WeakMap<SeriesColumns, SeriesTable>();

const tableOf = (series?: SeriesColumns): SeriesTable =>
  (series && open.get(series)) ?? new SeriesTable(series);

/** Adds what one minute of a chunk says of a series: to its own, or where there are too many to that of the others. */
const add = (table: SeriesTable, from: ChunkPartials, partial: number): void => {
  const series = from.series[partial] as NamedSeries;
  const own = table.of(series, series.key, series.type === OTHER ? Infinity : MAX_SERIES);
  if (own !== undefined) {
    table.add(own, from, partial);
    return;
  }
  const other = otherName(series.status_class);
  const others = table.of(other, nameKey(other), Infinity);
  if (others !== undefined) table.add(others, from, partial);
};

const partOf = (
  resolution: Resolution,
  partials: ChunkPartials,
): readonly { readonly id: string; readonly part: BucketPart }[] => {
  const by_start = new Map<number, MinutePartials[]>();
  for (const minute of partials.minutes) {
    const time = minute.minute - (minute.minute % resolutionMs[resolution]);
    const found = by_start.get(time);
    if (found) found.push(minute);
    else by_start.set(time, [minute]);
  }
  return [...by_start].map(([time, inside]) => ({
    id: bucketId(resolution, time),
    part: { resolution, time, partials, minutes: inside },
  }));
};

/** Volume, errors and latency by minute, hour and day, for each type, service, route, method and status class. */
export const metrics = defineProjection<MetricsBucket, BucketPart>({
  name: 'metrics',
  version: 100 * ROUTE_RULES_VERSION + 4,
  reads: [TELEMETRY_RECORDED, TELEMETRY_RETIRED],
  shows_routes: telemetryRoutes,
  history: { prefix: telemetryStreams, times: (ids) => ids.map(spanOfBucket) },
  also_in: (tenant) => [retirementsStream(tenant)],
  indexes: [{ name: 'by_time', fields: ['resolution', 'time'] }],

  parts: (event, routing): readonly Part<BucketPart>[] => {
    const { tenant_id: tenant } = event.metadata;
    if (tenant === undefined || event.type !== TELEMETRY_RECORDED) return [];
    const partials = chunkPartials(event, routing);
    return (['1m', '1h', '1d'] as const).flatMap((resolution) =>
      partOf(resolution, partials).map((part) => ({ tenant, ...part })),
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

  fold: (document, { resolution, time, partials, minutes }, { id, position }: FoldContext): MetricsBucket => {
    const table = tableOf(document?.series);
    for (const { from, to } of minutes)
      for (let partial = from; partial < to; partial += 1) add(table, partials, partial);
    const series = table.columns;
    open.set(series, table);
    return { id, position, resolution, time, series };
  },

  amend: amendBucket,

  legible: (document) => ({ ...document, series: inOrder(seriesOf(document.series)) }),
});
