import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';

let server: TestServer;
let ada: TestTenant;
let bob: TestTenant;
let eve: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
  ada = await registerTestTenant(server, 'ada');
  bob = await registerTestTenant(server, 'bob');
  eve = await registerTestTenant(server, 'eve');
});
afterAll(() => server.stop());

const RULES = '/api/v2/audit/legitimacy-rules';
const serviceIs = (value: string) => ({ field: '/service', op: 'is', value });

const set = (as: string, name: string, json: object, more: object = {}) =>
  server.call('PUT', `${RULES}/${name}`, { as, json, ...more });
const names = async (as: string): Promise<readonly string[]> => {
  const { body } = await server.call('GET', RULES, { as });
  return (body.data as { name: string }[]).map(({ name }) => name);
};

const send = async (tenant: TestTenant, events: readonly object[]): Promise<void> => {
  const json = events.map((event) => ({ type: 'sale', ...event }));
  const sent = await server.call('POST', '/api/v1/ingestion/events/batch', { as: tenant.key, json });
  expect([sent.status, sent.body.accepted]).toEqual([200, events.length]);
  await server.settled();
};

/** A deployment that lets telemetry in, and what happens meanwhile; how it ends. */
const deploying = async (
  during: () => Promise<void>,
  end: 'complete' | 'rollback' = 'complete',
): Promise<string> => {
  const as = server.operator_token;
  const json = { release: 'next', mode: 'allow_ingest' };
  const begun = await server.call('POST', '/_deploy/begin', { as, json });
  const deployment_id = String(begun.body.deployment_id);
  await until(async () => (await server.call('GET', '/_deploy/status', { as })).body.phase === 'ready');
  await during();
  if (end === 'rollback') {
    const rolling = await server.call('POST', '/_deploy/rollback', {
      as,
      json: { deployment_id, reason: 'a test' },
    });
    expect(rolling.status).toBe(202);
    await until(async () => (await server.call('GET', '/_deploy/status', { as })).body.phase === 'none');
    return deployment_id;
  }
  const override = { by: 'ada', reason: 'a test' };
  const completed = await server.call('POST', '/_deploy/complete', { as, json: { deployment_id, override } });
  expect([completed.status, completed.text]).toEqual([200, expect.anything()]);
  return deployment_id;
};

interface Reported {
  readonly type: string;
  readonly indexes?: readonly (readonly [number, number])[];
  readonly count: number;
  readonly verdict?: string;
  readonly score: number;
  readonly reasons: readonly { readonly code: string; readonly detail: string }[];
}

const reported = async (as: string, id: string): Promise<readonly Reported[]> => {
  const { status, body } = await server.call('GET', `/api/v2/audit/deployments/${id}/records`, { as });
  expect(status).toBe(200);
  return body.records as Reported[];
};

