import { Type } from 'typebox';
import { alertSummary } from '../../../projections/alert-summary/projection.js';
import { chunkIndex } from '../../../projections/chunk-index/projection.js';
import { routeBooks } from '../../../projections/routes/projection.js';
import { metrics } from '../../../projections/metrics/projection.js';
import { getAlertSummary } from '../../../projections/alert-summary/query.js';
import { eventsStream } from '../../../projections/dashboard/events-stream.js';
import { parseWindow, realTimeMetrics } from '../../../projections/dashboard/real-time.js';
import { recentEvents } from '../../../projections/recent-events/projection.js';
import { DEFAULT_WINDOW, overviewWithAlerts, Window } from '../../dashboards.js';
import { found, notFound, refuse, tenantOf } from '../answers.js';
import { credentialsOf } from '../context.js';
import { problem } from '../problem.js';
import { defineRoute, type Route } from '../route.js';
import { closed, DEFAULT_LIMIT, open } from '../schemas.js';
import { range, readRange } from '../times.js';
import { AlertSummary, EventStream, Overview, RealTimeMetrics } from './shapes.js';

const overviewRoute = defineRoute({
  method: 'GET',
  path: '/api/v1/dashboard/overview',
  summary: 'The last hour at a glance.',
  tags: ['dashboard'],
  auth: 'telemetry:read',
  reads: [metrics, alertSummary, routeBooks],
  responses: { 200: { description: 'The overview.', schema: Overview } },
  async handle(request, { models, clock }) {
    return found(await overviewWithAlerts(models, tenantOf(request), clock.now()));
  },
});

const realTime = defineRoute({
  method: 'GET',
  path: '/api/v1/dashboard/metrics/real-time',
  summary: 'Volume, response times and error rates of the last while, or of one that ended at `to`.',
  tags: ['dashboard'],
  auth: 'telemetry:read',
  reads: [metrics, chunkIndex, routeBooks],
  query: closed({ window: Type.Optional(Window), to: range.to }),
  responses: { 200: { description: 'The metrics.', schema: RealTimeMetrics } },
  async handle(request, { models, clock }) {
    const seconds = parseWindow(request.query.window ?? DEFAULT_WINDOW);
    if (seconds === undefined) return refuse(invalidWindow, request);
    const end = readRange(request.query);
    if (!end.ok) return refuse(end.problem, request);
    return found(await realTimeMetrics(models, tenantOf(request), seconds, end.range.to ?? clock.now()));
  },
});

const eventStream = defineRoute({
  method: 'GET',
  path: '/api/v1/dashboard/events/stream',
  summary: 'The newest events, in the order of their recording, the newest first.',
  tags: ['dashboard'],
  auth: 'telemetry:read',
  reads: [recentEvents, routeBooks],
  query: closed({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })) }),
  responses: { 200: { description: 'The events.', schema: EventStream } },
  async handle(request, { models }) {
    const limit = request.query.limit ?? DEFAULT_LIMIT;
    const stream = await eventsStream(models, tenantOf(request), { limit });
    // Only a question for what came after a position can go unanswered.
    return stream ? found(stream) : notFound(request, 'event stream');
  },
});

const alertsRoute = defineRoute({
  method: 'GET',
  path: '/api/v1/dashboard/alerts/summary',
  summary: 'Alerts by state and severity, the newest ones, and their trend.',
  tags: ['dashboard'],
  auth: 'alerting:read',
  reads: [alertSummary],
  responses: { 200: { description: 'The summary.', schema: AlertSummary } },
  async handle(request, { models, clock }) {
    return found(await getAlertSummary(models, tenantOf(request), clock.now()));
  },
});

const invalidWindow = problem(
  400,
  'invalid_window',
  'A window is 1 minute to 31 days: 5m, 24h, 7d, or seconds.',
);

const stats = defineRoute({
  method: 'GET',
  path: '/api/v1/dashboard/connections/stats',
  summary: 'The tenant’s live connections to this server.',
  tags: ['dashboard'],
  auth: 'telemetry:read',
  responses: {
    200: {
      description: 'How many there are.',
      schema: open(
        {
          connections: Type.Integer({ minimum: 0 }),
          connections_limit: Type.Integer({ minimum: 0 }),
          subscriptions: Type.Integer({ minimum: 0 }),
          by_topic: Type.Record(Type.String(), Type.Integer({ minimum: 0 })),
        },
        'ConnectionStats',
      ),
    },
  },
  handle: (request, api) => Promise.resolve({ status: 200, body: api.connections(tenantOf(request)) }),
});

const socketAddress = defineRoute({
  method: 'GET',
  path: '/api/v1/dashboard/ws/{tenant_id}',
  summary: 'Where live updates are: Socket.IO’s address, and a ticket that lets in once.',
  tags: ['dashboard'],
  auth: 'telemetry:read',
  params: closed({ tenant_id: Type.String({ maxLength: 64 }) }),
  responses: {
    426: {
      description: 'This speaks Socket.IO; here is how.',
      schema: open(
        {
          code: Type.String(),
          detail: Type.String(),
          socket_io: open({
            url: Type.String(),
            path: Type.String(),
            namespace: Type.String(),
            ticket: Type.String({
              description: 'Good once, in the handshake’s auth, for expires_in seconds.',
            }),
            expires_in: Type.Integer(),
          }),
        },
        'SocketAddress',
      ),
    },
  },
  handle(request, { tickets, config }) {
    const tenant = tenantOf(request);
    const credentials = credentialsOf(request.headers);
    if (request.params.tenant_id !== tenant || !credentials)
      return Promise.resolve(refuse(problem(404, 'not_found', 'There is no such tenant.'), request));
    const url = config.public_url ?? `http://${request.headers.host ?? 'localhost'}`;
    return Promise.resolve({
      status: 426,
      headers: { Upgrade: 'websocket', Connection: 'Upgrade' },
      body: {
        code: 'upgrade_required',
        detail: 'Connect with Socket.IO to this address and namespace.',
        socket_io: {
          url,
          path: '/socket.io/',
          namespace: '/dashboard',
          ...tickets.issue(credentials, tenant),
        },
      },
    });
  },
});

export const dashboard: readonly Route[] = [
  overviewRoute,
  realTime,
  eventStream,
  alertsRoute,
  stats,
  socketAddress,
];
