import type { ModelReader } from '../read-models.js';
import { resolutionMs, type MetricsBucket, type Resolution } from './projection.js';

const PAGE = 500;

/** A stretch of time, in epoch milliseconds: from the beginning up to, not including, the end. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The buckets of one resolution that begin inside a span, oldest first. */
export const loadBuckets = async (
  reader: ModelReader<MetricsBucket>,
  resolution: Resolution,
  { from, to }: Span,
): Promise<readonly MetricsBucket[]> => {
  const buckets: MetricsBucket[] = [];
  for (;;) {
    const last = buckets.at(-1);
    const page = await reader.find({
      index: 'by_time',
      equals: [resolution],
      range: { from, to: to - 1 },
      ...(last && { after: { values: [resolution, last.time], id: last.id } }),
      limit: PAGE,
    });
    buckets.push(...page);
    if (page.length < PAGE) return buckets;
  }
};

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
