import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import { checks } from '../../src/api/realtime/protocol.js';
import { routes } from '../../src/api/http/routes.js';
import type { Route } from '../../src/api/http/route.js';
import { bodies, event, mediaTypeOf, rule } from '../support/route-bodies.js';
import {
  registerTestTenant,
  startTestServer,
  type Answer,
  type TestServer,
  type TestTenant,
} from '../support/server.js';
import { until } from '../support/until.js';

const namesOf = ({ method, path }: Route): string => `${method} ${path}`;

/**
 * What may be asked for while the guard is up although it is no GET. Everything else must be refused: a new route is,
 * or it is named here with the reason.
 */
const open: Readonly<Record<string, 'writes nothing' | 'own acts of the deployment'>> = {
  // With a token that stands on the guard's epoch, and no session.
  'POST /api/v1/auth/login': 'writes nothing',
  'POST /_ops/jobs': 'writes nothing',
  'POST /_deploy/begin': 'own acts of the deployment',
  'POST /_deploy/verify': 'own acts of the deployment',
  'POST /_deploy/complete': 'own acts of the deployment',
  'POST /_deploy/rollback': 'own acts of the deployment',
};

let directory: string;
let server: TestServer;
let ada: TestTenant;
let deployment_id: string;

const operator = () => ({ as: server.operator_token });
const begin = async (mode: 'strict' | 'allow_ingest'): Promise<string> => {
  const { status, body } = await server.call('POST', '/_deploy/begin', {
    ...operator(),
    json: { release: 'r2', mode },
  });
  expect([status, body.mode]).toEqual([200, mode]);
  return body.deployment_id as string;
};
const phase = async (): Promise<unknown> =>
  (await server.call('GET', '/_deploy/status', operator())).body.phase;
const prepared = () => until(async () => (await phase()) === 'ready');
const overrule = async (): Promise<void> => {
  const json = { deployment_id, override: { by: 'ada', reason: 'the test goes on' } };
  expect((await server.call('POST', '/_deploy/complete', { ...operator(), json })).status).toBe(200);
};

/** Calls a route as somebody who may, with ids that there are. */
const call = (route: Route, ids: Readonly<Record<string, string>>): Promise<Answer> => {
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? 'none');
  return server.call(route.method, path, {
    as: route.auth === 'operator' ? server.operator_token : ada.token,
    headers: mediaTypeOf(route),
    ...(route.method !== 'GET' && route.body && { json: bodies[route.path] ?? {} }),
  });
};

/** The streams of everything that was recorded after a position. */
const streamsAfter = async (
  position: Awaited<ReturnType<TestServer['head']>>,
): Promise<readonly string[]> => [...new Set((await server.records(position)).map(({ stream }) => stream))];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-guard-'));
  server = await startTestServer({ PULSESTREAM_DATA_DIR: directory });
  ada = await registerTestTenant(server, 'ada');
});

afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

