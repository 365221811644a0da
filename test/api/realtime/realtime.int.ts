import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Subject } from 'rxjs';
import { io, type Socket } from 'socket.io-client';
import { Type } from 'typebox';
import type { ApiServices } from '../../../src/api/dependencies.js';
import { Realtime } from '../../../src/api/realtime/realtime.js';
import { Tickets } from '../../../src/api/realtime/tickets.js';
import { defineTopic, type Topic } from '../../../src/api/realtime/topic.js';
import type { TenantId } from '../../../src/domain/ids.js';
import { apiKeyPrincipal, type Principal } from '../../../src/domain/tenancy/access.js';
import { START, toPosition, type Position } from '../../../src/eventstore/event-store.js';
import { systemClock } from '../../../src/platform/clock.js';
import { systemRandom } from '../../../src/platform/random.js';
import { defineProjection } from '../../../src/projections/projection.js';
import type { ModelChange } from '../../../src/projections/read-models.js';

interface Told {
  topic: string;
  params: Record<string, unknown>;
  position: string;
  data: unknown;
}
type Ack = { ok: boolean; code?: string } & Record<string, unknown>;

const model = defineProjection({
  name: 'model',
  version: 1,
  reads: [],
  indexes: [],
  parts: () => [],
  fold: () => undefined,
});
const ada = 'ten_ada' as TenantId;
const bob = 'ten_bob' as TenantId;

/** A tenant's read model: numbered facts, the last of which is its state. */
const facts = new Map<TenantId, number[]>();
const changes = new Subject<ModelChange>();
let credentials: Map<string, Principal>;
let head = 0;
let padding = '';
let reads = 0;
/** Where it was last decided what is set aside. */
let decided = START;

const happen = (tenant: TenantId, ...more: number[]): void => {
  facts.set(tenant, [...(facts.get(tenant) ?? []), ...more]);
  head = Math.max(head, ...more);
  changes.next({ projection: 'model', tenants: new Set([tenant]), position: toPosition(head) });
};

const news = (tenant: TenantId, after: number): { position: Position; data: number[] } => ({
  position: toPosition(head),
  data: (facts.get(tenant) ?? []).filter((fact) => fact > after),
});

const topics = new Map<string, Topic>(
  [
    defineTopic({
      name: 'state',
      params: Type.Object(
        { a: Type.Optional(Type.Integer()), b: Type.Optional(Type.Integer()) },
        { additionalProperties: false },
      ),
      needs: 'telemetry:read',
      reads: [model],
      every_ms: 5,
      state: ({ tenant, params }) => {
        reads += 1;
        return Promise.resolve({
          position: toPosition(head),
          data: { last: facts.get(tenant)?.at(-1), params, padding },
        });
      },
    }),
    defineTopic({
      name: 'news',
      params: Type.Object({}, { additionalProperties: false }),
      needs: 'telemetry:read',
      reads: [model],
      every_ms: 5,
      state: ({ tenant }) => Promise.resolve(news(tenant, 0)),
      since: ({ tenant }, after) =>
        Promise.resolve(after < toPosition(2) ? undefined : news(tenant, Number(`0x${after}`))),
    }),
    defineTopic({
      name: 'alerts',
      params: Type.Object({}, { additionalProperties: false }),
      needs: 'alerting:read',
      reads: [model],
      every_ms: 5,
      state: () => Promise.resolve({ position: toPosition(head), data: 0 }),
    }),
  ].map((topic) => [topic.name, topic]),
);

let server: Server;
let realtime: Realtime;
let tickets: Tickets;
let address = '';
const sockets: Socket[] = [];

beforeEach(async () => {
  facts.clear();
  padding = '';
  reads = 0;
  decided = START;
  head = 1;
  credentials = new Map([
    ['ada', apiKeyPrincipal(ada, 'key_a' as never, ['read'])],
    ['bob', apiKeyPrincipal(bob, 'key_b' as never, ['read'])],
    ['sender', apiKeyPrincipal(ada, 'key_c' as never, ['ingest'])],
  ]);
  tickets = new Tickets(systemClock, systemRandom);
  const api = {
    authenticator: {
      authenticate: ({ bearer, api_key }: { bearer?: string; api_key?: string }) =>
        Promise.resolve(credentials.get(bearer ?? api_key ?? '')),
    },
    models: {
      changes,
      position: () => toPosition(head),
      reached: (_projections: unknown, position: string) => Promise.resolve(position <= toPosition(head)),
    },
    quarantines: { decidedAt: () => Promise.resolve(decided) },
    logger: { error: () => undefined, warn: () => undefined },
    clock: systemClock,
    config: { cors_origins: ['https://trusted.example'] },
    tickets,
  } as unknown as ApiServices;
  server = createServer();
  realtime = new Realtime(server, api, topics);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  realtime.close();
  await new Promise((resolve) => server.close(resolve));
});

