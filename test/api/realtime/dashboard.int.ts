import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { io, type Socket } from 'socket.io-client';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';

interface Told<T> {
  topic: string;
  position: string;
  data: T;
}
interface SeenEvent {
  event_id: string;
  service: string;
}

let server: TestServer;
let ada: TestTenant;
let bob: TestTenant;
const sockets: Socket[] = [];

beforeAll(async () => {
  server = await startTestServer();
  ada = await registerTestTenant(server, 'ada');
  bob = await registerTestTenant(server, 'bob');
});

afterAll(async () => {
  for (const socket of sockets) socket.close();
  await server.stop();
});

const connect = async (auth: object): Promise<Socket> => {
  const socket = io(`${server.url}/dashboard`, {
    auth,
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
  });
  sockets.push(socket);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
  return socket;
};

/** The first message of that kind which is what the test waits for. */
const until = <T>(
  socket: Socket,
  kind: 'snapshot' | 'update',
  wanted: (message: Told<T>) => boolean,
): Promise<Told<T>> =>
  new Promise((resolve) => {
    const take = (message: Told<T>): void => {
      if (!wanted(message)) return;
      socket.off(kind, take);
      resolve(message);
    };
    socket.on(kind, take);
  });

const subscribe = (socket: Socket, message: object): Promise<{ ok: boolean; position: string }> =>
  socket.emitWithAck('subscribe', message) as Promise<{ ok: boolean; position: string }>;

const post = async (key: string, service: string): Promise<string> => {
  const json = { type: 'api_call', service, method: 'GET', path: '/a/1', status_code: 500, duration_ms: 1 };
  const { status, body } = await server.call('POST', '/api/v1/ingestion/events', { as: key, json });
  expect(status).toBe(201);
  return body.position as string;
};

describe('a dashboard', () => {
  it('sees an event that comes in, at the position it was given, and nothing of others', async () => {
    const socket = await connect({ token: ada.token });
    const snapshot = until<SeenEvent[]>(socket, 'snapshot', ({ topic }) => topic === 'events');
    expect(await subscribe(socket, { topic: 'events', params: {} })).toMatchObject({ ok: true });
    await snapshot;
    const update = until<SeenEvent[]>(socket, 'update', ({ topic }) => topic === 'events');
    await post(bob.key, 'of-bob');
    const position = await post(ada.key, 'of-ada');
    const { data, position: told } = await update;
    expect(data.map(({ service }) => service)).toEqual(['of-ada']);
    expect(told >= position).toBe(true);
  });

  it('that comes back with its last position gets what it missed, and no more', async () => {
    const first = await connect({ token: ada.token });
    const { position: since } = await subscribe(first, { topic: 'events', params: {} });
    first.close();
    await post(ada.key, 'missed-1');
    await post(ada.key, 'missed-2');
    await server.settled();
    const again = await connect({ token: ada.token });
    const update = until<SeenEvent[]>(again, 'update', () => true);
    expect(await subscribe(again, { topic: 'events', params: {}, since })).toMatchObject({
      ok: true,
      resumed: true,
    });
    expect((await update).data.map(({ service }) => service)).toEqual(['missed-2', 'missed-1']);
  });

  it.each(['overview', 'metrics'])('sees its %s change', async (topic) => {
    const socket = await connect({ token: ada.token });
    type Requests = { totals: { requests: number } };
    const snapshot = until<Requests>(socket, 'snapshot', (message) => message.topic === topic);
    await subscribe(socket, { topic, params: topic === 'metrics' ? { window: '5m' } : {} });
    const { data } = await snapshot;
    const update = until<Requests>(
      socket,
      'update',
      (message) => message.data.totals.requests > data.totals.requests,
    );
    await post(ada.key, topic);
    expect((await update).topic).toBe(topic);
  });

  it('refuses windows that are none', async () => {
    const socket = await connect({ token: ada.token });
    for (const window of ['5', '90d', 'x', '0m'])
      expect(await subscribe(socket, { topic: 'metrics', params: { window } })).toMatchObject({
        ok: false,
        code: 'invalid',
      });
  });

  it('looks back from another moment than now, which must be one', async () => {
    const socket = await connect({ token: ada.token });
    type Looked = { totals: { requests: number }; series: { time: string }[]; newest: string };
    const to = '2015-05-20T21:05:15Z';
    const snapshot = until<Looked>(socket, 'snapshot', (message) => message.topic === 'metrics');
    await subscribe(socket, { topic: 'metrics', params: { window: '5m', to } });
    const { data } = await snapshot;
    expect(data.totals.requests).toBe(0);
    expect(data.series.at(-1)?.time).toBe('2015-05-20T21:05:00.000Z');
    expect(Date.parse(data.newest)).toBeGreaterThan(Date.parse(to));

    const looked = await server.call('GET', `/api/v1/dashboard/metrics/real-time?window=5m&to=${to}`, {
      as: ada.token,
    });
    expect((looked.body as unknown as Looked).series.at(-1)?.time).toBe('2015-05-20T21:05:00.000Z');
    expect(
      (
        await server.call('GET', '/api/v1/dashboard/metrics/real-time?window=5m&to=yesterday', {
          as: ada.token,
        })
      ).status,
    ).toBe(400);
    expect(
      await subscribe(socket, { topic: 'metrics', params: { window: '5m', to: 'yesterday' } }),
    ).toMatchObject({ ok: false, code: 'invalid' });
  });

  it('gets in with the ticket that the API gives for a websocket', async () => {
    const { status, body } = await server.call('GET', `/api/v1/dashboard/ws/${ada.id}`, { as: ada.token });
    const { ticket, url, namespace } = body.socket_io as { ticket: string; url: string; namespace: string };
    expect([status, url, namespace]).toEqual([426, server.url, '/dashboard']);
    await connect({ ticket });
    await expect(connect({ ticket })).rejects.toThrow();
    expect((await server.call('GET', `/api/v1/dashboard/ws/${bob.id}`, { as: ada.token })).status).toBe(404);
  });

  it('is counted in the statistics of its tenant', async () => {
    const socket = await connect({ api_key: bob.key });
    await subscribe(socket, { topic: 'alerts' });
    const { body } = await server.call('GET', '/api/v1/dashboard/connections/stats', { as: bob.token });
    expect(body).toMatchObject({ connections: 1, subscriptions: 1, by_topic: { alerts: 1 } });
  });

  it('is closed soon after its key is revoked', async () => {
    const json = { name: 'screen', scopes: ['read'] };
    const issued = await server.call('POST', '/api/v1/auth/api-keys', { as: ada.token, json });
    const { id, key } = issued.body.api_key as { id: string; key: string };
    const socket = await connect({ api_key: key });
    const closed = new Promise<{ code: string }>((resolve) => socket.once('closed', resolve));
    const left = new Promise((resolve) => socket.once('disconnect', resolve));
    await server.call('DELETE', `/api/v1/auth/api-keys/${id}`, { as: ada.token });
    expect((await closed).code).toBe('unauthenticated');
    await left;
  });
});

