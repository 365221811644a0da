import { Type } from 'typebox';
import { alertSummary } from '../../../projections/alert-summary/projection.js';
import { metrics } from '../../../projections/metrics/projection.js';
import { recentEvents } from '../../../projections/recent-events/projection.js';
import { found, refuse, tenantOf } from '../answers.js';
import { credentialsOf } from '../context.js';
import { problem } from '../problem.js';
import { defineRoute, type Route } from '../route.js';
import { closed, open } from '../schemas.js';
import { AlertSummary, Overview, RealTimeMetrics, EventStream } from './shapes.js';

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
