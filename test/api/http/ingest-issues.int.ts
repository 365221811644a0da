import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsonSpans, serverSpan } from '../../support/otlp.js';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';

const ONE = '/api/v1/ingestion/events';
const BATCH = '/api/v1/ingestion/events/batch';
const ISSUES = '/api/v2/ingestion/issues';

let directory = '';
let server: TestServer;
let tenants = 0;

const start = (): Promise<TestServer> =>
  startTestServer({ PULSESTREAM_DATA_DIR: join(directory, 'data'), PULSESTREAM_RATE_LIMIT_EVENTS: '200' });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-issues-'));
  server = await start();
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

const newTenant = (): Promise<TestTenant> => registerTestTenant(server, `issues-${(tenants += 1)}`);
const issuesOf = async ({ token }: TestTenant) =>
  (await server.call('GET', ISSUES, { as: token })).body.data as Record<string, unknown>[];

describe('the list of what became of events', () => {
  it('is empty where all were stored', async () => {
    const tenant = await newTenant();
    await server.call('POST', ONE, { as: tenant.key, json: { type: 'a' } });
    expect(await issuesOf(tenant)).toEqual([]);
  });

  it('has a count, times and an example for each reason, and survives a restart', async () => {
    const tenant = await newTenant();
    const as = tenant.key;
    const batch = [
      { type: 'a', id: '1' },
      { type: 'a', id: '1' },
      {},
      { type: 'a', status_code: 9, id: 'x' },
      {},
    ];
    expect((await server.call('POST', BATCH, { as, json: batch })).body).toMatchObject({
      accepted: 1,
      duplicates: 1,
    });
    const all_bad = await server.call('POST', BATCH, { as, json: [{}, {}] });
    const { status } = await server.call('POST', ONE, { as, json: { type: 'a', colour: 1 } });
    expect([all_bad.status, status]).toEqual([400, 400]);
    const expected = [
      { outcome: 'duplicate', code: 'stored_already', pointer: '', count: 1 },
      { outcome: 'rejected', code: 'required', pointer: '/type', count: 4 },
      { outcome: 'rejected', code: 'too_small', pointer: '/status_code', count: 1 },
      { outcome: 'rejected', code: 'unknown_field', pointer: '/colour', count: 1 },
    ];
    const sorted = (list: readonly Record<string, unknown>[]) =>
      [...list].sort((one, other) => (String(one.code) < String(other.code) ? -1 : 1));
    const byCode = sorted(expected);
    const before = await issuesOf(tenant);
    expect(sorted(before)).toMatchObject(byCode);
    for (const { actor, first_seen, last_seen } of before) {
      expect(actor).toEqual({ kind: 'api_key', id: tenant.key_id });
      expect(Date.parse(String(first_seen))).toBeLessThanOrEqual(Date.parse(String(last_seen)));
    }
    expect(before.find(({ code }) => code === 'too_small')).toMatchObject({ example: { event_id: 'x' } });
    expect(before.find(({ code }) => code === 'required')).toMatchObject({
      example: { request_id: all_bad.headers.get('x-request-id') },
    });
    await server.stop();
    server = await start();
    expect(await issuesOf(tenant)).toEqual(before);
  });

  it('counts requests that were refused before anybody looked at their events', async () => {
    const tenant = await newTenant();
    const as = tenant.key;
    const headers = { 'content-encoding': 'gzip' };
    await server.call('POST', BATCH, { as, body: 'no gzip', headers });
    await server.call('POST', BATCH, { as, body: 'text', headers: { 'content-type': 'text/plain' } });
    await server.call('POST', BATCH, { as, body: '[{"type":' });
    const many = Array.from({ length: 150 }, () => ({ type: 'a' }));
    let status = 200;
    for (let n = 0; n < 20 && status === 200; n += 1)
      ({ status } = await server.call('POST', BATCH, { as, json: many }));
    expect(status).toBe(429);
    const codes = (await issuesOf(tenant)).map(({ outcome, code, count }) => [outcome, code, count]);
    expect(codes).toEqual(
      expect.arrayContaining([
        ['refused', 'undecodable_body', 1],
        ['refused', 'unsupported_media_type', 1],
        ['refused', 'invalid_json', 1],
        ['refused', 'rate_limited', 1],
      ]),
    );
    expect(codes).toHaveLength(4);
  });

  it('tells of spans that were ignored or are none, and of CloudEvents', async () => {
    const tenant = await newTenant();
    const as = tenant.key;
    const time = BigInt(Date.now()) * 1_000_000n;
    const span = (more: object) => serverSpan({ start: time, end: time + 1n, ...more });
    const spans = [
      span({ span_id: '00000000000000b1' }),
      span({ span_id: '00000000000000b2', kind: 1 }),
      span({ span_id: '0000000000000000' }),
    ];
    await server.call('POST', '/api/v1/ingestion/otlp/v1/traces', { as, body: jsonSpans(spans) });
    await server.call('POST', '/api/v1/ingestion/cloudevents', {
      as,
      body: '{"specversion":"1.0","id":"1","source":"/a"}',
      headers: { 'content-type': 'application/cloudevents+json' },
    });
    const found = (await issuesOf(tenant)).map(({ outcome, code, count }) => [outcome, code, count]);
    expect(found).toEqual(
      expect.arrayContaining([
        ['ignored', 'not_http', 1],
        ['rejected', 'invalid_span', 1],
        ['rejected', 'required', 1],
      ]),
    );
    expect(found).toHaveLength(3);
  });

  it('shows nothing of another tenant, nor a value that was sent', async () => {
    const [tenant, other] = [await newTenant(), await newTenant()];
    const secret = 'sk_live_4eC39HqLyjWDarjtT1zdp7dc';
    const body = `{"type":"a","${secret}":1,"status_code":"${secret}"}`;
    await server.call('POST', ONE, { as: tenant.key, body });
    await server.call('POST', ONE, { as: tenant.key, body: `{"type":"${secret}!"}` });
    const issues = await issuesOf(tenant);
    expect(issues.length).toBeGreaterThan(0);
    expect(JSON.stringify(issues)).not.toContain(secret);
    expect(await issuesOf(other)).toEqual([]);
  });
});