describe('an alert', () => {
  it('is pushed when it fires, and again when somebody acknowledges it', async () => {
    const socket = await connect({ token: bob.token });
    type Summary = { by_state: Record<string, number>; recent: { id: string; state: string }[] };
    await subscribe(socket, { topic: 'alerts' });
    const fired = until<Summary>(socket, 'update', ({ data }) => data.by_state.firing === 1);
    const json = {
      name: 'errors',
      severity: 'critical',
      enabled: true,
      condition: { metric: 'error_count', operator: '>', threshold: 2 },
      window_seconds: 60,
      for_seconds: 0,
    };
    expect((await server.call('POST', '/api/v1/alerting/rules', { as: bob.token, json })).status).toBe(201);
    for (let number = 0; number < 5; number += 1) await post(bob.key, 'failing');
    const { data } = await fired;
    const id = data.recent[0]!.id;
    const acknowledged = until<Summary>(
      socket,
      'update',
      (message) => message.data.by_state.acknowledged === 1,
    );
    const path = `/api/v1/alerting/alerts/${id}/acknowledge`;
    const done = await server.call('POST', path, { as: bob.token, json: { note: 'looking' } });
    expect([done.status, (done.body.alert as { state: string }).state]).toEqual([200, 'acknowledged']);
    expect((await acknowledged).data.recent[0]).toMatchObject({ id, state: 'acknowledged', note: 'looking' });
    const summary = await server.call('GET', '/api/v1/dashboard/alerts/summary', { as: bob.token });
    expect(summary.body.by_state).toMatchObject({ firing: 0, acknowledged: 1 });
    expect((await server.call('POST', path, { as: ada.token, json: {} })).status).toBe(404);
  });
});

describe('setting events aside', () => {
  it('corrects what is on the screens of those who watch: events, sums and nothing of others', async () => {
    const carol = await registerTestTenant(server, 'carol');
    for (const service of ['good', 'false', 'good']) await post(carol.key, service);
    await server.settled();
    const socket = await connect({ token: carol.token });
    const whole = until<SeenEvent[]>(socket, 'snapshot', ({ topic }) => topic === 'events');
    await subscribe(socket, { topic: 'events', params: {} });
    const shown = (await whole).data;
    expect(shown).toHaveLength(3);
    const sums = until<{ traffic: { requests: number } }>(
      socket,
      'snapshot',
      ({ topic }) => topic === 'overview',
    );
    await subscribe(socket, { topic: 'overview', params: {} });
    await sums;
    const event_id = shown.find(({ service }) => service === 'false')?.event_id;
    const proposed = await server.call('POST', '/api/v2/audit/quarantine', {
      as: carol.token,
      json: { reason: 'false', records: [{ event_id }] },
    });
    const corrected = until<SeenEvent[]>(socket, 'snapshot', ({ topic }) => topic === 'events');
    const less = until<object>(
      socket,
      'update',
      ({ topic, data }) => topic === 'overview' && JSON.stringify(data).includes('"requests":2'),
    );
    const path = `/api/v2/audit/quarantine/${String(proposed.body.quarantine_id)}`;
    await server.call('POST', `${path}/approve`, { as: carol.token });
    expect((await corrected).data.map(({ service }) => service)).toEqual(['good', 'good']);
    await less;
    const back = until<SeenEvent[]>(
      socket,
      'snapshot',
      ({ topic, data }) => topic === 'events' && data.length === 3,
    );
    await server.call('POST', `${path}/release`, { as: carol.token });
    await back;
  });
});
