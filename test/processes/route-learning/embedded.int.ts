import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';

const posts = Array.from(
  { length: 60 },
  (_, i) => `/blog/${'abcdefghij'[i % 10] ?? ''}-${'uvwxyz'[Math.floor(i / 10)] ?? ''}`,
);
const more = Array.from({ length: 10 }, (_, i) => `/blog/later-${'abcdefghij'[i] ?? ''}`);
const day = { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' };

let server: TestServer;
let ada: TestTenant;
let bob: TestTenant;

beforeEach(async () => {
  server = await startTestServer({ PULSESTREAM_ROUTE_LIMIT: '20' });
  ada = await registerTestTenant(server, 'ada');
  bob = await registerTestTenant(server, 'bob');
});
afterEach(() => server.stop());

const send = async (tenant: TestTenant, paths: readonly string[]): Promise<void> => {
  const events = paths.map((path) => ({
    ...{ type: 'api_call', service: 'web', method: 'GET', path, status_code: 200 },
    timestamp: '2026-01-01T10:00:00Z',
  }));
  const answer = await server.call('POST', '/api/v1/ingestion/events/batch', {
    as: tenant.key,
    json: events,
  });
  expect(answer).toMatchObject({ status: 200, body: { accepted: paths.length } });
};

const get = async (tenant: TestTenant, path: string): Promise<Readonly<Record<string, unknown>>> => {
  const answer = await server.call('GET', path, { as: tenant.key });
  expect(answer.status).toBe(200);
  return answer.body;
};

const learned = async (tenant: TestTenant): Promise<readonly string[]> => {
  const { learned } = await get(tenant, '/api/v2/ingestion/routes');
  return (learned as readonly { readonly route: string }[]).map(({ route }) => route);
};

/** Events by route. */
const statistics = async (tenant: TestTenant): Promise<Record<string, number>> => {
  await server.settled();
  const query = new URLSearchParams({ ...day, group_by: 'route' }).toString();
  const { data } = await get(tenant, `/api/v1/ingestion/events/statistics?${query}`);
  return Object.fromEntries(
    (data as readonly { readonly route: string; readonly requests: number }[]).map(({ route, requests }) => [
      route,
      requests,
    ]),
  );
};

/** The paths that a search for a route finds, and the routes that they are shown under. */
const search = async (tenant: TestTenant, route: string) => {
  await server.settled();
  const query = new URLSearchParams({ ...day, route, limit: '1000' }).toString();
  const { data } = await get(tenant, `/api/v1/ingestion/events/search?${query}`);
  const events = data as readonly {
    readonly path: string;
    readonly route: string;
    readonly event_id: string;
  }[];
  return {
    paths: events.map(({ path }) => path).sort(),
    routes: [...new Set(events.map((event) => event.route))],
    events,
  };
};

const job = async (kind: string): Promise<Readonly<Record<string, unknown>>> => {
  const started = await server.call('POST', '/_ops/jobs', { as: server.operator_token, json: { kind } });
  expect(started.status).toBe(202);
  let found = started.body;
  await until(async () => {
    found = (await server.call('GET', `/_ops/jobs/${String(started.body.id)}`, { as: server.operator_token }))
      .body;
    return found.state !== 'running';
  });
  return found;
};

const sameAsReplayed = async (): Promise<void> => {
  const { verified } = await job('verify');
  const outcomes = verified as readonly { readonly projection: string; readonly equal: boolean }[];
  expect(outcomes.map(({ projection }) => projection)).toContain('routes');
  expect(outcomes.filter(({ equal }) => !equal)).toEqual([]);
};

describe('learning routes on the embedded stores', () => {
  it('shows what came before under what was learned later, everywhere the same', async () => {
    await send(ada, ['/about', ...posts]);
    await until(async () => (await learned(ada)).includes('/blog/{slug}'));
    await send(ada, [...more, '/about']);

    expect(await statistics(ada)).toEqual({ '/about': 2, '/blog/{slug}': 70 });
    const found = await search(ada, '/blog/{slug}');
    expect(found.paths).toEqual([...posts, ...more].sort());
    expect(found.routes).toEqual(['/blog/{slug}']);
    expect((await search(ada, '/about')).paths).toEqual(['/about', '/about']);
    expect((await search(ada, posts[0] ?? '')).paths).toEqual([]);
    const one = await get(ada, `/api/v1/ingestion/events/${found.events[0]?.event_id ?? ''}`);
    expect(one).toMatchObject({ route: '/blog/{slug}', route_derived: true });
    const { data } = await get(ada, '/api/v1/dashboard/events/stream?limit=100');
    expect(new Set((data as readonly { route: string }[]).map(({ route }) => route))).toEqual(
      new Set(['/about', '/blog/{slug}']),
    );
  });

  it('leaves a route that was given alone, though it looks like a path', async () => {
    await send(ada, posts);
    await until(async () => (await learned(ada)).includes('/blog/{slug}'));
    const given = { type: 'api_call', route: posts[0], status_code: 200, timestamp: '2026-01-01T10:00:00Z' };
    expect(await server.call('POST', '/api/v1/ingestion/events', { as: ada.key, json: given })).toMatchObject(
      { status: 201 },
    );
    expect(await statistics(ada)).toEqual({ [posts[0] ?? '']: 1, '/blog/{slug}': 60 });
    expect((await search(ada, posts[0] ?? '')).events).toHaveLength(1);
  });

  it('makes the same read models again when they are rebuilt, with learning in the middle', async () => {
    for (const some of [posts.slice(0, 15), posts.slice(15, 40), posts.slice(40), more]) {
      await send(ada, some);
      await send(bob, some.slice(0, 3));
      await server.settled();
    }
    await until(async () => (await learned(ada)).length > 0);
    await send(ada, ['/blog/last', '/about']);
    await server.settled();
    const before = await statistics(ada);
    await sameAsReplayed();
    expect(await job('rebuild')).toMatchObject({ state: 'done' });
    expect(await statistics(ada)).toEqual(before);
    await sameAsReplayed();
  });

  it('knows nothing of another tenant’s', async () => {
    await send(bob, posts.slice(0, 5));
    await send(ada, posts);
    await until(async () => (await learned(ada)).length > 0);
    expect(await learned(bob)).toEqual([]);
    expect(Object.keys(await statistics(bob)).sort()).toEqual(posts.slice(0, 5).sort());
  });

  it('waits while a deployment is under way, and then goes on', async () => {
    const operator = { as: server.operator_token };
    const begun = await server.call('POST', '/_deploy/begin', {
      ...operator,
      json: { release: '2', mode: 'allow_ingest' },
    });
    expect(begun.status).toBeLessThan(300);
    await send(ada, posts);
    await until(async () => {
      const { body } = await server.call('GET', '/health', operator);
      const processes = body.processes as readonly { readonly name: string; readonly state: string }[];
      return processes.some(({ name, state }) => name === 'route-learning' && state === 'waiting');
    });
    expect(await learned(ada)).toEqual([]);
    const completed = await server.call('POST', '/_deploy/complete', {
      ...operator,
      json: {
        deployment_id: begun.body.deployment_id,
        override: { by: 'ada', reason: 'this test is about what happens meanwhile' },
      },
    });
    expect(completed.status).toBeLessThan(300);
    await until(async () => (await learned(ada)).includes('/blog/{slug}'));
    await sameAsReplayed();
  });
});

describe('a tenant’s own route patterns', () => {
  const put = (patterns: readonly string[], headers: Record<string, string> = {}) =>
    server.call('PUT', '/api/v2/ingestion/route-patterns', { as: ada.token, json: { patterns }, headers });

  it('hold for everything that is asked for from then on', async () => {
    await send(ada, posts);
    await until(async () => (await learned(ada)).length > 0);
    expect(await put(['/blog/a-{rest}', '/blog/{post}'])).toMatchObject({
      status: 200,
      body: { version: 2 },
    });
    await send(ada, ['/blog/a-new', '/blog/new', '/about']);
    expect((await search(ada, '/blog/{post}')).paths).toHaveLength(55);
    expect((await search(ada, '/blog/a-{rest}')).paths).toHaveLength(7);
    expect(await statistics(ada)).toMatchObject({ '/about': 1 });
    await sameAsReplayed();
  });

  it('are refused where they are wrong, with which', async () => {
    const answer = await put(['/a/{b}', '/a/{c}']);
    expect(answer).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/patterns/1', code: 'invalid_pattern' }] },
    });
    expect(await put(['/a'], { 'if-match': '"v7"' })).toMatchObject({ status: 200 });
    expect(await put(['/b'], { 'if-match': '"v7"' })).toMatchObject({ status: 412 });
    expect(await get(ada, '/api/v2/ingestion/routes')).toMatchObject({ patterns: ['/a'], version: 1 });
  });

  it('stay when what was learned is forgotten', async () => {
    await put(['/blog/a-{rest}']);
    await send(ada, posts);
    await until(async () => (await learned(ada)).length > 0);
    const forgotten = await server.call('DELETE', '/api/v2/ingestion/learned-routes', { as: ada.token });
    expect(forgotten.status).toBe(200);
    expect(await get(ada, '/api/v2/ingestion/routes')).toMatchObject({
      patterns: ['/blog/a-{rest}'],
      learned: [],
    });
    expect((await search(ada, '/blog/b-u')).paths).toEqual(['/blog/b-u']);
    await send(ada, posts);
    await until(async () => (await learned(ada)).length > 0);
    await sameAsReplayed();
  });
});
