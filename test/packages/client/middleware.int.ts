import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import express, { type ErrorRequestHandler } from 'express';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, request as httpRequest, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createApi,
  createClient,
  expressMiddleware,
  instrumentHttp,
  type Client,
  type ClientOptions,
} from '../../../packages/client/src/index.js';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';
import { droppedOf } from './world.js';

let directory: string;
let server: TestServer;
let ada: TestTenant;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-client-'));
  server = await startTestServer({ PULSESTREAM_DATA_DIR: directory });
  ada = await registerTestTenant(server, 'ada');
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

const listen = async (handler: RequestListener, port = 0): Promise<{ url: string; server: Server }> => {
  const listening = createServer(handler).listen(port, '127.0.0.1');
  await once(listening, 'listening');
  closing.push(() => {
    listening.closeAllConnections();
    listening.close();
  });
  return { url: `http://127.0.0.1:${String((listening.address() as AddressInfo).port)}`, server: listening };
};

const clientOf = (service: string, options: Partial<ClientOptions> = {}): Client => {
  const client = createClient({ url: server.url, apiKey: ada.key, service, flushIntervalMs: 20, ...options });
  closing.push(() => client.close(0));
  return client;
};

/** An API as people build them: routers, parameters, errors. */
const shop = (client: Client): express.Express => {
  const app = express();
  app.use(expressMiddleware(client, { consumer: (request) => String(request.headers['x-consumer']) }));
  const orders = express.Router();
  orders.get('/:id', (request, response) => {
    if (request.params.id === '13') throw new Error('an unlucky order');
    response.json({ id: request.params.id });
  });
  orders.post('/', (request, response) => {
    request.resume().on('end', () => response.status(201).json({}));
  });
  app.use('/api/v1/orders', orders);
  const onError: ErrorRequestHandler = (_error, _request, response, _next) => {
    response.status(500).json({});
  };
  app.use(onError);
  return app;
};

const agent = new Agent({ keepAlive: true, maxSockets: 8 });
afterAll(() => agent.destroy());

