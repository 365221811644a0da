import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  registerTestTenant,
  startTestServer,
  type Answer,
  type TestServer,
  type TestTenant,
} from '../support/server.js';
import { routes } from '../../src/api/http/routes.js';
import { until } from '../support/until.js';

let server: TestServer;
let ada: TestTenant;
let bob: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
  ada = await registerTestTenant(server, 'ada');
  bob = await registerTestTenant(server, 'bob');
});
afterAll(() => server.stop());

const send = async (tenant: TestTenant, events: readonly object[]): Promise<readonly string[]> => {
  const before = await idsOf(tenant);
  const sent = await server.call('POST', '/api/v1/ingestion/events/batch', { as: tenant.key, json: events });
  expect(sent.status).toBe(200);
  await server.settled();
  return (await idsOf(tenant)).filter((id) => !before.includes(id));
};

const found = async (tenant: TestTenant, query = ''): Promise<readonly Record<string, unknown>[]> => {
  const answer = await server.call('GET', `/api/v1/ingestion/events/search?limit=1000${query}`, {
    as: tenant.key,
  });
  return answer.body.data as Record<string, unknown>[];
};
const idsOf = async (tenant: TestTenant) => (await found(tenant)).map(({ event_id }) => event_id as string);

const requests = async (tenant: TestTenant): Promise<number> => {
  const answer = await server.call('GET', '/api/v1/ingestion/events/statistics', { as: tenant.key });
  return (answer.body.totals as { requests: number }).requests;
};

const propose = (as: string, body: object): Promise<Answer> =>
  server.call('POST', '/api/v2/audit/quarantine', { as, json: { reason: 'false', ...body } });
const decide = (as: string, id: unknown, word: 'approve' | 'release', json: object = {}): Promise<Answer> =>
  server.call('POST', `/api/v2/audit/quarantine/${String(id)}/${word}`, { as, json });