describe('the strict guard', () => {
  let ids: Record<string, string>;

  beforeAll(async () => {
    const made = await server.call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule });
    const stored = await server.call('POST', '/api/v1/ingestion/events', { as: ada.key, json: event });
    ids = {
      rule_id: made.body.id as string,
      event_id: stored.body.event_id as string,
      key_id: ada.key_id,
      tenant_id: ada.id,
    };
    deployment_id = await begin('strict');
    ids.deployment_id = deployment_id;
    await prepared();
  });
  afterAll(overrule);

  it.each(routes.map((route) => [namesOf(route), route] as const))(
    '%s writes nothing, and says why where it would have',
    async (name, route) => {
      const before = await server.head();
      const { status, body, headers } = await call(route, ids);
      const allowed = route.method === 'GET' || open[name] !== undefined || route.appends_nothing;
      if (allowed) expect([body.code, status]).not.toContain('deployment_in_progress');
      else {
        // OTLP's own form of failures has numbers where problems have codes.
        const code = route.failures ? body.code : 'deployment_in_progress';
        expect([status, body.code]).toEqual([403, code]);
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      }
      if (open[name] !== 'own acts of the deployment') expect(await server.head()).toBe(before);
    },
  );

  it('lets people in to look, with a token that ends with it', async () => {
    const json = { email: ada.email, password: 'correct horse' };
    const before = await server.head();
    const answer = await server.call('POST', '/api/v1/auth/login', { json });
    expect(answer.status).toBe(200);
    const { access_token, refresh_token } = answer.body as { access_token: string; refresh_token: string };
    const seen = await server.call('GET', '/api/v1/dashboard/overview', { as: access_token });
    expect(seen.status).toBe(200);
    const refused = await server.call('POST', '/api/v1/alerting/rules', { as: access_token, json: rule });
    expect([refused.status, refused.body.code]).toEqual([403, 'deployment_in_progress']);
    const wrong = await server.call('POST', '/api/v1/auth/login', { json: { ...json, password: 'wrong' } });
    expect(wrong.status).toBe(401);
    expect(await server.head()).toBe(before);

    await overrule();
    await until(
      async () =>
        (await server.call('GET', '/api/v1/dashboard/overview', { as: access_token })).status === 401,
    );
    const renewed = await server.call('POST', '/api/v1/auth/refresh', { json: { refresh_token } });
    expect(renewed.status).toBe(401);
    // In another epoch it is as bad.
    deployment_id = await begin('strict');
    await prepared();
    expect((await server.call('GET', '/api/v1/dashboard/overview', { as: access_token })).status).toBe(401);
  });

  it('lets Socket.IO read, message by message, and write nothing', async () => {
    const before = await server.head();
    const socket: Socket = io(`${server.url}/dashboard`, {
      transports: ['websocket'],
      auth: { token: ada.token },
    });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('connect_error', reject);
      });
      for (const name of Object.keys(checks)) {
        const message = name === 'heartbeat' ? {} : { topic: 'overview' };
        expect([name, await socket.timeout(10_000).emitWithAck(name, message)]).toEqual([
          name,
          expect.objectContaining({ ok: true }),
        ]);
      }
    } finally {
      socket.disconnect();
    }
    expect(await server.head()).toBe(before);
  });

  it('is shown by health and metrics, and stands again after a restart', async () => {
    const shown = async (): Promise<void> => {
      const ready = await server.call('GET', '/health/ready');
      expect(ready.status).toBe(200);
      expect(ready.body.deployment_guard).toMatchObject({
        mode: 'strict',
        deployment_id,
        since: expect.stringMatching(/^\d{4}-/),
        warning: expect.stringContaining('r2'),
      });
      const { text } = await server.call('GET', '/metrics');
      expect(text).toMatch(/^pulsestream_deployment_guard_up 1$/m);
      expect(text).toMatch(/^pulsestream_deployment_guard_since_seconds [1-9]/m);
    };
    await shown();
    const json = { email: ada.email, password: 'correct horse' };
    const { body } = await server.call('POST', '/api/v1/auth/login', { json });
    await server.stop();
    server = await startTestServer({ PULSESTREAM_DATA_DIR: directory });
    await shown();
    expect(await phase()).toBe('ready');
    const as = body.access_token as string;
    expect((await server.call('GET', '/api/v1/dashboard/overview', { as })).status).toBe(200);
    const refused = await server.call('POST', '/api/v1/ingestion/events', { as: ada.key, json: event });
    expect(refused.status).toBe(403);
  });

  it('is not lowered unverified, by a nameless override, or by another deployment', async () => {
    const complete = (json: object) => server.call('POST', '/_deploy/complete', { ...operator(), json });
    expect((await complete({ deployment_id })).body.code).toBe('not_verified');
    expect((await complete({ deployment_id, override: { by: '', reason: 'x' } })).status).toBe(400);
    expect((await complete({ deployment_id, override: { by: 'ada' } })).status).toBe(400);
    const other = `dep_${'0'.repeat(32)}`;
    expect((await complete({ deployment_id: other })).body.code).toBe('other_deployment');
    const second = await server.call('POST', '/_deploy/begin', { ...operator(), json: { release: 'r3' } });
    expect([second.status, second.body.code]).toEqual([409, 'deployment_in_progress']);
    expect(await phase()).toBe('ready');
  });
});

