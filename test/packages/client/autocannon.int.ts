import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import autocannon, { type Result } from 'autocannon';
import express from 'express';
import fastify from 'fastify';
import { once } from 'node:events';
import { createServer, request as httpRequest, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createApi,
  createClient,
  expressMiddleware,
  fastifyPlugin,
  instrumentHttp,
  type Client,
  type ClientOptions,
  type StoredEvent,
} from '../../../packages/client/src/index.js';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';
import { droppedOf } from './world.js';

let server: TestServer;
let ada: TestTenant;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startTestServer();
  ada = await registerTestTenant(server, 'ada');
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(() => server.stop());

const listen = async (handler: RequestListener): Promise<string> => {
  const listening = createServer(handler).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  closing.push(() => {
    listening.closeAllConnections();
    listening.close();
  });
  return `http://127.0.0.1:${String((listening.address() as AddressInfo).port)}`;
};

/** A status for each request in turn: mostly success, some of everything else. */
const statuses = (): (() => number) => {
  let requests = 0;
  return () => {
    requests += 1;
    return [200, 200, 404, 200, 503, 201, 200, 500, 200, 409][requests % 10] ?? 200;
  };
};

/** Starts an API with the routes `/orders/:id` and `/carts/:id` on something that people use; gives back its address. */
type Host = (client: Client) => Promise<string>;

const onExpress: Host = (client) => {
  const app = express();
  app.use(expressMiddleware(client, { consumer: (request) => request.headers['x-consumer']?.toString() }));
  const status = statuses();
  for (const path of ['/orders/:id', '/carts/:id'])
    app.get(path, (_request, response) => {
      response.status(status()).json({});
    });
  return listen(app);
};

const onFastify: Host = async (client) => {
  const app = fastify({ forceCloseConnections: true });
  await app.register(fastifyPlugin(client, { consumer: ({ raw }) => raw.headers['x-consumer']?.toString() }));
  const status = statuses();
  for (const path of ['/orders/:id', '/carts/:id'])
    app.get(path, (_request, reply) => reply.code(status()).send({}));
  closing.push(() => app.close());
  return app.listen({ host: '127.0.0.1', port: 0 });
};

const onHttp: Host = (client) => {
  const status = statuses();
  const handler: RequestListener = (_request, response) => {
    response.writeHead(status(), { 'content-type': 'application/json' }).end('{}');
  };
  const consumer = {
    consumer: (request: { headers: NodeJS.Dict<string | string[]> }) =>
      request.headers['x-consumer']?.toString(),
  };
  return listen(instrumentHttp(client, handler, consumer));
};

const clientOf = (service: string, options: Partial<ClientOptions>): Client => {
  const client = createClient({ url: server.url, apiKey: ada.key, service, flushIntervalMs: 50, ...options });
  closing.push(() => client.close(0));
  return client;
};

const REQUESTS = 600;
const paths = ['/orders/42', '/carts/7', '/nowhere/1'];

/** Loads every route at once; what autocannon says of each. */
const load = async (url: string): Promise<ReadonlyMap<string, Result>> => {
  const results = await Promise.all(
    paths.map((path, n) =>
      autocannon({
        url: url + path,
        connections: 4,
        amount: REQUESTS,
        headers: { 'x-consumer': `consumer-${String(n)}` },
      }),
    ),
  );
  for (const { errors, timeouts, resets } of results)
    expect({ errors, timeouts, resets }).toEqual({ errors: 0, timeouts: 0, resets: 0 });
  return new Map(paths.map((path, n) => [path, results[n]!]));
};

const total = paths.length * REQUESTS;

/** An answer may reach its client a moment before the middleware hears that it is out. */
const noticed = (client: Client): Promise<void> =>
  until(() => client.stats().sent + client.stats().queued + droppedOf(client) === total);

/** `/route status` → requests, as autocannon counted them. */
const answered = (
  results: ReadonlyMap<string, Result>,
  routes: Readonly<Record<string, string>>,
): Record<string, number> =>
  Object.fromEntries(
    [...results].flatMap(([path, { statusCodeStats = {} }]) =>
      Object.entries(statusCodeStats).map(([status, { count = 0 }]) => [
        `${routes[path] ?? path} ${status}`,
        count,
      ]),
    ),
  );

/** The same as PulseStream's statistics say it. */
const reported = async (service: string): Promise<Record<string, number>> => {
  await server.settled();
  const api = createApi({ url: server.url, apiKey: ada.key });
  const { data } = await api.statistics({ group_by: ['service', 'route', 'status'] });
  api.close();
  return Object.fromEntries(
    data
      .filter((row) => row.service === service)
      .map(({ route = '', status = '', requests }) => [`${route} ${status}`, requests]),
  );
};

const eventsOf = async (service: string): Promise<readonly StoredEvent[]> => {
  const api = createApi({ url: server.url, apiKey: ada.key });
  const { data } = await api.search({ service, limit: 1000 });
  api.close();
  return data;
};

const patterns = { '/orders/42': '/orders/:id', '/carts/7': '/carts/:id', '/nowhere/1': '/nowhere/{id}' };
const derived = { '/orders/42': '/orders/{id}', '/carts/7': '/carts/{id}', '/nowhere/1': '/nowhere/{id}' };