const get = (url: string, method = 'GET'): Promise<number> =>
  new Promise((resolve, reject) => {
    httpRequest(url, { agent, method, headers: { 'x-consumer': 'acme' } }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });

const load = async (url: string, from: number, to: number): Promise<void> => {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to) {
      const n = next;
      next += 1;
      await get(`${url}/api/v1/orders/${String(100 + n)}?token=secret`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
};

/** An answer may reach its client a moment before the middleware hears that it is out. */
const noticed = (client: Client, requests: number): Promise<void> =>
  until(() => client.stats().sent + client.stats().queued + droppedOf(client) === requests);

/** The paths that PulseStream has of a service, with how often it has each. */
const recorded = async (service: string): Promise<Map<string, number>> => {
  await server.settled();
  const api = createApi({ url: server.url, apiKey: ada.key });
  const paths = new Map<string, number>();
  let cursor: string | null | undefined;
  do {
    const page = await api.search({ service, limit: 1000, ...(cursor && { cursor }) });
    for (const { path = '' } of page.data) paths.set(path, (paths.get(path) ?? 0) + 1);
    cursor = page.next_cursor;
  } while (cursor !== null);
  api.close();
  return paths;
};

const expectOnce = async (service: string, requests: number): Promise<void> => {
  const paths = await recorded(service);
  expect(paths.size).toBe(requests);
  expect([...paths.values()].every((times) => times === 1)).toBe(true);
};

describe('an Express application with the middleware', () => {
  it('has its requests recorded with route, status, consumer and duration', async () => {
    const client = clientOf('shop');
    const { url } = await listen(shop(client));
    expect(await get(`${url}/api/v1/orders/42?token=secret`)).toBe(200);
    expect(await get(`${url}/api/v1/orders/13`)).toBe(500);
    expect(await get(`${url}/api/v1/orders`, 'POST')).toBe(201);
    expect(await get(`${url}/nowhere/7`)).toBe(404);
    await noticed(client, 4);
    await client.flush();
    await server.settled();
    const api = createApi({ url: server.url, apiKey: ada.key });
    const { data } = await api.search({ service: 'shop' });
    api.close();
    const shown = data.map(({ method, route, path, status_code }) => [method, route, path, status_code]);
    expect(shown.sort()).toEqual([
      ['GET', '/api/v1/orders/:id', '/api/v1/orders/13', 500],
      ['GET', '/api/v1/orders/:id', '/api/v1/orders/42', 200],
      ['GET', '/nowhere/{id}', '/nowhere/7', 404],
      ['POST', '/api/v1/orders', '/api/v1/orders', 201],
    ]);
    expect(data.every(({ consumer }) => consumer === 'acme')).toBe(true);
    expect(data.every(({ duration_ms }) => duration_ms !== undefined && duration_ms > 0)).toBe(true);
    expect(JSON.stringify(data)).not.toContain('secret');
  });

  it('has each of some thousand requests recorded exactly once', async () => {
    const client = clientOf('busy');
    const { url } = await listen(shop(client));
    await load(url, 0, 3_000);
    await noticed(client, 3_000);
    await client.flush();
    expect(client.stats()).toMatchObject({ sent: 3_000, queued: 0, dropped: {} });
    await expectOnce('busy', 3_000);
  });

  it('has them recorded exactly once also where the server is stopped and comes back in between', async () => {
    const client = clientOf('restarted', { batch: { events: 50 } });
    const { url } = await listen(shop(client));
    await load(url, 0, 500);
    const { port } = new URL(server.url);
    await Promise.all([server.stop(), load(url, 500, 1_500)]);
    await until(() => client.stats().last_error !== undefined);
    expect(client.stats().queued).toBeGreaterThan(0);
    server = await startTestServer({ PULSESTREAM_DATA_DIR: directory, PORT: port });
    await load(url, 1_500, 2_000);
    await noticed(client, 2_000);
    await client.flush();
    expect(client.stats()).toMatchObject({ sent: 2_000, queued: 0, dropped: {} });
    expect(client.stats().retries).toBeGreaterThan(0);
    await expectOnce('restarted', 2_000);
  });

  it('has them recorded exactly once also where answers get lost after the events were stored', async () => {
    let requests = 0;
    const { url: lossy } = await listen((incoming, outgoing) => {
      requests += 1;
      const lose = requests % 2 === 1;
      const forward = httpRequest(
        server.url + (incoming.url ?? ''),
        { method: 'POST', headers: incoming.headers },
        (answer) => {
          if (lose) answer.resume().on('end', () => incoming.socket.destroy());
          else {
            outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
            answer.pipe(outgoing);
          }
        },
      );
      incoming.pipe(forward);
    });
    const client = clientOf('lossy', { url: lossy, batch: { events: 100 } });
    const { url } = await listen(shop(client));
    await load(url, 0, 600);
    await noticed(client, 600);
    await client.flush();
    expect(client.stats()).toMatchObject({ sent: 600, dropped: {} });
    expect(client.stats().retries).toBeGreaterThan(0);
    await expectOnce('lossy', 600);
  });

  it('answers its own clients while PulseStream takes a request and never answers', async () => {
    let taken = 0;
    const { url: silent } = await listen(() => {
      taken += 1;
    });
    const patient = { timeoutMs: 600_000, batch: { events: 10 }, queue: { events: 200 } };
    const client = clientOf('patient', { url: silent, ...patient });
    const { url } = await listen(shop(client));
    await load(url, 0, 500);
    await noticed(client, 500);
    expect(taken).toBe(1);
    expect(client.stats()).toMatchObject({ sent: 0, queued: 200, dropped: { queue_full: 300 } });
  });
});

describe('a handler of node:http', () => {
  it('is recorded as it is, its route derived by the server', async () => {
    const client = clientOf('plain');
    const { url } = await listen(
      instrumentHttp(client, (_request, response) => {
        response.writeHead(204).end();
      }),
    );
    expect(await get(`${url}/users/1234/cart?x=1`)).toBe(204);
    await noticed(client, 1);
    await client.flush();
    await server.settled();
    const api = createApi({ url: server.url, apiKey: ada.key });
    const { data } = await api.search({ service: 'plain' });
    api.close();
    expect(data).toMatchObject([
      {
        path: '/users/1234/cart',
        route: '/users/{id}/cart',
        route_derived: true,
        status_code: 204,
        response_bytes: 0,
      },
    ]);
  });
});

describe('a server that does not take the key', () => {
  it('is told nothing more than once for each batch, and the host nothing', async () => {
    const client = clientOf('stranger', { apiKey: 'ps_none' });
    client.record({ type: 'note' });
    await client.flush();
    expect(client.stats()).toMatchObject({ sent: 0, retries: 0, dropped: { unauthorized: 1 } });
  });
});