describe('setting aside events inside a chunk', () => {
  it('takes them out of everything that is shown, and only them, until they are released', async () => {
    const before = await requests(ada);
    const events = Array.from({ length: 10 }, (_, n) => ({
      type: 'api_call',
      service: `s${n}`,
      duration_ms: n,
    }));
    const ids = await send(ada, events);
    expect(ids).toHaveLength(10);
    const [third] = await found(ada, '&service=s3');
    const [fifth] = await found(ada, '&service=s5');
    const records = [third, fifth].map((one) => ({ event_id: one?.event_id }));
    const proposed = await propose(ada.token, { records });
    expect(proposed.status).toBe(201);
    expect(await requests(ada)).toBe(before + 10);

    const approved = await decide(ada.token, proposed.body.quarantine_id, 'approve');
    expect(approved.status).toBe(200);
    expect(await requests(ada)).toBe(before + 8);
    expect(await found(ada, '&service=s3')).toEqual([]);
    const left = await found(ada, '&service=s4');
    expect(left).toHaveLength(1);
    for (const [id, status] of [
      [third?.event_id, 404],
      [left[0]?.event_id, 200],
    ] as const) {
      const one = await server.call('GET', `/api/v1/ingestion/events/${String(id)}`, { as: ada.key });
      expect(one.status).toBe(status);
      if (status === 200) expect(one.body).toMatchObject({ service: 's4' });
    }
    const tail = await server.call('GET', '/api/v1/dashboard/events/stream?limit=100', { as: ada.key });
    const shown = tail.body.data as { service: string; event_id: string }[];
    expect(shown.map(({ service }) => service)).not.toContain('s5');
    // What is left is where it was.
    const again = await found(ada);
    for (const { event_id, service } of shown)
      expect(again.find((one) => one.event_id === event_id)).toMatchObject({ service });

    expect((await decide(ada.token, proposed.body.quarantine_id, 'release')).status).toBe(200);
    expect(await requests(ada)).toBe(before + 10);
    expect((await found(ada, '&service=s3'))[0]?.event_id).toBe(third?.event_id);
    const listed = await server.call('GET', '/api/v2/audit/quarantine', { as: ada.token });
    expect((listed.body.data as object[])[0]).toMatchObject({
      status: 'released',
      record_count: 1,
      reason: 'false',
    });
  });

  it('no route shows them from the answer on: neither as events, nor in sums, lists or names', async () => {
    const marker = 'falsified';
    const [id] = await send(ada, [
      {
        type: 'api_call',
        service: marker,
        path: `/${marker}`,
        status_code: 500,
        message: marker,
        user_id: marker,
      },
    ]);
    const reading = routes.filter(({ method, path }) => method === 'GET' && !path.includes('{'));
    const showing = async (): Promise<readonly string[]> => {
      const shown: string[] = [];
      for (const { path } of reading) {
        const query = path.endsWith('/statistics') ? '?group_by=service' : '';
        const { body } = await server.call('GET', path + query, { as: ada.token });
        if (JSON.stringify(body).includes(marker)) shown.push(path);
      }
      return shown;
    };
    const before = await showing();
    for (const path of ['events/search', 'events/statistics', 'dashboard/overview', 'events/stream'])
      expect(before.some((one) => one.endsWith(path))).toBe(true);
    const { body } = await propose(ada.token, { records: [{ event_id: id }] });
    expect((await decide(ada.token, body.quarantine_id, 'approve')).status).toBe(200);
    expect(await showing()).toEqual([]);
    expect((await decide(ada.token, body.quarantine_id, 'release')).status).toBe(200);
    expect(await showing()).toEqual(before);
  });

  it('is a tenant’s own business: nothing of another’s can be named, seen or decided about', async () => {
    const [theirs] = await send(bob, [{ type: 'api_call' }]);
    expect((await propose(ada.token, { records: [{ event_id: theirs }] })).status).toBe(422);
    const proposed = await propose(bob.token, { records: [{ event_id: theirs }] });
    expect(proposed.status).toBe(201);
    const id = String(proposed.body.quarantine_id);
    expect((await server.call('GET', `/api/v2/audit/quarantine/${id}`, { as: ada.token })).status).toBe(404);
    expect((await decide(ada.token, id, 'approve')).status).toBe(404);
    expect((await decide(ada.token, id, 'approve', { tenant_id: bob.id })).status).toBe(404);
    expect((await decide(server.operator_token, id, 'approve', { tenant_id: bob.id })).status).toBe(200);
    expect(await idsOf(bob)).not.toContain(theirs);
  });
});

describe('releasing some of what is set aside', () => {
  it('brings back the events that are named, and those of a stretch of the log that was set aside by its ends', async () => {
    const carol = await registerTestTenant(server, 'carol');
    await send(
      carol,
      [0, 1, 2, 3].map((n) => ({ type: 'api_call', service: `first${n}` })),
    );
    await send(carol, [{ type: 'api_call', service: 'second' }]);
    const { body } = await server.call('GET', `/api/v2/audit/state?read_model=chunk-index`, {
      as: carol.token,
    });
    const chunks = (body.documents as { position: string; count: number }[]).sort((one, other) =>
      one.position < other.position ? -1 : 1,
    );
    const [first, last] = [chunks.at(0)!, chunks.at(-1)!];
    const stretch = { position: first.position, through_position: last.position };
    const proposed = await propose(carol.token, { records: [stretch] });
    expect(proposed.body).toMatchObject({ record_count: chunks.length, remaining: 0 });
    const id = String(proposed.body.quarantine_id);
    expect((await decide(carol.token, id, 'release', { records: [stretch] })).status).toBe(409);
    expect((await decide(carol.token, id, 'approve')).status).toBe(200);
    expect(await found(carol)).toEqual([]);
    expect(await requests(carol)).toBe(0);

    const one = { position: first.position, indexes: [1] };
    expect((await decide(carol.token, id, 'release', { records: [one] })).status).toBe(200);
    expect((await found(carol)).map(({ service }) => service)).toEqual(['first1']);
    expect(await requests(carol)).toBe(1);
    const shown = await server.call('GET', `/api/v2/audit/quarantine/${id}`, { as: carol.token });
    expect(shown.body).toMatchObject({
      status: 'approved',
      released: [{ position: first.position, indexes: [[1, 1]], count: first.count }],
    });

    const all = [{ position: first.position }, { position: last.position }];
    expect((await decide(carol.token, id, 'release', { records: all })).status).toBe(200);
    expect(await found(carol)).toHaveLength(5);
    expect(await requests(carol)).toBe(5);
    const foreign = await propose(bob.token, { records: [stretch] });
    expect(foreign.status).toBe(422);
  });
});

