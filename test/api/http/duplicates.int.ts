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

let directory = '';
let server: TestServer;
let tenant: TestTenant;

const start = (): Promise<TestServer> => startTestServer({ PULSESTREAM_DATA_DIR: join(directory, 'data') });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-duplicates-'));
  server = await start();
  tenant = await registerTestTenant(server, 'duplicates');
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

const send = (path: string, json: unknown, as = tenant.key, headers: Record<string, string> = {}) =>
  server.call('POST', path, { as, json, headers });
const stored = async (service: string): Promise<readonly Record<string, unknown>[]> => {
  await server.settled();
  const path = `/api/v1/ingestion/events/search?service=${service}`;
  return (await server.call('GET', path, { as: tenant.token })).body.data as Record<string, unknown>[];
};
const event = (id: string, service: string) => ({ id, type: 'api_call', service, status_code: 200 });

describe('an event that comes again under its own id', () => {
  it('is answered with the first one, which can be read at once, and stored once', async () => {
    const first = await send(ONE, event('a', 'single'));
    const again = await send(ONE, { ...event('a', 'single'), status_code: 500 });
    expect([first.status, again.status]).toEqual([201, 201]);
    const { event_id, recorded_at } = first.body;
    expect(first.body).not.toHaveProperty('duplicate');
    expect(again.body).toMatchObject({ event_id, recorded_at, duplicate: true });
    const path = `${ONE}/${String(event_id)}?min_position=${String(again.body.position)}`;
    expect((await server.call('GET', path, { as: tenant.token })).body).toMatchObject(event('a', 'single'));
    expect(await stored('single')).toHaveLength(1);
  });

  it('is counted in a batch, also within the batch, and is no failure', async () => {
    await send(
      BATCH,
      ['a', 'b', 'c'].map((id) => event(id, 'batch')),
    );
    const mixed = ['c', 'd', 'b', 'd', 'e', undefined].map((id) => ({ ...event('', 'batch'), id }));
    const { status, body } = await send(BATCH, mixed);
    expect([status, body]).toMatchObject([200, { accepted: 3, duplicates: 3, rejected: 0, errors: [] }]);
    expect(await send(BATCH, [event('a', 'batch')])).toMatchObject({
      status: 200,
      body: { accepted: 0, duplicates: 1 },
    });
    const ids = (await stored('batch')).map(({ id }) => id ?? 'none');
    expect(ids.sort()).toEqual(['b', 'c', 'd', 'e', 'none']);
  });

  it('is stored once by twenty requests at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        n % 2 === 0
          ? send(ONE, event('race', 'race'))
          : send(BATCH, [event('race', 'race'), event(`own-${n}`, 'race')]),
      ),
    );
    for (const { status } of answers) expect([200, 201]).toContain(status);
    const ids = (await stored('race')).map(({ id }) => id);
    expect(ids.filter((id) => id === 'race')).toHaveLength(1);
    expect(ids).toHaveLength(11);
  });

  it('is another one for another tenant', async () => {
    const other = await registerTestTenant(server, 'neighbour');
    await send(ONE, event('shared', 'tenants'));
    expect((await send(ONE, event('shared', 'tenants'), other.key)).body).not.toHaveProperty('duplicate');
  });

  it('is one over a restart, and together with an Idempotency-Key', async () => {
    const { event_id } = (await send(ONE, event('kept', 'restart'))).body;
    await server.stop();
    server = await start();
    expect((await send(ONE, event('kept', 'restart'))).body).toMatchObject({ event_id, duplicate: true });
    const keyed = { 'idempotency-key': 'k1' };
    const batch = [event('kept', 'restart'), event('new', 'restart'), { type: 'a', service: 'restart' }];
    const first = await send(BATCH, batch, tenant.key, keyed);
    expect(first.body).toMatchObject({ accepted: 2, duplicates: 1 });
    const again = await send(BATCH, batch, tenant.key, keyed);
    expect(again.body).toEqual(first.body);
    expect(await stored('restart')).toHaveLength(3);
  });
});

describe('the same thing in another request', () => {
  it('is one span, where a collector batches anew', async () => {
    const time = BigInt(Date.now()) * 1_000_000n;
    const span = (span_id: string) =>
      serverSpan({
        span_id,
        start: time,
        end: time + 1_000_000n,
        resource: new Map([['service.name', 'spans']]),
      });
    const spans = ['00000000000000a1', '00000000000000a2', '00000000000000a3'].map(span);
    const post = (some: typeof spans) =>
      server.call('POST', '/api/v1/ingestion/otlp/v1/traces', {
        as: tenant.key,
        body: jsonSpans(some),
      });
    for (const some of [spans.slice(0, 2), spans.slice(1), spans]) {
      const { status, body } = await post(some);
      expect([status, body]).toEqual([200, {}]);
    }
    expect((await stored('spans')).map(({ span_id }) => span_id).sort()).toEqual(
      spans.map(({ span_id }) => span_id),
    );
  });

  it('is one CloudEvent, by source and id', async () => {
    const post = (source: string, total: number) =>
      server.call('POST', '/api/v1/ingestion/cloudevents', {
        as: tenant.key,
        headers: { 'content-type': 'application/cloudevents+json' },
        body: JSON.stringify({
          ...{ specversion: '1.0', id: '1', source, type: 'order' },
          data: { service: 'clouds', message: String(total) },
        }),
      });
    expect((await post('/shop', 1)).body).toMatchObject({ accepted: 1, duplicates: 0 });
    expect((await post('/shop', 2)).body).toMatchObject({ accepted: 0, duplicates: 1 });
    expect((await post('/other', 3)).body).toMatchObject({ accepted: 1, duplicates: 0 });
    expect((await stored('clouds')).map(({ message }) => message).sort()).toEqual(['1', '3']);
  });
});