const connect = (
  auth: object,
  extraHeaders: Record<string, string> = {},
  transports: readonly ('websocket' | 'polling')[] = ['websocket'],
): Socket => {
  const socket = io(`${address}/dashboard`, {
    auth,
    extraHeaders,
    transports: [...transports],
    reconnection: false,
    forceNew: true,
  });
  sockets.push(socket);
  return socket;
};

const next = <T = Told>(socket: Socket, event: string): Promise<T> =>
  new Promise((resolve) => socket.once(event, (value: T) => resolve(value)));

const ask = (socket: Socket, event: string, message?: unknown): Promise<Ack> =>
  message === undefined ? socket.emitWithAck(event) : (socket.emitWithAck(event, message) as Promise<Ack>);

const refusal = (socket: Socket): Promise<{ message: string; data?: { code: string } }> =>
  new Promise((resolve) => socket.once('connect_error', resolve));

describe('connecting', () => {
  it.each([{ token: 'ada' }, { api_key: 'ada' }])('takes %p', async (auth) => {
    const socket = connect(auth);
    await next(socket, 'connect');
    expect(realtime.stats(ada).connections).toBe(1);
  });

  it('takes a ticket once', async () => {
    const { ticket } = tickets.issue({ api_key: 'ada' }, ada);
    await next(connect({ ticket }), 'connect');
    expect((await refusal(connect({ ticket }))).data?.code).toBe('unauthenticated');
  });

  it.each([{}, { token: 'nobody' }, { token: { $ne: 1 } }, { ticket: 'x' }])('refuses %p', async (auth) => {
    expect((await refusal(connect(auth))).data?.code).toBe('unauthenticated');
  });

  it('refuses a key that may not read', async () => {
    expect((await refusal(connect({ api_key: 'sender' }))).data?.code).toBe('forbidden');
  });

  it('refuses the pages of other origins, and takes configured ones', async () => {
    const foreign = connect({ token: 'ada' }, { origin: 'https://evil.example' });
    expect((await refusal(foreign)).message).toContain('websocket error');
    await next(connect({ token: 'ada' }, { origin: 'https://trusted.example' }), 'connect');
    await next(connect({ token: 'ada' }, { origin: address }), 'connect');
  });

  it('ends soon after the credentials are revoked, those of others staying', async () => {
    const [gone, stays] = [connect({ token: 'ada' }), connect({ token: 'bob' })];
    await Promise.all([next(gone, 'connect'), next(stays, 'connect')]);
    const closed = next<{ code: string }>(gone, 'closed');
    const left = next(gone, 'disconnect');
    credentials.delete('ada');
    expect((await closed).code).toBe('unauthenticated');
    await left;
    expect(stays.connected).toBe(true);
    expect(realtime.stats(ada).connections).toBe(0);
  });
});

