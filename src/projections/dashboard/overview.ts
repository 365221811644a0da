import type { TenantId } from '../../domain/ids.js';
import type { Position } from '../../eventstore/event-store.js';
import { newestEvent } from '../chunk-index/newest.js';
import { MINUTE_MS } from '../metrics/partials.js';
import { metrics } from '../metrics/projection.js';
import type { ReadModels } from '../read-models.js';
import { currentRoutes } from '../routes/query.js';
import { digestsOf, pointsOf, routeSums, statusesOf } from './digest.js';
import type { RouteRow, SeriesPoint, ServiceRow, Totals } from './shapes.js';
import { tablesOf } from './tables.js';

export interface Overview {
  readonly position: Position;
  readonly generated_at: string;
  readonly window_seconds: number;
  readonly totals: Totals;
  /** One point a minute. */
  readonly series: readonly SeriesPoint[];
  readonly services: readonly ServiceRow[];
  readonly slowest_routes: readonly RouteRow[];
  readonly failing_routes: readonly RouteRow[];
  /** Requests by exact status; `0` where events have none. */
  readonly status: Readonly<Record<string, number>>;
  /** When the newest event there is happened. */
  readonly newest?: string;
}

const MINUTES = 60;
const ROWS = 10;

/** The last hour at a glance; the minute that is under way is its last. */
export const overview = async (models: ReadModels, tenant: TenantId, now: number): Promise<Overview> => {
  const position = models.position(metrics);
  const to = (Math.floor(now / MINUTE_MS) + 1) * MINUTE_MS;
  const from = to - MINUTES * MINUTE_MS;
  const { book } = await currentRoutes(models, tenant);
  const digests = await digestsOf(models.read(metrics, tenant), '1m', from, MINUTES);
  const { totals, services, routes: all } = tablesOf(routeSums(digests, book), MINUTES * 60);
  const routes = all.filter(({ route }) => route !== '');
  return {
    position,
    generated_at: new Date(now).toISOString(),
    window_seconds: MINUTES * 60,
    totals,
    series: pointsOf(digests),
    services,
    slowest_routes: routes
      .filter(({ p95_ms }) => p95_ms !== null)
      .sort((one, other) => (other.p95_ms ?? 0) - (one.p95_ms ?? 0))
      .slice(0, ROWS),
    failing_routes: routes
      .filter(({ errors }) => errors > 0)
      .sort((one, other) => other.error_rate - one.error_rate || other.errors - one.errors)
      .slice(0, ROWS),
    status: statusesOf(digests),
    ...(await newestEvent(models, tenant)),
  };
};