describe('a tenant’s rules of what is legitimate', () => {
  it('are set, changed and removed by name, each of it a record with who did it', async () => {
    const note = 'our probes';
    const first = await set(ada.token, 'probes', {
      verdict: 'legitimate',
      condition: serviceIs('probe'),
      note,
    });
    expect([first.status, first.headers.get('etag')]).toEqual([200, '"v1"']);
    const again = await set(ada.token, 'probes', {
      verdict: 'legitimate',
      condition: serviceIs('probe'),
      note,
    });
    expect(again.body.version).toBe(1);
    const rule = { verdict: 'legitimate', condition: { any: [serviceIs('probe'), serviceIs('prober')] } };
    const late = await set(ada.token, 'probes', rule, { headers: { 'if-match': '"v7"' } });
    expect(late.status).toBe(412);
    expect((await set(ada.token, 'probes', rule, { headers: { 'if-match': '"v1"' } })).body.version).toBe(2);
    const listed = await server.call('GET', RULES, { as: ada.token });
    expect(listed.body).toMatchObject({ data: [{ name: 'probes', ...rule }], version: 2 });
    const stream = `legitimacy-${ada.id}`;
    const records = await server.call('GET', `/api/v2/audit/streams/${stream}`, { as: ada.token });
    expect(records.body.data).toMatchObject([
      { type: 'LegitimacyRuleDefined', data: { name: 'probes', note } },
      { type: 'LegitimacyRuleChanged' },
    ]);
    await server.settled();
    const trail = await server.call('GET', `/api/v2/audit/trail?stream=${stream}`, { as: ada.token });
    expect(trail.body.data).toHaveLength(2);
    expect((await server.call('DELETE', `${RULES}/probes`, { as: ada.token })).status).toBe(200);
    expect((await server.call('DELETE', `${RULES}/probes`, { as: ada.token })).status).toBe(404);
    expect(await names(ada.token)).toEqual([]);
  });

  it.each([
    [{ field: 'nobody', op: 'is', value: 'x' }, '/condition/field'],
    [{ field: 'type', op: 'matches', value: '(a+)+$' }, '/condition/op'],
    [{ all: [serviceIs('a'), { field: '/x', op: 'like', value: 7 }] }, '/condition/all/1/value'],
    [{ not: { field: 'recorded_at', op: '<', value: 'yesterday' } }, '/condition/not/value'],
    [{ any: [] }, '/condition/any'],
    [{ not: { not: { not: { not: serviceIs('a') } } } }, '/condition/not/not/not/field'],
    [
      {
        all: [
          { any: Array.from({ length: 40 }, () => serviceIs('a')) },
          { any: Array.from({ length: 40 }, () => serviceIs('a')) },
        ],
      },
      '/condition/all/1/any/21',
    ],
  ])('are refused, and say where, when they are not valid (%#)', async (condition, pointer) => {
    const refused = await set(ada.token, 'bad', { verdict: 'legitimate', condition });
    expect(refused.status).toBe(400);
    const pointers = (refused.body.errors as { pointer: string }[]).map((one) => one.pointer);
    expect(pointers).toContainEqual(pointer);
    expect(await names(ada.token)).toEqual([]);
  });

  it('are a tenant’s own: nobody reads, sets or removes another’s but the operator, by name', async () => {
    const rule = { verdict: 'illegitimate', condition: serviceIs('x') };
    await set(bob.token, 'bobs', rule);
    expect(await names(ada.token)).toEqual([]);
    expect((await server.call('GET', `${RULES}?tenant_id=${bob.id}`, { as: ada.token })).status).toBe(404);
    expect((await set(ada.token, `bobs?tenant_id=${bob.id}`, rule)).status).toBe(404);
    const removed = await server.call('DELETE', `${RULES}/bobs?tenant_id=${bob.id}`, { as: ada.token });
    expect(removed.status).toBe(404);
    const as = server.operator_token;
    expect((await set(as, 'ops', rule)).status).toBe(422);
    expect((await set(as, `ops?tenant_id=${bob.id}`, rule)).status).toBe(200);
    expect(await names(bob.token)).toEqual(['bobs', 'ops']);
    for (const name of ['bobs', 'ops']) await server.call('DELETE', `${RULES}/${name}`, { as: bob.token });
  });
});

describe('a rule that is set aside', () => {
  it('is shown no more and does not count, and the others do', async () => {
    for (const name of ['first', 'second'])
      await set(eve.token, name, { verdict: 'illegitimate', condition: serviceIs(name) });
    const json = { reason: 'planted', records: [{ stream: `legitimacy-${eve.id}`, revision: 0 }] };
    const proposed = await server.call('POST', '/api/v2/audit/quarantine', { as: eve.token, json });
    expect(proposed.body.record_count).toBe(1);
    const approve = `/api/v2/audit/quarantine/${String(proposed.body.quarantine_id)}/approve`;
    expect((await server.call('POST', approve, { as: eve.token, json: {} })).status).toBe(200);
    expect(await names(eve.token)).toEqual(['second']);
  });
});

