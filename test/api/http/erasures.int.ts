import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyLog } from '../../../src/verifier/verify.js';
import { logSigner } from '../../../src/processes/checkpoints/log-signer.js';
import { readKey } from '../../../src/platform/secrets.js';
import { bytesOfLog } from '../../support/log-files.js';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';

const ADA = 'ada@example.com';
const DAY_MS = 86_400_000;

let data: string;
let server: TestServer;
let tenant: TestTenant;
let other: TestTenant;
const start = () => startTestServer({ PULSESTREAM_DATA_DIR: data, PULSESTREAM_CHECKPOINT_SECONDS: '1' });

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'pulsestream-erasures-'));
  server = await start();
  tenant = await registerTestTenant(server, 'acme');
  other = await registerTestTenant(server, 'globex');
});
afterAll(async () => {
  await server.stop();
  await rm(data, { recursive: true });
});

const event = (user_id: string | undefined, n: number) => ({
  type: 'api_call',
  id: `request-${user_id ?? 'nobody'}-${n}`,
  service: 'shop',
  route: '/orders/{id}',
  status_code: 200,
  duration_ms: n,
  ...(user_id !== undefined && { user_id }),
  timestamp: new Date(Date.now() - DAY_MS + n).toISOString(),
});

const send = (to: TestTenant, events: readonly object[]) =>
  server.call('POST', '/api/v1/ingestion/events/batch', { as: to.key, json: events });

const search = async (of: TestTenant, query = ''): Promise<readonly Record<string, unknown>[]> => {
  const { body } = await server.call('GET', `/api/v1/ingestion/events/search?limit=1000${query}`, {
    as: of.key,
  });
  return body.data as readonly Record<string, unknown>[];
};

/** What is counted, whatever else has been recorded. */
const statistics = async (of: TestTenant): Promise<object> => {
  const { body } = await server.call('GET', '/api/v1/ingestion/events/statistics?group_by=service', {
    as: of.key,
  });
  return { ...body, position: undefined };
};

const completed = async (id: string): Promise<Record<string, unknown>> => {
  let found: Record<string, unknown> = {};
  await until(async () => {
    const { body } = await server.call('GET', `/api/v2/audit/erasures/${id}`, { as: tenant.token });
    found = body;
    return body.status === 'completed';
  });
  return found;
};

const verified = async () => {
  const directory = join(data, 'log');
  const names = (await readdir(directory)).filter((name) => name.endsWith('.segment')).sort();
  const { key } = logSigner(await readKey(data, 'logSigning'), undefined);
  return verifyLog(
    { names, read: (name) => readFile(join(directory, name)) },
    { trust: { keys: [key], witness_keys: [] }, copies: [], live: true },
  );
};

