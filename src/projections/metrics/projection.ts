import { decodeChunk, TELEMETRY_RECORDED } from '../../domain/telemetry/chunk.js';
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
import { seriesOf, SeriesTable, type SeriesColumns } from './series-table.js';

export type Resolution = '1m' | '1h' | '1d';

export const resolutionMs: Readonly<Record<Resolution, number>> = {
  '1m': MINUTE_MS,
  '1h': 60 * MINUTE_MS,
  '1d': 1440 * MINUTE_MS,
};

/** All series of one tenant in one minute, hour or day. */
export interface MetricsBucket extends Document {
  readonly resolution: Resolution;
  /** Where the bucket begins, in epoch milliseconds. */
  readonly time: number;
  readonly series: SeriesColumns;
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

/** Tables of documents in memory, by what the document holds of them. */
const open = new WeakMap<SeriesColumns, SeriesTable>();

const tableOf = (series?: SeriesColumns): SeriesTable =>
  (series && open.get(series)) ?? new SeriesTable(series);

/** Adds what one minute of a chunk says of a series: to its own, or where there are too many to that of the others. */
const add = (table: SeriesTable, partial: SeriesPartial): void => {
  const own = table.of(partial, partial.key, partial.type === OTHER ? Infinity : MAX_SERIES);
  if (own !== undefined) {
    table.add(own, partial);
    return;
  }
  const other = otherName(partial.status_class);
  const others = table.of(other, nameKey(other), Infinity);
  if (others !== undefined) table.add(others, partial);
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
  version: 100 * ROUTE_RULES_VERSION + 4,
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
    const table = tableOf(document?.series);
    for (const minute of minutes) for (const partial of minute.series) add(table, partial);
    const series = table.columns;
    open.set(series, table);
    return { id, position, resolution, time, series };
  },

  legible: (document) => ({ ...document, series: seriesOf(document.series) }),
});