describe('a topic of state', () => {
  it('comes as a snapshot, then as updates with their positions', async () => {
    happen(ada, 2);
    const socket = connect({ token: 'ada' });
    const snapshot = next(socket, 'snapshot');
    expect(await ask(socket, 'subscribe', { topic: 'state', params: { a: 1 } })).toMatchObject({
      ok: true,
      topic: 'state',
      params: { a: 1 },
      position: toPosition(2),
      resumed: false,
    });
    expect(await snapshot).toMatchObject({
      topic: 'state',
      params: { a: 1 },
      position: toPosition(2),
      data: { last: 2 },
    });
    const update = next(socket, 'update');
    happen(ada, 3);
    expect(await update).toMatchObject({ topic: 'state', position: toPosition(3), data: { last: 3 } });
  });

  it.each([[['polling']], [['polling', 'websocket']]] as const)(
    'comes over the transports %p as it does over a websocket',
    async (transports) => {
      const socket = connect({ token: 'ada' }, {}, transports);
      await ask(socket, 'subscribe', { topic: 'state', params: {} });
      const { engine } = socket.io;
      // At least so many, and until the transport is the last of those that were asked for.
      for (let fact = 2; fact < 10 || engine.transport.name !== transports.at(-1); fact += 1) {
        const update = next(socket, 'update');
        happen(ada, fact);
        expect(await update).toMatchObject({ position: toPosition(fact), data: { last: fact } });
      }
    },
  );

  it('is computed once for all who follow it, however they spell its parameters', async () => {
    const followers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const socket = connect({ token: 'ada' });
        const params = index % 2 === 0 ? { a: 1, b: 2 } : { b: 2, a: 1 };
        await ask(socket, 'subscribe', { topic: 'state', params });
        return socket;
      }),
    );
    expect(realtime.stats(ada)).toMatchObject({ subscriptions: 20, by_topic: { state: 20 } });
    // What the joining itself set off is over once a first change has come round.
    const settled = Promise.all(followers.map((socket) => next(socket, 'update')));
    happen(ada, 2);
    await settled;
    const before = reads;
    const updates = Promise.all(followers.map((socket) => next(socket, 'update')));
    happen(ada, 3);
    for (const { data } of await updates) expect(data).toMatchObject({ last: 3 });
    expect(reads - before).toBeLessThanOrEqual(2);
  });

  it('of one tenant never reaches another', async () => {
    const [a, b] = [connect({ token: 'ada' }), connect({ token: 'bob' })];
    await Promise.all([a, b].map((socket) => ask(socket, 'subscribe', { topic: 'state', params: {} })));
    const seen: Told[] = [];
    b.on('update', (message: Told) => seen.push(message)).on('snapshot', (message: Told) =>
      seen.push(message),
    );
    const told = next(a, 'update');
    happen(ada, 2);
    await told;
    const own = next(b, 'update');
    happen(bob, 3);
    await own;
    expect(seen.map(({ data }) => (data as { last: number }).last)).toEqual([3]);
  });

  it('is not followed any more after unsubscribing', async () => {
    const socket = connect({ token: 'ada' });
    await ask(socket, 'subscribe', { topic: 'state', params: {} });
    expect(await ask(socket, 'unsubscribe', { topic: 'state', params: {} })).toMatchObject({ ok: true });
    expect(realtime.stats(ada).subscriptions).toBe(0);
  });
});

describe('a topic of events', () => {
  it('goes on behind the position that each follower was told', async () => {
    happen(ada, 2, 3);
    const socket = connect({ token: 'ada' });
    const snapshot = next(socket, 'snapshot');
    await ask(socket, 'subscribe', { topic: 'news' });
    expect((await snapshot).data).toEqual([2, 3]);
    const update = next(socket, 'update');
    happen(ada, 4, 5);
    expect(await update).toMatchObject({ position: toPosition(5), data: [4, 5] });
  });

  it('resumes where a client that was away left off, without gap or repeat', async () => {
    happen(ada, 2, 3);
    const first = connect({ token: 'ada' });
    const snapshot = next(first, 'snapshot');
    await ask(first, 'subscribe', { topic: 'news' });
    const since = (await snapshot).position;
    first.close();
    happen(ada, 4);
    happen(ada, 5);
    const again = connect({ token: 'ada' });
    const missed = next(again, 'update');
    expect(await ask(again, 'subscribe', { topic: 'news', since })).toMatchObject({
      ok: true,
      resumed: true,
    });
    expect((await missed).data).toEqual([4, 5]);
    const update = next(again, 'update');
    happen(ada, 6);
    expect((await update).data).toEqual([6]);
  });

  it('begins anew for a client that was away too long', async () => {
    happen(ada, 2, 3);
    const socket = connect({ token: 'ada' });
    const snapshot = next(socket, 'snapshot');
    const ack = await ask(socket, 'subscribe', { topic: 'news', since: toPosition(1) });
    expect(ack).toMatchObject({ ok: true, resumed: false });
    expect((await snapshot).data).toEqual([2, 3]);
  });

  it('comes anew as a whole where something of it was set aside, for who is there and for who comes back', async () => {
    happen(ada, 2, 3, 4);
    const socket = connect({ token: 'ada' });
    await ask(socket, 'subscribe', { topic: 'news' });
    const corrected = next(socket, 'snapshot');
    decided = toPosition(5);
    head = 5;
    facts.set(ada, [2, 4]);
    changes.next({ projection: 'model', tenants: new Set([ada]), position: decided });
    expect((await corrected).data).toEqual([2, 4]);
    const away = connect({ token: 'ada' });
    const whole = next(away, 'snapshot');
    expect(await ask(away, 'subscribe', { topic: 'news', since: toPosition(4) })).toMatchObject({
      resumed: false,
    });
    expect((await whole).data).toEqual([2, 4]);
    const update = next(away, 'update');
    happen(ada, 6);
    expect((await update).data).toEqual([6]);
  });

  it('of which nothing is new tells nobody anything', async () => {
    happen(ada, 2);
    const socket = connect({ token: 'ada' });
    await ask(socket, 'subscribe', { topic: 'news' });
    const seen: Told[] = [];
    socket.on('update', (message: Told) => seen.push(message));
    happen(bob, 3);
    changes.next({ projection: 'model', tenants: new Set([ada]), position: toPosition(3) });
    const update = next(socket, 'update');
    happen(ada, 4);
    await update;
    expect(seen.map(({ data }) => data)).toEqual([[4]]);
  });
});

