import { resolutionMs, type MetricsBucket, type Resolution, type Series } from '../metrics/projection.js';
import { summarise, Summary } from '../metrics/summary.js';
import type { RouteRow, SeriesPoint, ServiceRow, Totals } from './shapes.js';

/** Everything in some buckets as one. */
export const totalsOf = (series: readonly Series[], seconds: number): Totals => {
  const total = new Summary();
  for (const one of series) total.add(one);
  return { ...total.volume(), ...total.latency(), per_second: total.requests / seconds };
};

/** A point for every bucket of a stretch, also where nothing happened. */
export const pointsOf = (
  buckets: readonly MetricsBucket[],
  resolution: Resolution,
  from: number,
  count: number,
): readonly SeriesPoint[] => {
  const by_time = new Map(buckets.map((bucket) => [bucket.time, bucket]));
  return Array.from({ length: count }, (_, i) => {
    const time = from + i * resolutionMs[resolution];
    const summary = new Summary();
    for (const one of by_time.get(time)?.series ?? []) summary.add(one);
    const { requests, errors, client_errors } = summary.volume();
    const { p50_ms, p95_ms, p99_ms } = summary.latency();
    return { time: new Date(time).toISOString(), requests, errors, client_errors, p50_ms, p95_ms, p99_ms };
  });
};

/** The services, the busiest first. */
export const servicesOf = (series: readonly Series[]): readonly ServiceRow[] =>
  [...summarise(series, ({ service }) => service)]
    .map(([service, summary]) => {
      const { requests, errors, error_rate } = summary.volume();
      return { service, requests, errors, error_rate, p95_ms: summary.latency().p95_ms };
    })
    .sort((one, other) => other.requests - one.requests);

/** The routes, the busiest first. */
export const routesOf = (series: readonly Series[]): readonly RouteRow[] => {
  const names = new Map<string, Pick<RouteRow, 'service' | 'method' | 'route'>>();
  const groups = summarise(series, ({ service, method, route }) => {
    const key = `${service}\n${method}\n${route}`;
    if (!names.has(key)) names.set(key, { service, method, route });
    return key;
  });
  return [...groups]
    .map(([key, summary]) => {
      const { requests, errors, error_rate } = summary.volume();
      const { service, method, route } = names.get(key) ?? { service: '', method: '', route: '' };
      return { service, method, route, requests, errors, error_rate, p95_ms: summary.latency().p95_ms };
    })
    .sort((one, other) => other.requests - one.requests);
};
