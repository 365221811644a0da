import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { ERASED } from '../../../src/domain/personal.js';
import { EventStoreDbServer } from '../../support/eventstoredb-server/server.js';
import { hasGo, startFerretDb, type FerretDb } from '../../support/ferretdb.js';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';

const grace = { email: 'grace.hopper@navy.example', full_name: 'Grace Hopper', password: 'correct horse' };
const USER = 'user-of-the-shop';
const BUILD_TIMEOUT_MS = 600_000;

/** People on EventStoreDB (an imitation of it), their keys and pseudonyms in MongoDB (FerretDB). */
(hasGo() ? describe : describe.skip)('people on EventStoreDB and MongoDB', () => {
  let eventstore: EventStoreDbServer;
  let ferret: FerretDb;
  let mongo: MongoClient;
  let data: string;
  let server: TestServer;
  let tenant: TestTenant;
  const start = () =>
    startTestServer({
      PULSESTREAM_DATA_DIR: data,
      EVENTSTOREDB_URL: eventstore.url,
      MONGODB_URL: ferret.url,
    });

  beforeAll(async () => {
    [eventstore, ferret, data] = await Promise.all([
      EventStoreDbServer.start(),
      startFerretDb(),
      mkdtemp(join(tmpdir(), 'pulsestream-people-')),
    ]);
    mongo = await MongoClient.connect(ferret.url);
    server = await start();
    tenant = await registerTestTenant(server, 'acme');
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await server.stop();
    await mongo.close();
    await Promise.all([eventstore.kill(), ferret.stop()]);
    await rm(data, { recursive: true });
  });

  const call = async (method: string, path: string, json?: object) => {
    const answer = await server.call(method, path, { as: tenant.token, ...(json && { json }) });
    expect([answer.status < 300, answer.text]).toEqual([true, answer.text]);
    await server.settled();
    return answer;
  };
  const users = async (): Promise<string> => (await call('GET', '/api/v1/auth/users')).text;
  const signIn = async (): Promise<number> => {
    const { email, password } = grace;
    return (await server.call('POST', '/api/v1/auth/login', { json: { email, password } })).status;
  };
  const inDatabase = (): readonly string[] =>
    eventstore.database.records.map(({ data: bytes, metadata }) =>
      Buffer.concat([bytes, metadata]).toString('latin1'),
    );
  const keys = <T extends { _id: string }>(collection: string): Promise<readonly T[]> =>
    mongo.db('pulsestream-keys').collection<T>(collection).find().toArray() as unknown as Promise<
      readonly T[]
    >;

  it('are erased by destroying their key; no record changes, and none names them', async () => {
    const added = await call('POST', '/api/v1/auth/register/user', { ...grace, role: 'viewer' });
    const { id } = added.body.user as { id: string };
    expect(await signIn()).toBe(200);
    expect(await users()).toContain(grace.email);
    const before = inDatabase();
    for (const text of [grace.email, grace.full_name]) expect(before.join('\n')).not.toContain(text);
    const keyOf = async () =>
      (await keys<{ _id: string; wrapped?: string }>('people')).find(({ _id }) => _id === id);
    expect(await keyOf()).toHaveProperty('wrapped');

    await call('POST', `/api/v2/people/${id}/erase`, { reason: 'asked for' });
    for (const again of [false, true]) {
      if (again) {
        await server.stop();
        server = await start();
      }
      expect(await users()).toContain(ERASED);
      expect(await users()).not.toContain(grace.email);
      expect(await signIn()).toBe(401);
    }
    expect(await keyOf()).toEqual({ _id: id });
    expect(inDatabase().slice(0, before.length)).toEqual(before);
  });

  it('are erased from telemetry by destroying what tells whose it is', async () => {
    const events = [USER, 'another', USER].map((user_id) => ({ type: 'api_call', user_id }));
    const sent = await server.call('POST', '/api/v1/ingestion/events/batch', {
      as: tenant.key,
      json: events,
    });
    expect(sent.status).toBe(200);
    await server.settled();
    const search = async (user: string): Promise<number> => {
      const path = `/api/v1/ingestion/events/search?user_id=${user}`;
      return ((await call('GET', path)).body.data as unknown[]).length;
    };
    expect([await search(USER), await search('another')]).toEqual([2, 1]);
    expect(inDatabase().join('\n')).not.toContain(USER);
    expect(await keys('pseudonyms')).toHaveLength(2);

    const asked = await call('POST', '/api/v2/audit/erasures', { field: 'user_id', value: USER });
    const status = `/api/v2/audit/erasures/${asked.body.erasure_id as string}`;
    await until(async () => (await call('GET', status)).body.status === 'completed');
    expect((await call('GET', status)).body).toMatchObject({ events: 2, rewritten: false, unlinked: true });
    expect([await search(USER), await search('another')]).toEqual([0, 1]);
    expect(await keys('pseudonyms')).toHaveLength(1);
  });
});