describe('a message', () => {
  it.each([
    ['subscribe', undefined, 'invalid'],
    ['subscribe', 'news', 'invalid'],
    ['subscribe', { topic: 'nothing' }, 'unknown_topic'],
    ['subscribe', { topic: 'news', params: { limit: 1 } }, 'invalid'],
    ['subscribe', { topic: 'state', params: { a: 'x' } }, 'invalid'],
    ['subscribe', { topic: 'news', since: 'yesterday' }, 'invalid'],
    ['subscribe', { topic: 'news', more: 1 }, 'invalid'],
    ['get_data', { topic: '__proto__' }, 'unknown_topic'],
  ])('%s %p is refused as %s', async (event, message, code) => {
    const socket = connect({ token: 'ada' });
    expect(await ask(socket, event, message)).toMatchObject({ ok: false, code });
    expect(realtime.stats(ada).subscriptions).toBe(0);
  });

  it('get_data answers at once and follows nothing', async () => {
    happen(ada, 2);
    const socket = connect({ token: 'ada' });
    expect(await ask(socket, 'get_data', { topic: 'news' })).toMatchObject({
      ok: true,
      data: [2],
      position: toPosition(2),
    });
    expect(realtime.stats(ada).subscriptions).toBe(0);
  });

  it('heartbeat tells the time', async () => {
    const socket = connect({ token: 'ada' });
    expect(await ask(socket, 'heartbeat')).toMatchObject({
      ok: true,
      time: expect.stringMatching(/Z$/) as unknown,
    });
  });

  it('for a topic that the credentials may not read is refused', async () => {
    credentials.set('half', {
      ...credentials.get('ada')!,
      permissions: new Set(['telemetry:read'] as const),
    });
    const socket = connect({ token: 'half' });
    expect(await ask(socket, 'subscribe', { topic: 'alerts' })).toMatchObject({
      ok: false,
      code: 'forbidden',
    });
  });

  it('too many of which end the connection', async () => {
    const socket = connect({ token: 'ada' });
    const closed = next<{ code: string }>(socket, 'closed');
    await next(socket, 'connect');
    for (let i = 0; i < 1000; i += 1) socket.emit('heartbeat', {});
    expect((await closed).code).toBe('too_many_messages');
  });
});

describe('a client that does not read', () => {
  it('costs a bounded amount of memory and gets the newest state when it reads again', async () => {
    const slow = connect({ token: 'ada' });
    const quick = connect({ token: 'ada' });
    await Promise.all(
      [slow, quick].map((socket) => ask(socket, 'subscribe', { topic: 'state', params: {} })),
    );
    const engine = slow.io.engine.transport as unknown as {
      ws: { _socket: { pause(): void; resume(): void } };
    };
    engine.ws._socket.pause();

    padding = 'x'.repeat(256 * 1024);
    let most = 0;
    for (let fact = 2; fact < 200; fact += 1) {
      const update = next(quick, 'update');
      happen(ada, fact);
      await update;
      most = Math.max(most, realtime.totals.backlog_bytes);
    }
    expect(most).toBeLessThan(4 * 1024 * 1024);
    expect(realtime.totals.skipped).toBeGreaterThan(100);

    const received: number[] = [];
    const newest = new Promise<void>((resolve) => {
      const take = ({ data }: Told): void => {
        const { last } = data as { last: number };
        received.push(last);
        if (last === 199) resolve();
      };
      slow.on('update', take).on('snapshot', take);
    });
    engine.ws._socket.resume();
    await newest;
    expect(received.length).toBeLessThan(100);
    expect(received).toEqual([...received].sort((a, b) => a - b));
  });
});