describe('what a deployment’s report makes of them', () => {
  it('judges by the rules from before it began, and by no later ones', async () => {
    const ordinary = Array.from({ length: 30 }, (_, n) => ({ service: 'till', duration_ms: n + 0.5 }));
    await send(ada, ordinary);
    const probes = { all: [serviceIs('till'), { field: '/user_id', op: 'like', value: 'test-probe-*' }] };
    await set(ada.token, 'probes', { verdict: 'legitimate', condition: probes });
    const no_refunds = { field: '/message', op: 'like', value: '*refund*' };
    await set(ada.token, 'no-refunds', { verdict: 'illegitimate', condition: no_refunds });
    await set(bob.token, 'all', {
      verdict: 'illegitimate',
      condition: { field: 'type', op: 'exists', value: true },
    });
    const id = await deploying(async () => {
      const rule = { verdict: 'legitimate', condition: { field: 'type', op: 'exists', value: true } };
      expect((await set(ada.token, 'whitewash', rule)).status).toBe(403);
      await send(ada, [
        { service: 'till', duration_ms: 1 },
        { service: 'till', message: 'one more refund', duration_ms: 2 },
        { service: 'till', user_id: 'test-probe-7', duration_ms: 3 },
        { service: 'till', user_id: 'test-user-7', duration_ms: 4 },
      ]);
    });
    const check = async (): Promise<void> => {
      expect(await reported(ada.token, id)).toMatchObject([
        {
          ...{ type: 'TelemetryRecorded', indexes: [[1, 1]], count: 1, verdict: 'illegitimate', score: 1 },
          reasons: [{ code: 'declared_illegitimate', detail: expect.stringContaining('no-refunds') }],
        },
      ]);
      expect(await reported(bob.token, id)).toEqual([]);
      const { body } = await server.call('GET', `/api/v2/audit/deployments/${id}/suspected`, {
        as: ada.token,
      });
      const data = body.data as (Reported & { readonly index: number })[];
      expect(body.count).toBe(2);
      expect(data.map(({ index, verdict }) => [index, verdict])).toEqual([
        [1, 'illegitimate'],
        [3, undefined],
        [2, 'legitimate'],
      ]);
      expect(data[2]?.score).toBeLessThan(0.5);
      expect(data[2]?.reasons.at(-1)).toMatchObject({ code: 'declared_legitimate' });
    };
    await check();
    // What is said once it is over changes nothing about it.
    const all = { verdict: 'legitimate', condition: { field: 'type', op: 'exists', value: true } };
    expect((await set(ada.token, 'whitewash', all)).status).toBe(200);
    expect((await server.call('DELETE', `${RULES}/no-refunds`, { as: ada.token })).status).toBe(200);
    await check();
    await server.call('DELETE', `${RULES}/whitewash`, { as: ada.token });
  });

  it('sets nothing aside: a rollback leaves what content or a rule names; a person who proposes and approves does not', async () => {
    await set(ada.token, 'no-refunds', {
      ...{ verdict: 'illegitimate', condition: { field: '/message', op: 'like', value: '*refund*' } },
    });
    const id = await deploying(
      () =>
        send(ada, [
          { service: 'rollback', message: 'a refund' },
          { service: 'rollback', user_id: 'john.doe@example.com' },
        ]),
      'rollback',
    );
    const shown = async (): Promise<readonly object[]> => {
      const path = '/api/v1/ingestion/events/search?service=rollback';
      return (await server.call('GET', path, { as: ada.key })).body.data as object[];
    };
    const found = await server.call('GET', `/api/v2/audit/deployments/${id}/suspected`, { as: ada.token });
    expect(found.body.count).toBe(2);
    expect(await shown()).toHaveLength(2);
    const quarantines = await server.call('GET', '/api/v2/audit/quarantine', { as: ada.token });
    expect(quarantines.body.data).toEqual([]);

    const json = { reason: 'against our rules', deployment_id: id };
    const proposed = await server.call('POST', '/api/v2/audit/quarantine', { as: ada.token, json });
    expect([proposed.status, proposed.body.record_count]).toEqual([201, 1]);
    expect(await shown()).toHaveLength(2);
    const approve = `/api/v2/audit/quarantine/${String(proposed.body.quarantine_id)}/approve`;
    await server.call('POST', approve, { as: ada.token, json: {} });
    expect(await shown()).toMatchObject([{ user_id: 'john.doe@example.com' }]);
    const records = await server.call('GET', `/api/v2/audit/deployments/${id}/records`, { as: ada.token });
    expect(records.body.records).toMatchObject([{ verdict: 'illegitimate', set_aside: true }]);
  });
});
