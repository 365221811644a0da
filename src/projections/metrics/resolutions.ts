import { OTHER_ROUTE } from '../../domain/telemetry/route.js';
import type { TimeSpan } from '../../domain/time-spans.js';
import { MINUTE_MS } from './partials.js';

export type Resolution = '1m' | '1h' | '1d';

export const resolutionMs: Readonly<Record<Resolution, number>> = {
  '1m': MINUTE_MS,
  '1h': 60 * MINUTE_MS,
  '1d': 1440 * MINUTE_MS,
};

/** Of which other buckets a bucket is made up. */
export const finer: Readonly<Record<Resolution, Resolution | undefined>> = {
  '1m': undefined,
  '1h': '1m',
  '1d': '1h',
};

/** What series are called that are counted as one, because a bucket has too many. */
export const OTHER = OTHER_ROUTE;

/** The id of a bucket: `1m|2015-05-17T10:05`. */
export const bucketId = (resolution: Resolution, time: number): string => {
  const digits = { '1m': 16, '1h': 13, '1d': 10 }[resolution];
  return `${resolution}|${new Date(time).toISOString().slice(0, digits - 24)}`;
};

/** The stretch of time that a bucket holds, and the moment behind it. */
export const spanOfBucket = (id: string): TimeSpan => {
  const [resolution = '1d', text = ''] = id.split('|') as [Resolution?, string?];
  const from = Date.parse(text + { '1m': ':00Z', '1h': ':00:00Z', '1d': '' }[resolution]);
  return { from, to: from + resolutionMs[resolution] };
};
