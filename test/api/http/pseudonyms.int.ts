import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDbServer } from '../../support/eventstoredb-server/server.js';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';

const ADA = 'ada.lovelace@example.org';
const BOB = 'bob-of-the-shop';
const APP = 'the-mobile-app';
const ADDRESS = '192.0.2.77';

/** The whole server on an imitation of EventStoreDB, keys and read models in files. */
describe('telemetry on EventStoreDB', () => {
  let eventstore: EventStoreDbServer;
  let data: string;
  let server: TestServer;
  let tenant: TestTenant;
  let other: TestTenant;
  const start = () => startTestServer({ PULSESTREAM_DATA_DIR: data, EVENTSTOREDB_URL: eventstore.url });

  beforeAll(async () => {
    eventstore = await EventStoreDbServer.start();
    data = await mkdtemp(join(tmpdir(), 'pulsestream-pseudonyms-'));
    server = await start();
    tenant = await registerTestTenant(server, 'acme');
    other = await registerTestTenant(server, 'globex');
  });
  afterAll(async () => {
    await server.stop();
    await eventstore.kill();
    await rm(data, { recursive: true });
  });

  const call = async (method: string, path: string, json?: object, as = tenant): Promise<unknown> => {
    const answer = await server.call(method, path, { as: as.token, ...(json && { json }) });
    if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  const send = async (events: readonly object[], to = tenant): Promise<string> => {
    const path = '/api/v1/ingestion/events/batch';
    const { status, body } = await server.call('POST', path, { as: to.key, json: events });
    expect([status, body.accepted]).toEqual([200, events.length]);
    return body.position as string;
  };
  type Shown = Readonly<Record<string, unknown>>;
  const search = async (query: string, of = tenant): Promise<readonly Shown[]> => {
    await server.settled();
    const path = `/api/v1/ingestion/events/search?limit=1000&${query}`;
    return ((await call('GET', path, undefined, of)) as { data: Shown[] }).data;
  };
  const newest = async (): Promise<readonly Shown[]> => {
    await server.settled();
    return ((await call('GET', '/api/v1/dashboard/events/stream?limit=200')) as { data: Shown[] }).data;
  };
  /** All that the database has, the metadata of records included. */
  const inDatabase = (): string =>
    eventstore.database.records
      .map(({ data: bytes, metadata }) => Buffer.concat([bytes, metadata]).toString('latin1'))
      .join('\n');
  const event = (user_id: string | undefined, n: number) => ({
    ...{ type: 'api_call', service: 'shop', route: '/orders/{id}', status_code: 200, duration_ms: n },
    ...(user_id !== undefined && { user_id, consumer: APP, attributes: { 'client.address': ADDRESS, n } }),
  });
  const erase = async (value: string, field = 'user_id'): Promise<Shown> => {
    const path = '/api/v2/audit/erasures';
    const { erasure_id } = (await call('POST', path, { field, value })) as { erasure_id: string };
    let found: Shown = {};
    await until(async () => {
      found = (await call('GET', `${path}/${erasure_id}`)) as Shown;
      return found.status === 'completed';
    });
    return found;
  };
  it('names nobody in the database, and everybody to who reads', async () => {
    await send([event(ADA, 1), event(BOB, 2), event(undefined, 3), event(ADA, 4)]);
    await send([event(ADA, 5)], other);
    const single = await server.call('POST', '/api/v1/ingestion/events', {
      as: tenant.key,
      json: event(BOB, 6),
    });
    expect(single.status).toBe(201);

    const stored = inDatabase();
    for (const text of [ADA, BOB, APP, ADDRESS]) expect(stored).not.toContain(text);
    expect(stored.match(/"user_id":"psn_[\w-]{22}"/g)).toHaveLength(5);

    expect((await search(`user_id=${ADA}`)).map(({ duration_ms }) => duration_ms)).toEqual([4, 1]);
    expect(await search(`user_id=${ADA}`)).toMatchObject([
      { user_id: ADA, consumer: APP, attributes: { 'client.address': ADDRESS, n: 4 } },
      { user_id: ADA, consumer: APP, attributes: { 'client.address': ADDRESS, n: 1 } },
    ]);
    expect(await search(`user_id=${ADA}`, other)).toHaveLength(1);
    // By words, by beginnings, by attributes: as where nothing is hidden.
    expect(await search('q=lovelace')).toHaveLength(2);
    expect(await search('query=user:bob*')).toHaveLength(2);
    expect(await search(`attributes.client.address=${ADDRESS}`)).toHaveLength(4);
    const [found] = await search(`user_id=${BOB}`);
    expect(await call('GET', `/api/v1/ingestion/events/${found?.event_id as string}`)).toMatchObject({
      user_id: BOB,
    });
    expect((await newest()).map(({ user_id }) => user_id)).toEqual([BOB, ADA, undefined, BOB, ADA]);
    expect(JSON.stringify(await call('GET', '/api/v2/audit/state?read_model=recent-events'))).toContain(ADA);
  });

  it('has rules count people and meet them by name', async () => {
    const rule = (name: string, condition: object, more: object = {}) =>
      call('POST', '/api/v1/alerting/rules', {
        ...{ name, severity: 'info', enabled: true, condition, window_seconds: 60, for_seconds: 0, ...more },
      });
    await rule('people', { metric: 'unique_users', operator: '>', threshold: 1 });
    const of_app = { metric: 'request_count', operator: '>', threshold: 2, filter: { consumer: APP } };
    await rule('app', of_app, { group_by: ['consumer'] });
    await send([event(ADA, 1), event(BOB, 2), event(ADA, 3)]);
    const alerts = async () =>
      (
        (await call('GET', '/api/v1/alerting/alerts?limit=100')) as {
          data: { value: number; group: object }[];
        }
      ).data;
    await until(async () => (await alerts()).length === 2);
    expect(await alerts()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ value: 2 }),
        expect.objectContaining({ value: 3, group: expect.objectContaining({ consumer: APP }) }),
      ]),
    );
  });

  it('keeps read models that hold no names either, and are the same when they are made again', async () => {
    await server.settled();
    await server.stop();
    const files = await readdir(join(data, 'readmodels'), { recursive: true, withFileTypes: true });
    for (const file of files.filter((one) => one.isFile())) {
      const bytes = await readFile(join(file.parentPath, file.name), 'latin1');
      for (const text of [ADA, BOB, ADDRESS]) expect(bytes).not.toContain(text);
    }
    const shown = async () => [await newest(), await search('')];
    server = await start();
    const before = await shown();
    await server.stop();
    await rm(join(data, 'readmodels'), { recursive: true });
    await rm(join(data, 'index'), { recursive: true });
    server = await start();
    expect(await shown()).toEqual(before);
  });

  it('erases a person by destroying what tells whose the events are, and nobody else', async () => {
    const bobs = await search(`user_id=${BOB}`);
    const counted = await call('POST', '/api/v2/audit/erasures/count', { field: 'user_id', value: ADA });
    expect(counted).toMatchObject({ events: 4 });
    const keys = join(data, 'keys', 'pseudonyms');
    const entries = async () =>
      (await readFile(keys, 'utf8')).split('\n').filter((line) => line.trim() !== '').length;
    const before = await entries();
    expect(await erase(ADA)).toMatchObject({ events: 4, rewritten: false, unlinked: true });
    expect(await entries()).toBe(before - 1);

    expect(await search(`user_id=${ADA}`)).toEqual([]);
    expect(await search('q=lovelace')).toEqual([]);
    expect(await search(`user_id=${BOB}`)).toEqual(bobs);
    expect(await search(`user_id=${ADA}`, other)).toHaveLength(1);
    expect((await newest()).every(({ user_id }) => user_id === BOB || user_id === undefined)).toBe(true);

    // Who comes again is another: shown by name, and of before nobody can tell.
    await send([event(ADA, 10)]);
    expect(await search(`user_id=${ADA}`)).toHaveLength(1);
    expect(new Set(inDatabase().match(/psn_[\w-]{22}/g)).size).toBe(before + 1);
  });

  it('shows the same after a restart and with read models that are made again', async () => {
    const shown = async () => [await newest(), await search(''), await search(`user_id=${ADA}`)];
    const before = await shown();
    await server.stop();
    await rm(join(data, 'readmodels'), { recursive: true });
    server = await start();
    expect(await shown()).toEqual(before);
  });
});