describe('erasing a person’s telemetry', () => {
  it('counts first, cuts then, and leaves the rest where it was', async () => {
    await send(tenant, [event('bob', 1), event(ADA, 2), event('bob', 3), event(undefined, 4)]);
    await send(tenant, [event(ADA, 5), event(ADA, 6)]);
    await send(tenant, [event('bob', 7)]);
    await send(other, [event(ADA, 1)]);
    await server.settled();
    const before = await search(tenant);
    expect(before).toHaveLength(7);
    expect((await bytesOfLog(data)).includes(ADA)).toBe(true);

    const person = { field: 'user_id', value: ADA };
    const head = await server.head();
    const counted = await server.call('POST', '/api/v2/audit/erasures/count', {
      as: tenant.token,
      json: person,
    });
    expect(counted).toMatchObject({ status: 200, body: { chunks: 2, events: 3 } });

    const asked = await server.call('POST', '/api/v2/audit/erasures', {
      as: tenant.token,
      json: { ...person, reason: 'a request under article 17' },
    });
    expect(asked).toMatchObject({ status: 202 });
    expect(await completed(asked.body.erasure_id as string)).toMatchObject({
      chunks: 2,
      events: 3,
      rewritten: true,
    });

    await server.settled();
    const rest = before.filter(({ user_id }) => user_id !== ADA);
    expect(await search(tenant)).toEqual(rest);
    expect(await search(tenant, `&user_id=${ADA}`)).toEqual([]);
    for (const { event_id } of rest)
      expect(
        await server.call('GET', `/api/v1/ingestion/events/${event_id as string}`, { as: tenant.key }),
      ).toMatchObject({ status: 200, body: { event_id } });
    for (const { event_id } of before.filter(({ user_id }) => user_id === ADA))
      expect(
        await server.call('GET', `/api/v1/ingestion/events/${event_id as string}`, { as: tenant.key }),
      ).toMatchObject({ status: 404 });
    // Another tenant's events of a person of the same name are another's.
    expect(await search(other)).toHaveLength(1);

    // What was written for it names the person nowhere.
    const records = await server.records(head);
    expect(records.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['TelemetryErasureRequested', 'TelemetryCut', 'TelemetryErasureCompleted']),
    );
    expect(JSON.stringify(records)).not.toContain(ADA);
    const { key } = logSigner(await readKey(data, 'logSigning'), undefined);
    expect(records.find(({ type }) => type === 'TelemetryCut')?.data).toMatchObject({
      events: 3,
      statement: expect.stringContaining(`— ${key.name} `) as unknown,
    });
  });

  it('leaves every proof as it was', async () => {
    const sealed = async (): Promise<boolean> =>
      (await verified()).problems.every(({ code }) => code !== 'nothing_sealed');
    await until(sealed);
    expect(await verified()).toMatchObject({ cut: 1, retired: 1, problems: [] });
    const records = await server.records();
    const chunk = records.find(({ kept }) => kept);
    expect(chunk?.kept).toEqual([0, 2, 3]);
  });

  it('shows the same after a rebuild and after a restart', async () => {
    const shown = [await search(tenant), await statistics(tenant)];
    await server.stop();
    await rm(join(data, 'readmodels'), { recursive: true, force: true });
    server = await start();
    await server.settled();
    expect([await search(tenant), await statistics(tenant)]).toEqual(shown);
  });

  it('knows the ids of clients by their events’ places still', async () => {
    const [last] = (await search(tenant)).filter(({ id }) => id === 'request-bob-3');
    const again = await server.call('POST', '/api/v1/ingestion/events', {
      as: tenant.key,
      json: event('bob', 3),
    });
    expect(again.body.event_id).toBe(last?.event_id);
  });

  it('cannot be taken back', async () => {
    const listed = await server.call('GET', '/api/v2/audit/quarantine', { as: tenant.token });
    const [quarantine] = listed.body.data as { id: string }[];
    const released = await server.call('POST', `/api/v2/audit/quarantine/${quarantine?.id ?? ''}/release`, {
      as: tenant.token,
      json: {},
    });
    expect(released).toMatchObject({ status: 409, body: { code: 'erased' } });
  });

  it('erases from a chunk again, and what nobody has', async () => {
    const asked = await server.call('POST', '/api/v2/audit/erasures', {
      as: tenant.token,
      json: { field: 'user_id', value: 'bob' },
    });
    expect(await completed(asked.body.erasure_id as string)).toMatchObject({ events: 3 });
    await server.settled();
    expect((await search(tenant)).map(({ user_id }) => user_id)).toEqual([undefined]);
    expect((await server.records()).find(({ kept }) => kept)?.kept).toEqual([3]);
    expect(await verified()).toMatchObject({ problems: [] });
    const nobody = await server.call('POST', '/api/v2/audit/erasures', {
      as: tenant.token,
      json: { field: 'consumer', value: 'nobody' },
    });
    expect(await completed(nobody.body.erasure_id as string)).toMatchObject({ chunks: 0, events: 0 });
    const all = await server.call('GET', '/api/v2/audit/erasures', { as: tenant.token });
    expect(all.body.data).toHaveLength(3);
  });

  it('is for those who administer the tenant alone', async () => {
    const person = { field: 'user_id', value: ADA };
    const asking = (as: string, json: object = person) =>
      server.call('POST', '/api/v2/audit/erasures', { as, json });
    expect(await asking(server.operator_token)).toMatchObject({ status: 422 });
    expect(await asking(server.operator_token, { ...person, tenant_id: other.id })).toMatchObject({
      status: 202,
    });
    expect(await asking(tenant.token, { ...person, tenant_id: other.id })).toMatchObject({ status: 404 });
    expect(await asking(tenant.token, { field: 'message', value: 'x' })).toMatchObject({ status: 400 });
    expect(
      await server.call('GET', '/api/v2/audit/erasures/era_00000000000000000000000000000000', {
        as: tenant.token,
      }),
    ).toMatchObject({ status: 404 });
  });
});