describe('commands that are under way when the guard goes up', () => {
  it('are in the log before the begin, or not at all', async () => {
    const attempts = Array.from({ length: 60 }, async (_, i) => {
      if (i === 20) deployment_id = await begin('strict');
      const [path, json] =
        i % 2 === 0
          ? ['/api/v1/alerting/rules', { ...rule, name: `r${String(i)}` }]
          : ['/api/v1/ingestion/events', event];
      return server.call('POST', path, { as: ada.token, json });
    });
    const answers = await Promise.all(attempts);
    expect(answers.some(({ status }) => status === 403)).toBe(true);
    for (const { status } of answers) expect([201, 403]).toContain(status);
    await prepared();
    const records = await server.records();
    const begun = records.findLastIndex(({ type }) => type === 'DeploymentBegun');
    expect([...new Set(records.slice(begun).map(({ stream }) => stream))]).toEqual(['deployments']);
    const stored = records.filter(({ type }) => type === 'AlertRuleDefined').length;
    const accepted = answers.filter(({ status }, i) => status === 201 && i % 2 === 0).length;
    expect(stored).toBeGreaterThanOrEqual(accepted);
    await overrule();
  });
});

describe('the guard that takes telemetry', () => {
  /** What makes each process manager want to write, and how it is seen that it did. */
  const provoked: Readonly<Record<string, { readonly type: string; readonly events: readonly object[] }>> = {
    'alert-evaluation': {
      type: 'AlertFired',
      events: Array.from({ length: 20 }, () => ({ ...event, status_code: 500 })),
    },
    'route-learning': {
      type: 'RouteTemplateLearned',
      events: Array.from({ length: 300 }, (_, i) => ({
        ...event,
        service: 'blog',
        path: `/blog/${'abcdefghij'[i % 10] ?? ''}-${'klmnopqrst'[Math.floor(i / 10) % 10] ?? ''}-${'uvwxyz'[Math.floor(i / 100)] ?? ''}`,
      })),
    },
  };

  /** Reacts to a rule, which cannot be set now, and to midnight: test/processes/retention/retention.unit.ts. */
  const quiet = ['retention'];

  it('marks it, refuses all else, and lets every process manager wait and then resume', async () => {
    await server.call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule });
    deployment_id = await begin('allow_ingest');
    await prepared();
    const begun = await server.head();
    const states = async (): Promise<Record<string, string>> => {
      const { body } = await server.call('GET', '/health');
      const processes = body.processes as readonly { readonly name: string; readonly state: string }[];
      return Object.fromEntries(processes.map(({ name, state }) => [name, state]));
    };
    const names = Object.keys(await states());
    expect([...Object.keys(provoked), ...quiet].sort()).toEqual(names.sort());
    for (const { events } of Object.values(provoked)) {
      const { status } = await server.call('POST', '/api/v1/ingestion/events/batch', {
        as: ada.key,
        json: events,
      });
      expect(status).toBe(200);
    }
    await until(async () => {
      const now = await states();
      return Object.keys(provoked).every((name) => now[name] === 'waiting');
    });
    const telemetry = await server.records(begun);
    expect(telemetry.length).toBeGreaterThan(0);
    for (const { type, metadata } of telemetry)
      expect([type, metadata.deployment_id]).toEqual(['TelemetryRecorded', deployment_id]);

    await overrule();
    await until(async () => {
      const types = new Set((await server.records(begun)).map(({ type }) => type));
      return Object.values(provoked).every(({ type }) => types.has(type));
    });
    await until(async () => Object.values(await states()).every((state) => state === 'running'));
    expect((await streamsAfter(begun)).length).toBeGreaterThan(1);
  });
});

describe('DEPLOYMENT_MODE=true', () => {
  it('holds the guard up over whatever the log says, and says so', async () => {
    await server.stop();
    server = await startTestServer({ PULSESTREAM_DATA_DIR: directory, DEPLOYMENT_MODE: 'true' });
    const before = await server.head();
    const refused = await server.call('POST', '/api/v1/ingestion/events', { as: ada.key, json: event });
    expect([refused.status, refused.body.code]).toEqual([403, 'deployment_in_progress']);
    const { body } = await server.call('GET', '/health');
    expect(body.deployment_guard).toEqual({
      mode: 'strict',
      warning: 'Nothing is written while DEPLOYMENT_MODE is true.',
    });
    const json = { email: ada.email, password: 'correct horse' };
    expect((await server.call('POST', '/api/v1/auth/login', { json })).status).toBe(200);
    expect(await server.head()).toBe(before);
    deployment_id = await begin('allow_ingest');
    await prepared();
    await overrule();
    expect((await server.call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule })).status).toBe(
      403,
    );
  });
});