describe('setting aside other records', () => {
  it('unmakes a rule and a key: neither is shown, changed or of use, until they are released', async () => {
    const rule = {
      ...{ name: 'planted', severity: 'info', window_seconds: 60 },
      condition: { metric: 'request_count', operator: '>', threshold: 5 },
    };
    const defined = await server.call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule });
    const issued = await server.call('POST', '/api/v1/auth/api-keys', {
      as: ada.token,
      json: { name: 'planted', scopes: ['read'] },
    });
    const { id: key_id, key } = issued.body.api_key as { id: string; key: string };
    const rule_id = String(defined.body.id);
    const streams = [`rule-${rule_id}`, `apikey-${key_id}`];
    const proposed = await propose(ada.token, {
      records: streams.map((stream) => ({ stream, revision: 0 })),
    });
    expect((await decide(ada.token, proposed.body.quarantine_id, 'approve')).status).toBe(200);
    const path = `/api/v1/alerting/rules/${rule_id}`;
    expect((await server.call('GET', path, { as: ada.token })).status).toBe(404);
    expect((await server.call('PUT', path, { as: ada.token, json: rule })).status).toBe(404);
    const status = async (): Promise<number> =>
      (await server.call('GET', '/api/v1/dashboard/overview', { as: key })).status;
    await until(async () => (await status()) === 401);
    await decide(ada.token, proposed.body.quarantine_id, 'release');
    expect((await server.call('GET', path, { as: ada.token })).body).toMatchObject({ name: 'planted' });
    await until(async () => (await status()) === 200);
  });

  it('leaves alone what says what is set aside, and what a deployment was', async () => {
    const proposed = await propose(ada.token, { records: [{ stream: `quarantine-${ada.id}`, revision: 0 }] });
    expect(proposed.status).toBe(422);
  });
});

describe('telemetry that came in during a deployment', () => {
  it('is no client’s fault: it is not held to have been introduced, and named where it looks made up', async () => {
    const as = server.operator_token;
    const ordinary = Array.from({ length: 30 }, (_, n) => ({
      type: 'sale',
      service: 'till',
      duration_ms: n + 0.5,
    }));
    await send(ada, ordinary);
    const json = { release: '2', mode: 'allow_ingest' };
    const begun = await server.call('POST', '/_deploy/begin', { as, json });
    const deployment_id = String(begun.body.deployment_id);
    await until(async () => (await server.call('GET', '/_deploy/status', { as })).body.phase === 'ready');
    const [first] = await send(ada, [{ type: 'sale', service: 'till', duration_ms: 3.25 }]);
    const [made_up] = await send(ada, [{ type: 'seed', service: 'till', user_id: 'john.doe@example.com' }]);
    const override = { by: 'ada', reason: 'a test' };
    const completed = await server.call('POST', '/_deploy/complete', {
      as,
      json: { deployment_id, override },
    });
    expect([completed.status, completed.text]).toEqual([200, expect.anything()]);
    const path = `/api/v2/audit/deployments/${deployment_id}`;
    const introduced = await server.call('GET', `${path}/records`, { as: ada.token });
    expect(introduced.body).toMatchObject({ release: '2', mode: 'allow_ingest', records: [], count: 0 });
    const suspected = await server.call('GET', `${path}/suspected`, { as: ada.token });
    expect(suspected.body).toMatchObject({ count: 1, all: true, data: [{ event_id: made_up }] });
    expect(suspected.text).not.toContain(String(first));
    const others = await server.call('GET', `${path}/suspected?tenant_id=${ada.id}`, { as: bob.token });
    expect(others.status).toBe(404);
    const operators = await server.call('GET', `${path}/suspected?tenant_id=${ada.id}`, { as });
    expect(operators.body).toMatchObject({ count: 1 });
  });
});