const modes: Readonly<Record<string, Partial<ClientOptions>>> = {
  'each request an event': {},
  'requests added up': { aggregate: { intervalMs: 200, examples: 3 } },
};

describe.each(Object.entries(modes))('under load, %s', (mode, options) => {
  it.each<[string, Host, Readonly<Record<string, string>>]>([
    ['Express', onExpress, patterns],
    ['Fastify', onFastify, patterns],
    ['node:http', onHttp, derived],
  ])(
    '%s has by route and status what autocannon counts, and nothing is dropped',
    async (name, host, routes) => {
      const service = `${name}, ${mode}`;
      const client = clientOf(service, options);
      const results = await load(await host(client));
      await noticed(client);
      await client.flush();
      expect(client.stats()).toMatchObject({ sent: total, queued: 0, dropped: {} });

      const right = answered(results, routes);
      expect(Object.values(right).reduce((sum, count) => sum + count, 0)).toBe(total);
      expect(Object.keys(right).length).toBeGreaterThan(8);
      expect(await reported(service)).toEqual(right);
    },
  );
});

describe('requests that are added up', () => {
  it('are few events, each with an id, by consumer, and failures among them that were sent whole', async () => {
    const client = clientOf('sums', { aggregate: { intervalMs: 600_000, examples: 3 } });
    await load(await onExpress(client));
    await noticed(client);
    await client.flush();
    await server.settled();
    const events = await eventsOf('sums');
    const whole = events.filter(({ durations }) => durations === undefined);
    expect(whole.map(({ status_code = 0, path }) => [status_code >= 500, path !== undefined])).toEqual(
      Array(3).fill([true, true]),
    );
    const sums = events.filter(({ durations }) => durations !== undefined);
    // Of each route one for each status, in each minute.
    const minutes = new Set(sums.map(({ timestamp }) => timestamp.slice(0, 16)));
    expect(sums.length).toBeLessThanOrEqual((6 + 6 + 1) * minutes.size);
    expect(new Set(sums.map(({ id = '' }) => id)).size).toBe(sums.length);
    const by_consumer = new Map<string, number>();
    for (const { consumer = '', durations } of events)
      by_consumer.set(
        consumer,
        (durations?.counts ?? [1]).reduce((sum, count) => sum + count, by_consumer.get(consumer) ?? 0),
      );
    expect(Object.fromEntries(by_consumer)).toEqual(
      Object.fromEntries(paths.map((_, n) => [`consumer-${String(n)}`, REQUESTS])),
    );
  });

  it('are counted once where answers get lost and the server asks to be left alone', async () => {
    let attempts = 0;
    const front = await listen((incoming, outgoing) => {
      attempts += 1;
      const attempt = attempts;
      if (attempt % 3 === 1) {
        incoming.resume();
        outgoing.writeHead(429, { 'retry-after': '0' }).end();
        return;
      }
      const forward = httpRequest(
        server.url + (incoming.url ?? ''),
        { method: 'POST', headers: incoming.headers },
        (answer) => {
          if (attempt % 3 === 2) answer.resume().on('end', () => incoming.socket.destroy());
          else {
            outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
            answer.pipe(outgoing);
          }
        },
      );
      incoming.pipe(forward);
    });
    const client = clientOf('retried', { url: front, aggregate: { intervalMs: 100 } });
    const results = await load(await onHttp(client));
    await noticed(client);
    await client.flush();
    expect(client.stats()).toMatchObject({ sent: total, queued: 0, dropped: {} });
    expect(client.stats().retries).toBeGreaterThanOrEqual(2);
    expect(await reported('retried')).toEqual(answered(results, derived));
  });
});

/** An address at which nothing listens any more. */
const nowhere = async (): Promise<string> => {
  const listening = createServer().listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  listening.close();
  await once(listening, 'close');
  return `http://127.0.0.1:${String(port)}`;
};

const refusing = (status: number, headers: Readonly<Record<string, string>>) => (): Promise<string> =>
  listen((incoming, outgoing) => {
    incoming.resume().on('end', () => outgoing.writeHead(status, headers).end());
  });

describe.each<[string, () => Promise<string>]>([
  ['is away', nowhere],
  ['is overloaded', refusing(503, {})],
  ['asks to be left alone', refusing(429, { 'retry-after': '3600' })],
])('a host whose PulseStream %s', (_, away) => {
  it('answers all the same; what waits is bounded, and what is dropped is counted', async () => {
    const client = clientOf('away', { url: await away(), batch: { events: 50 }, queue: { events: 200 } });
    await load(await onExpress(client));
    await noticed(client);
    await until(() => client.stats().last_error !== undefined);
    expect(client.stats()).toMatchObject({ sent: 0, queued: 200, dropped: { queue_full: total - 200 } });
  });

  it('loses nothing of that size where requests are added up', async () => {
    const client = clientOf('away', {
      url: await away(),
      queue: { events: 200 },
      aggregate: { intervalMs: 600_000, examples: 0 },
    });
    await load(await onFastify(client));
    await noticed(client);
    await client.flush(0);
    await until(() => client.stats().last_error !== undefined);
    expect(client.stats()).toMatchObject({ sent: 0, queued: total, dropped: {} });
  });
});
