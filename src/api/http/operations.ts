import { Type } from 'typebox';
import type { GuardState } from '../../domain/deployment/deployment.js';
import type { ApiServices } from '../dependencies.js';
import type { ApiResponse } from './message.js';
import { defineRoute, type Route, type Tag } from './route.js';
import { open, Position, Time } from './schemas.js';

const Status = Type.Enum(['ok', 'degraded', 'unavailable']);
const StoreStatus = open({ status: Type.String(), detail: Type.Optional(Type.String()) });

const Health = open(
  {
    status: Status,
    release: Type.String(),
    instance_id: Type.String(),
    time: Time,
    deployment_guard: open({
      mode: Type.Enum(['open', 'strict', 'allow_ingest']),
      warning: Type.Optional(Type.String()),
      deployment_id: Type.Optional(Type.String()),
      since: Type.Optional(Time),
    }),
    event_store: StoreStatus,
    read_store: StoreStatus,
    projections: Type.Array(
      open({
        name: Type.String(),
        state: Type.String(),
        position: Position,
        lag: Type.Number({ description: 'Positions behind the head of the log.' }),
        parked: Type.Integer({ minimum: 0, description: 'Keys whose events wait for a person.' }),
      }),
    ),
    processes: Type.Array(
      open({
        name: Type.String(),
        state: Type.String(),
        detail: Type.Optional(Type.String()),
        position: Position,
      }),
    ),
    head: Type.Optional(Position),
  },
  'Health',
);

/** How the guard is shown: loudly where it is up, since nobody but a person may be left to lower it. */
const guardHealth = ({ mode, release, deployment_id, begun_at }: GuardState) => {
  if (mode === 'open') return { mode };
  const what = mode === 'strict' ? 'Nothing is written' : 'Only telemetry is written, and marked,';
  const until =
    deployment_id === undefined
      ? 'while DEPLOYMENT_MODE is true'
      : `until the deployment of ${release ?? ''}, begun ${begun_at ?? 'earlier'}, is completed or rolled back`;
  return {
    mode,
    warning: `${what} ${until}.`,
    ...(deployment_id !== undefined && { deployment_id }),
    ...(begun_at !== undefined && { since: begun_at }),
  };
};

/** How everything stands. Stores that cannot be asked are `unreachable`, never an error of this route. */
const examine = async (api: ApiServices) => {
  const unreachable = { status: 'unreachable' } as const;
  const [event_store, read_store, host] = await Promise.all([
    api.log.health().catch(() => unreachable),
    api.readStore.health().catch(() => unreachable),
    api.projections().catch(() => undefined),
  ]);
  const processes = api.processes();
  const guard = api.guard.state;
  const reachable = event_store.status !== 'unreachable' && event_store.status !== 'halted';
  const serving = reachable && read_store.status === 'ok' && host?.state === 'running';
  const well =
    serving &&
    event_store.status === 'ok' &&
    host.projections.every(({ state, parked }) => state !== 'failed' && parked === 0) &&
    processes.every(({ state }) => state !== 'failing');
  return {
    status: well ? 'ok' : serving ? 'degraded' : 'unavailable',
    release: api.config.release,
    instance_id: api.config.instance_id,
    time: new Date(api.clock.now()).toISOString(),
    deployment_guard: guardHealth(guard),
    event_store,
    read_store,
    projections: (host?.projections ?? []).map(({ name, state, position, lag, parked }) => ({
      name,
      state,
      position,
      lag,
      parked,
    })),
    processes: processes.map(({ name, state, detail, position }) => ({
      name,
      state,
      ...(detail !== undefined && { detail }),
      position,
    })),
    ...(host && { head: host.head }),
  };
};

const healthAnswer = async (api: ApiServices): Promise<ApiResponse> => {
  const health = await examine(api);
  return { status: health.status === 'unavailable' ? 503 : 200, body: health };
};

const Alive = open({ status: Type.Literal('ok') });

const healthRoute = (path: string, summary: string, tag: Tag): Route =>
  defineRoute({
    method: 'GET',
    path,
    summary,
    tags: [tag],
    auth: 'public',
    responses: {
      200: { description: 'Serving; `degraded` says that something needs a look.', schema: Health },
      503: { description: 'Not serving.', schema: Health },
    },
    handle: (_request, api) => healthAnswer(api),
  });

export const live = defineRoute({
  method: 'GET',
  path: '/health/live',
  summary: 'Whether the process runs; nothing else is looked at.',
  tags: ['operations'],
  auth: 'public',
  responses: { 200: { description: 'It runs.', schema: Alive } },
  handle: () => Promise.resolve({ status: 200, body: { status: 'ok' } }),
});

export const storageHealth = defineRoute({
  method: 'GET',
  path: '/api/v1/storage/health',
  summary: 'How the event store and the read store are.',
  tags: ['operations'],
  auth: 'public',
  responses: {
    200: {
      description: 'Both take and give.',
      schema: open({ status: Status, event_store: StoreStatus, read_store: StoreStatus }),
    },
    503: {
      description: 'One of them does not.',
      schema: open({ status: Status, event_store: StoreStatus, read_store: StoreStatus }),
    },
  },
  async handle(_request, api) {
    const { event_store, read_store } = await examine(api);
    const well = event_store.status === 'ok' && read_store.status === 'ok';
    return {
      status: well ? 200 : 503,
      body: { status: well ? 'ok' : 'unavailable', event_store, read_store },
    };
  },
});

export const metricsText = defineRoute({
  method: 'GET',
  path: '/metrics',
  summary: 'What this process tells Prometheus about itself; nothing of any tenant.',
  tags: ['operations'],
  auth: 'public',
  responses: {
    200: { description: 'The Prometheus text format.', schema: Type.String(), content_type: 'text/plain' },
  },
  async handle(_request, { metrics, guard, projections }) {
    const { mode, begun_at } = guard.state;
    metrics.guardUp.set(mode === 'open' ? 0 : 1);
    metrics.guardSince.set(mode === 'open' || begun_at === undefined ? 0 : Date.parse(begun_at) / 1000);
    const host = await projections().catch(() => undefined);
    for (const { name, lag } of host?.projections ?? []) metrics.projectionLag.set({ projection: name }, lag);
    return {
      status: 200,
      content_type: metrics.registry.contentType,
      body: await metrics.registry.metrics(),
    };
  },
});

export const operations: readonly Route[] = [
  healthRoute('/health', 'How everything stands.', 'operations'),
  live,
  healthRoute('/health/ready', 'Whether to send requests here.', 'operations'),
  healthRoute('/api/v1/auth/health', 'How everything stands.', 'auth'),
  healthRoute('/api/v1/ingestion/health', 'How everything stands.', 'ingestion'),
  healthRoute('/api/v1/alerting/health', 'How everything stands.', 'alerting'),
  storageHealth,
  metricsText,
];
