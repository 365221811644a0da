import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { secondsOfDayLeft } from '../../../src/domain/tenancy/usage.js';
import {
  registerTestTenant,
  startTestServer,
  type Answer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';

let directory: string;
let server: TestServer;
let ada: TestTenant;
let bob: TestTenant;

const start = (): Promise<TestServer> => startTestServer({ PULSESTREAM_DATA_DIR: directory });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-limits-'));
  server = await start();
  ada = await registerTestTenant(server, 'ada');
  bob = await registerTestTenant(server, 'bob');
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

const path = (tenant: TestTenant): string => `/_ops/tenants/${tenant.id}/limits`;
const set = (tenant: TestTenant, json: object, headers: Record<string, string> = {}): Promise<Answer> =>
  server.call('PUT', path(tenant), { as: server.operator_token, json, headers });
const batch = (tenant: TestTenant, json: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  server.call('POST', '/api/v1/ingestion/events/batch', { as: tenant.key, json, headers });
const events = (count: number, more: object = {}) =>
  Array.from({ length: count }, () => ({ type: 'tick', ...more }));

describe('a tenant’s limits', () => {
  it('are set by the operator, hold at once, and are seen by the tenant', async () => {
    const before = await server.call('GET', '/api/v2/ingestion/limits', { as: ada.key });
    expect(before).toMatchObject({ status: 200, body: { own: {}, limits: { batch_events: 10_000 } } });
    const own = { batch_events: 3, event_bytes: 200, body_bytes: 4096 };
    const answer = await set(ada, own);
    expect(answer).toMatchObject({ status: 200, body: { own } });

    expect(await batch(ada, events(4))).toMatchObject({ status: 413, body: { code: 'too_many_events' } });
    expect(await batch(ada, events(3))).toMatchObject({ status: 200, body: { accepted: 3 } });
    expect(await batch(ada, [...events(1), ...events(1, { message: 'x'.repeat(200) })])).toMatchObject({
      status: 200,
      body: { accepted: 1, errors: [{ index: 1, code: 'event_too_large' }] },
    });
    expect(await batch(ada, events(3, { message: 'x'.repeat(2000) }))).toMatchObject({
      status: 413,
      body: { code: 'body_too_large' },
    });
    const one = { type: 'tick', message: 'x'.repeat(200) };
    expect(await server.call('POST', '/api/v1/ingestion/events', { as: ada.key, json: one })).toMatchObject({
      status: 413,
      body: { code: 'event_too_large' },
    });
    expect(await batch(bob, events(4))).toMatchObject({ status: 200, body: { accepted: 4 } });

    const seen = await server.call('GET', '/api/v2/ingestion/limits', { as: ada.key });
    expect(seen.body).toMatchObject({ own, limits: { ...own, routes: 280 } });
    expect(seen.body.limits).not.toHaveProperty('sign_ins_per_minute');
    expect(await server.call('GET', path(ada), { as: server.operator_token })).toMatchObject({
      status: 200,
      body: seen.body,
    });
  });

  it('hold for spans and CloudEvents, too', async () => {
    await set(ada, { batch_events: 3 });
    const span = (n: number) => ({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: `b7ad6b716920333${String(n)}`,
      kind: 2,
      startTimeUnixNano: '1',
      endTimeUnixNano: '2',
      attributes: [{ key: 'http.request.method', value: { stringValue: 'GET' } }],
    });
    const spans = [1, 2, 3, 4].map(span);
    const send = (count: number) =>
      server.call('POST', '/api/v1/ingestion/otlp/v1/traces', {
        as: ada.key,
        json: { resourceSpans: [{ scopeSpans: [{ spans: spans.slice(0, count) }] }] },
      });
    expect((await send(4)).status).toBe(413);
    expect((await send(3)).status).toBe(200);
    const cloud = (count: number) =>
      server.call('POST', '/api/v1/ingestion/cloudevents', {
        as: ada.key,
        headers: { 'content-type': 'application/cloudevents-batch+json' },
        body: JSON.stringify(
          Array.from({ length: count }, (_, id) => ({
            ...{ specversion: '1.0', id: String(id), source: '/s', type: 'a' },
          })),
        ),
      });
    expect(await cloud(4)).toMatchObject({ status: 413, body: { code: 'too_many_events' } });
    expect((await cloud(3)).status).toBe(200);
  });

  it('of rates are told in the headers, and beyond them there is 429', async () => {
    await set(bob, { events_per_minute: 60, burst_seconds: 10 });
    const first = await batch(bob, events(10));
    expect(first.status).toBe(200);
    expect(first.headers.get('ratelimit-policy')).toBe('"events";q=10;w=10');
    const second = await batch(bob, events(1));
    expect(second).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
    await set(bob, {});
  });

  it('of a day are held to exactly, told in headers and answers, and counted over a restart', async () => {
    // Not over midnight: the next day begins with nothing.
    await until(() => Promise.resolve(secondsOfDayLeft(Date.now()) > 60), 90_000);
    const eve = await registerTestTenant(server, 'eve');
    expect((await batch(eve, events(2))).status).toBe(200);
    await set(eve, { events_per_day: 10 });
    const first = await batch(eve, events(5));
    expect(first.status).toBe(200);
    expect(first.headers.get('ratelimit-policy')).toContain(', "events_per_day";q=10;w=86400');
    expect(first.headers.get('ratelimit')).toMatch(/, "events_per_day";r=3;t=\d+$/);

    await server.stop();
    server = await start();
    const large = await batch(eve, events(4));
    expect(large).toMatchObject({ status: 429, body: { code: 'quota_exceeded' } });
    const wait = Number(large.headers.get('retry-after'));
    expect(Math.abs(wait - secondsOfDayLeft(Date.now()))).toBeLessThan(30);
    expect((await batch(eve, events(3))).status).toBe(200);
    const json = { type: 'tick' };
    for (const path of ['/api/v1/ingestion/events', '/api/v1/ingestion/events/batch'])
      expect(
        await server.call('POST', path, { as: eve.key, json: path.endsWith('batch') ? [json] : json }),
      ).toMatchObject({ status: 429, body: { code: 'quota_exceeded' } });
    const exported = await server.call('POST', '/api/v1/ingestion/otlp/v1/logs', {
      as: eve.key,
      json: { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x' } }] }] }] },
    });
    expect(exported.status).toBe(429);

    await set(eve, { events_per_day: 100, bytes_per_day: 10 * 15 + 20 });
    expect((await batch(eve, events(2))).status).toBe(429);
    const last = await batch(eve, events(1));
    expect(last.status).toBe(200);
    expect(last.headers.get('ratelimit')).toMatch(/"bytes_per_day";r=5;t=\d+$/);
    await server.settled();
    const holding = await server.call('GET', '/api/v2/ingestion/limits', { as: eve.key });
    expect(holding.body).toMatchObject({ today: { events: 11, bytes: 11 * 15 } });
    expect(await server.call('GET', '/api/v2/ingestion/usage', { as: eve.key })).toMatchObject({
      status: 200,
      body: { data: [{ events: 11, bytes: 11 * 15 }], next_cursor: null },
    });
    const issues = await server.call('GET', '/api/v2/ingestion/issues', { as: eve.key });
    expect(issues.body).toMatchObject({
      data: expect.arrayContaining([
        expect.objectContaining({ outcome: 'refused', code: 'quota_exceeded', count: 5 }),
      ]),
    });
  });

  it('are the same after a restart', async () => {
    await set(ada, { batch_events: 2 });
    await server.stop();
    server = await start();
    expect((await batch(ada, events(3))).status).toBe(413);
    const seen = await server.call('GET', '/api/v2/ingestion/limits', { as: ada.key });
    expect(seen.body).toMatchObject({ own: { batch_events: 2 } });
  });

  it('are changed by whoever has seen them, and taken back', async () => {
    const seen = await server.call('GET', path(ada), { as: server.operator_token });
    const version = seen.headers.get('etag') ?? '';
    expect((await set(ada, { batch_events: 5 }, { 'if-match': version })).status).toBe(200);
    expect((await set(ada, { batch_events: 6 }, { 'if-match': version })).status).toBe(412);
    expect(await set(ada, {})).toMatchObject({ status: 200, body: { own: {} } });
    expect((await batch(ada, events(6))).status).toBe(200);
  });

  it.each([
    ['no whole number', { batch_events: 1.5 }, '/batch_events'],
    ['too little', { event_bytes: 1 }, '/event_bytes'],
    ['unknown', { colour: 'red' }, '/colour'],
  ])('that are %s are refused and change nothing', async (_, json, pointer) => {
    const head = await server.head();
    expect(await set(ada, json)).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
    expect(await server.head()).toBe(head);
  });

  it('are nobody else’s to set or to see, and nobody’s of a tenant that is not there', async () => {
    for (const as of [ada.key, ada.token])
      for (const method of ['GET', 'PUT'])
        expect(
          (await server.call(method, path(ada), { as, ...(method === 'PUT' && { json: {} }) })).status,
        ).toBe(401);
    for (const id of ['ten_0190b3c5d1f87c0e8a4f3b2a1c0d9e8f', 'ten_x'])
      for (const method of ['GET', 'PUT'])
        expect(
          await server.call(method, `/_ops/tenants/${id}/limits`, {
            as: server.operator_token,
            ...(method === 'PUT' && { json: {} }),
          }),
        ).toMatchObject({ status: 404 });
  });
});
