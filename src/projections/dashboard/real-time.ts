import type { TenantId } from '../../domain/ids.js';
import type { Position } from '../../eventstore/event-store.js';
import { newestEvent } from '../chunk-index/newest.js';
import { metrics, resolutionMs, type Resolution } from '../metrics/projection.js';
import type { ReadModels } from '../read-models.js';
import { currentRoutes } from '../routes/query.js';
import { digestsOf, pointsOf, routeSums } from './digest.js';
import type { RouteRow, SeriesPoint, ServiceRow, Totals } from './shapes.js';
import { tablesOf } from './tables.js';

export interface RealTimeMetrics {
  readonly position: Position;
  readonly window_seconds: number;
  readonly resolution_seconds: number;
  readonly totals: Totals;
  readonly series: readonly SeriesPoint[];
  readonly by_service: readonly ServiceRow[];
  readonly by_route: readonly RouteRow[];
  /** When the newest event there is happened. */
  readonly newest?: string;
}

const ROUTES = 100;
const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const MAX_WINDOW_SECONDS = 31 * 86_400;

/** Reads a window: `5m`, `24h`, `7d`, or seconds; undefined where the text is none of 1 minute to 31 days. */
export const parseWindow = (text: string): number | undefined => {
  const [, number, unit = 's'] = /^(\d{1,8})([smhd])?$/.exec(text) ?? [];
  const seconds = Number(number) * UNITS[unit as keyof typeof UNITS];
  return seconds >= 60 && seconds <= MAX_WINDOW_SECONDS ? seconds : undefined;
};

const resolutionFor = (window_seconds: number): Resolution =>
  window_seconds <= 6 * 3600 ? '1m' : window_seconds <= 7 * 86_400 ? '1h' : '1d';

/**
 * Volume, latency and errors of a while, up to and with the minute, hour or day that its end (epoch milliseconds) is
 * in. The end is now for those who follow, and any other moment for those who look back.
 */
export const realTimeMetrics = async (
  models: ReadModels,
  tenant: TenantId,
  window_seconds: number,
  end: number,
): Promise<RealTimeMetrics> => {
  const position = models.position(metrics);
  const resolution = resolutionFor(window_seconds);
  const step = resolutionMs[resolution];
  const count = Math.ceil((window_seconds * 1000) / step);
  const to = (Math.floor(end / step) + 1) * step;
  const from = to - count * step;
  const { book } = await currentRoutes(models, tenant);
  const digests = await digestsOf(models.read(metrics, tenant), resolution, from, count);
  const { totals, services, routes } = tablesOf(routeSums(digests, book), window_seconds);
  return {
    position,
    window_seconds,
    resolution_seconds: step / 1000,
    totals,
    series: pointsOf(digests),
    by_service: services,
    by_route: routes.slice(0, ROUTES),
    ...(await newestEvent(models, tenant)),
  };
};
