import { Type } from 'typebox';
import { alertSummary } from '../../projections/alert-summary/projection.js';
import { getAlertSummary } from '../../projections/alert-summary/query.js';
import { eventsStream } from '../../projections/dashboard/events-stream.js';
import { parseWindow, realTimeMetrics } from '../../projections/dashboard/real-time.js';
import { chunkIndex } from '../../projections/chunk-index/projection.js';
import { metrics } from '../../projections/metrics/projection.js';
import { recentEvents } from '../../projections/recent-events/projection.js';
import { DEFAULT_WINDOW, overviewWithAlerts, Window } from '../dashboards.js';
import { closed, DEFAULT_LIMIT } from '../http/schemas.js';
import { range, readRange } from '../http/times.js';
import { defineTopic, type Topic } from './topic.js';

/** Where the answer moves with the clock: how often those who look at it are told, though nothing comes in. */
const REFRESH_MS = 10_000;
/** As many as the read model keeps. */
const MOST_EVENTS = 200;

const overviewTopic = defineTopic({
  name: 'overview',
  params: closed({}),
  needs: 'telemetry:read',
  reads: [metrics, alertSummary],
  every_ms: 50,
  refresh_ms: REFRESH_MS,
  async state({ models, tenant, now }) {
    const data = await overviewWithAlerts(models, tenant, now);
    return { position: data.position, data };
  },
});

const metricsTopic = defineTopic({
  name: 'metrics',
  params: closed({ window: Type.Optional(Window), to: range.to }),
  refuses(params) {
    if (params.window !== undefined && parseWindow(params.window) === undefined)
      return 'A window is 1 minute to 31 days.';
    const end = readRange(params);
    return end.ok ? undefined : end.problem.detail;
  },
  needs: 'telemetry:read',
  reads: [metrics, chunkIndex],
  every_ms: 50,
  refresh_ms: REFRESH_MS,
  async state({ models, tenant, params, now }) {
    const seconds = parseWindow(params.window ?? DEFAULT_WINDOW) ?? 0;
    const end = readRange(params);
    const data = await realTimeMetrics(models, tenant, seconds, end.ok ? (end.range.to ?? now) : now);
    return { position: data.position, data };
  },
});

const eventsTopic = defineTopic({
  name: 'events',
  params: closed({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_EVENTS })) }),
  needs: 'telemetry:read',
  reads: [recentEvents],
  every_ms: 50,
  async state({ models, tenant, params: { limit = DEFAULT_LIMIT } }) {
    const stream = await eventsStream(models, tenant, { limit });
    return stream ?? { position: models.position(recentEvents), data: [] };
  },
  since: ({ models, tenant, params: { limit = DEFAULT_LIMIT } }, after) =>
    eventsStream(models, tenant, { limit, after }),
});

const alertsTopic = defineTopic({
  name: 'alerts',
  params: closed({}),
  needs: 'alerting:read',
  reads: [alertSummary],
  every_ms: 50,
  async state({ models, tenant, now }) {
    const data = await getAlertSummary(models, tenant, now);
    return { position: data.position, data };
  },
});

/** What can be followed. */
export const topics: ReadonlyMap<string, Topic> = new Map(
  [overviewTopic, metricsTopic, eventsTopic, alertsTopic].map((topic) => [topic.name, topic]),
);
