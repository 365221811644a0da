import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as others } from 'node:timers/promises';
import { readBody } from '../../../src/api/http/body.js';
import type { Dispatcher, Incoming } from '../../../src/api/http/dispatch.js';
import type { ApiResponse } from '../../../src/api/http/message.js';
import { NodeReplies } from '../../../src/api/http/node-replies.js';
import { PlainRequests } from '../../../src/api/http/plain-requests.js';
import type { Route } from '../../../src/api/http/route.js';
import { Wire } from '../../../src/api/http/wire.js';
import { makeMetrics } from '../../../src/platform/metrics.js';
import { systemRandom } from '../../../src/platform/random.js';
import { until } from '../../support/until.js';

const PATH = '/api/v1/ingestion/events';
const routes = new Map([[PATH, { method: 'POST', path: PATH } as Route]]);
const limits = { received: 1_000_000, decompressed: 1_000_000 };

/** Says what came, in the way that the query asks for. */
const echo = async ({ headers, url, body, ip, request_id }: Incoming): Promise<ApiResponse> => {
  const read = await readBody({ headers, body }, limits);
  const said = { headers, url, ip, request_id, body: read.ok ? read.body.toString('latin1') : read.problem };
  if (url.endsWith('bytes'))
    return { status: 200, content_type: 'x/y', body: Buffer.from(JSON.stringify(said)) };
  if (url.endsWith('nothing')) return { status: 204 };
  if (url.endsWith('refused')) return { status: 429, headers: { 'Retry-After': '1' }, body: said };
  return { status: 201, headers: { 'X-Position': '1' }, body: { ...said, beyond: 'ascii: ü, €, 🙂' } };
};

/** What a request meets behind its connection. */
let dispatch: (incoming: Incoming) => Promise<ApiResponse> = echo;
const logged: object[] = [];

interface Started {
  readonly http: Server;
  readonly wire: Wire;
  readonly plain: PlainRequests | undefined;
  readonly port: number;
  /** Requests that node has read. */
  byNode: number;
  /** Its side of the connections. */
  readonly sockets: Socket[];
}

const started: Started[] = [];

/** A server with the reader in front of node, or without it. */
const start = async (front: { readonly patience_ms?: number } | undefined): Promise<Started> => {
  const clock = { now: () => 1_800_000_000_000, monotonic: () => 0, sleep: () => Promise.resolve() };
  const logger = { error: (entry: object) => logged.push(entry) } as never;
  const wire = new Wire({ clock, random: systemRandom, metrics: makeMetrics(), logger }, {
    dispatch: (_route: Route, incoming: Incoming) => dispatch(incoming),
  } as unknown as Dispatcher);
  const replies = new NodeReplies();
  const http = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    server.byNode += 1;
    const { headers, url = '', socket } = request;
    const ip = socket.remoteAddress ?? '';
    const incoming = { headers, body: request, url, params: {}, ip };
    void wire.serve({ method: 'POST', path: 'by node' } as Route, incoming, replies.to(request, response));
  });
  const sockets: Socket[] = [];
  const plain = front && new PlainRequests(http, wire, clock, { routes, trust_proxy: 0, ...front });
  http.prependListener('connection', (socket) => sockets.push(socket));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server: Started = {
    http,
    wire,
    plain,
    port: (http.address() as AddressInfo).port,
    byNode: 0,
    sockets,
  };
  started.push(server);
  return server;
};

/** One client's connection, and what came back on it. */
class Client {
  received = '';
  closed = false;
  private constructor(readonly socket: Socket) {
    socket.on('data', (bytes) => (this.received += bytes.toString('latin1')));
    socket.on('error', () => undefined).on('close', () => (this.closed = true));
  }

  static async of({ port }: Started): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Client(socket);
  }

  get answers(): number {
    return this.received.split('HTTP/1.1 ').length - 1;
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  ended(): Promise<void> {
    return until(() => this.closed);
  }
}

const post = (body = '{}', more = '', path = PATH): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\nx-request-id: r1\r\ncontent-length: ${body.length}\r\n${more}\r\n${body}`;
const LAST = 'GET /last HTTP/1.1\r\nhost: x\r\nx-request-id: r2\r\nconnection: close\r\n\r\n';

/** What comes back until the connection ends; of what differs between two servers only the time and made-up ids. */
const exchange = async (server: Started, pieces: readonly string[]): Promise<string> => {
  const client = await Client.of(server);
  for (const piece of pieces) {
    client.send(piece);
    await others();
  }
  await client.ended();
  return client.received
    .replaceAll(/^Date: .*\r\n/gm, 'Date: now\r\n')
    .replaceAll(/(?<=X-Request-Id: |"request_id":")[\da-f-]{36}/g, 'made up');
};

let both: Started;
let alone: Started;
beforeAll(async () => {
  both = await start({});
  alone = await start(undefined);
});
afterEach(() => {
  dispatch = echo;
});
afterAll(() => {
  for (const { http, plain } of started) {
    http.close();
    http.closeAllConnections();
    plain?.closeAllConnections();
  }
});

describe('answers are those of node', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['a request', post()],
    ['one with a query', post('{}', '', `${PATH}?atomic=true&a=%20b`)],
    ['an answer in bytes', post('{}', '', `${PATH}?bytes`)],
    ['an answer without a body', post('{}', '', `${PATH}?nothing`)],
    ['a refusal', post('{}', '', `${PATH}?refused`)],
    ['no body', post('')],
    ['bytes in a body', post('\0\xff\r\n\r\n')],
    ['a body that reads like a request', post(post() + LAST)],
    ['another path', post('{}', '', '/api/v1/else')],
    ['no id', post().replace('x-request-id: r1\r\n', '')],
    ['an id that cannot be one', post('{}').replace('r1', 'a b')],
    [
      'chunks',
      post('{}').replace(
        'content-length: 2\r\n\r\n{}',
        'transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
      ),
    ],
    [
      'chunks behind a plain one',
      post() + post().replace(/content-length[^]*/, 'transfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
    ],
    ['many behind one another', Array.from({ length: 30 }, (_, i) => post(`${i}`)).join('')],
    ['an empty line between two', `${post()}\r\n${post()}`],
    ['a large body', post('x'.repeat(200_000))],
    ['keep-alive', post('{}', 'Connection: Keep-Alive\r\n')],
    ['a body that is asked for', post('{}', 'Expect: 100-continue\r\n')],
    ['a list', post('{}', 'x-a: 1\r\nx-a: 2\r\n')],
    ['other characters', post('{}', 'x-a: caf\xe9\tb\r\n')],
  ];
  it.each(cases)('to %s', async (_what, text) => {
    expect(await exchange(both, [text + LAST])).toBe(await exchange(alone, [text + LAST]));
  });

  const bad: readonly (readonly [string, string])[] = [
    ['chunks besides a length', post('0\r\n\r\n', 'Transfer-Encoding: chunked\r\n')],
    ['chunks that are hidden', post('0\r\n\r\n', 'Transfer-Encoding: xchunked\r\n')],
    ['chunks with a space before the colon', post('0\r\n\r\n', 'Transfer-Encoding : chunked\r\n')],
    ['chunks in a folded line', post('0\r\n\r\n', 'Transfer-Encoding:\r\n chunked\r\n')],
    ['two lengths', post('{}', 'Content-Length: 3\r\n')],
    ['the same length twice', post('{}', 'Content-Length: 2\r\n')],
    ['a signed length', post().replace(': 2', ': +2')],
    ['a list of lengths', post().replace(': 2', ': 2, 2')],
    ['a hexadecimal length', post().replace(': 2', ': 0x2')],
    ['a space before the colon', post('{}', 'x-a : b\r\n')],
    ['bare line feeds', post().replaceAll('\r\n', '\n')],
    ['a bare line feed in front of a length', post('{}', 'x-a: b\nContent-Length: 0\r\n')],
    ['NUL', post('{}', 'x-a: b\0c\r\n')],
    ['a folded line', post('{}', 'x-a: b\r\n c\r\n')],
    ['no host', post().replace('host: x\r\n', '')],
    ['two hosts', post('{}', 'Host: y\r\n')],
    ['a protocol that is none', post().replace('HTTP/1.1', 'HTTQ/1.1')],
    ['a head that never ends', post('{}', 'x-a: b\r\n'.repeat(4000))],
  ];
  it.each(bad)('to %s, also behind a plain one', async (_what, text) => {
    const answer = await exchange(alone, [text + LAST]);
    expect(await exchange(both, [text + LAST])).toBe(answer);
    const first = await Client.of(both);
    first.send(post());
    await until(() => first.answers === 1);
    first.received = '';
    first.send(text + LAST);
    await first.ended();
    expect(first.received.replaceAll(/^Date: .*\r\n/gm, 'Date: now\r\n')).toBe(answer);
  });

  it('however many there are on a connection, and whatever pieces they come in', async () => {
    const request = fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .string({ unit: 'binary', maxLength: 300 })
          .map((body) => post(Buffer.from(body).toString('latin1'))),
      },
      fc.constantFrom(...cases.map(([, text]) => text)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        async (requests, places) => {
          const text = requests.join('') + LAST;
          const cuts = [0, ...places.map((place) => place % text.length), text.length].sort((a, b) => a - b);
          const pieces = cuts.slice(1).map((end, i) => text.slice(cuts[i], end));
          expect(await exchange(both, pieces)).toBe(await exchange(alone, [text]));
        },
      ),
      { numRuns: Number(process.env.PLAIN_REQUESTS_RUNS ?? 100) },
    );
  });
});

describe('a connection', () => {
  it('is node’s from the first request that is not plain, and until then is not', async () => {
    const server = await start({});
    const client = await Client.of(server);
    const steps: readonly (readonly [string, number])[] = [
      [post(), 0],
      [post('[]'), 0],
      [post('{}', '', '/api/v1/else'), 1],
      [post(), 2],
    ];
    for (const [i, [text, byNode]] of steps.entries()) {
      client.send(text);
      await until(() => client.answers === i + 1);
      expect(server.byNode).toBe(byNode);
    }
    client.socket.destroy();
  });

  it('may bring a body in pieces', async () => {
    const server = await start({ patience_ms: 120_000 });
    const client = await Client.of(server);
    for (const letter of post('{"a":1}').slice(-7)) {
      if (client.socket.bytesWritten === 0) client.send(post('{"a":1}').slice(0, -7));
      await others();
      client.send(letter);
    }
    await until(() => client.answers === 1);
    expect([server.byNode, client.received.includes('{\\"a\\":1}')]).toEqual([0, true]);
    client.socket.destroy();
  });

  it('is node’s where the rest of a body does not come soon', async () => {
    const server = await start({ patience_ms: 1 });
    const client = await Client.of(server);
    client.send(post().slice(0, -1));
    await until(() => server.byNode === 1);
    client.send('}');
    await until(() => client.answers === 1);
    expect(client.received).toContain('HTTP/1.1 201 Created');
    client.socket.destroy();
  });

  it('is answered in order, one at a time', async () => {
    let under_way = 0;
    let most = 0;
    dispatch = async (incoming) => {
      most = Math.max(most, (under_way += 1));
      await others();
      under_way -= 1;
      return echo(incoming);
    };
    const client = await Client.of(both);
    client.send(Array.from({ length: 20 }, (_, i) => post(`"body ${i}"`)).join(''));
    await until(() => client.answers === 20);
    expect([...client.received.matchAll(/body (\d+)/g)].map(([, i]) => Number(i))).toEqual(
      Array.from({ length: 20 }, (_, i) => i),
    );
    expect(most).toBe(1);
    client.socket.destroy();
  });

  it('has its next request begun when its last answer has been taken', async () => {
    const server = await start({});
    const size = 2_000_000;
    const left: (number | undefined)[] = [];
    dispatch = () => {
      left.push(server.sockets[0]?.writableLength);
      return Promise.resolve({ status: 200, body: Buffer.alloc(size, 'x') });
    };
    const client = await Client.of(server);
    client.send(post('x'.repeat(10_000)).repeat(8));
    await until(() => client.socket.bytesRead > 8 * size);
    await until(() => left.length === 8);
    expect(left).toEqual(Array.from({ length: 8 }, () => 0));
    client.socket.destroy();
  });

  it('is answered where it sends no more behind a whole request', async () => {
    const client = await Client.of(both);
    client.send(post() + post());
    client.socket.end();
    await client.ended();
    expect(client.answers).toBe(2);
  });

  it.each([
    ['a body', post().slice(0, -1)],
    ['a head', post().slice(0, 20)],
  ])('is told, as by node, where it ends in the middle of %s', async (_what, text) => {
    const told = await Promise.all(
      [both, alone].map(async (server) => {
        const client = await Client.of(server);
        client.send(text).socket.end();
        await client.ended();
        return client.received;
      }),
    );
    expect(told[0]).toBe('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    expect(told[0]).toBe(told[1]);
  });

  it('may go away while it is answered', async () => {
    const server = await start({});
    let answer: (() => void) | undefined;
    dispatch = (incoming) => new Promise((resolve) => (answer = () => resolve(echo(incoming))));
    const client = await Client.of(server);
    client.send(post());
    await until(() => answer !== undefined);
    client.socket.resetAndDestroy();
    await until(() => server.sockets[0]?.destroyed === true);
    answer?.();
    await others();
    expect(logged).toEqual([]);
  });

  it('is ended where nothing comes for as long as node waits, and not while it is answered', async () => {
    const server = await start({});
    let answer: (() => void) | undefined;
    dispatch = (incoming) => new Promise((resolve) => (answer = () => resolve(echo(incoming))));
    const client = await Client.of(server);
    client.send(post());
    await until(() => answer !== undefined);
    const [socket] = server.sockets;
    expect(socket?.timeout).toBe(server.http.keepAliveTimeout);
    socket?.emit('timeout');
    answer?.();
    await until(() => client.answers === 1);
    socket?.emit('timeout');
    await client.ended();
    expect(client.received).toContain('HTTP/1.1 201 Created');
  });

  it('is cut off where an answer would say something that a head cannot', async () => {
    dispatch = () => Promise.resolve({ status: 200, headers: { 'X-A': 'a\r\nX-B: b' } });
    const client = await Client.of(both);
    client.send(post());
    await client.ended();
    expect(client.received).toBe('');
    expect(logged.splice(0)).toHaveLength(1);
  });
});

describe('closing', () => {
  it('ends idle connections, answers what is under way and what is half here, and asks those to leave', async () => {
    const server = await start({ patience_ms: 120_000 });
    const answers: (() => void)[] = [];
    dispatch = (incoming) => new Promise((resolve) => answers.push(() => resolve(echo(incoming))));
    const [silent, idle, asking, half] = await Promise.all(
      Array.from({ length: 4 }, () => Client.of(server)) as [
        Promise<Client>,
        Promise<Client>,
        Promise<Client>,
        Promise<Client>,
      ],
    );
    idle.send(post());
    await until(() => answers.length === 1);
    answers[0]?.();
    await until(() => idle.answers === 1);
    half.send(post().slice(0, -1));
    asking.send(post() + post());
    await until(
      () => answers.length === 2 && server.sockets.every(({ bytesRead }, i) => i === 0 || bytesRead > 0),
    );

    server.wire.close();
    const closed = once(server.http.close(), 'close');
    server.plain?.closeIdleConnections();
    await Promise.all([silent.ended(), idle.ended()]);
    expect([asking.closed, half.closed]).toEqual([false, false]);
    answers[1]?.();
    half.send('}');
    await until(() => answers.length === 3);
    answers[2]?.();
    await Promise.all([asking.ended(), half.ended(), closed]);
    for (const { received, answers: count } of [asking, half]) {
      expect(count).toBe(1);
      expect(received).toContain('HTTP/1.1 201 Created');
      expect(received).toContain('Connection: close\r\n');
    }
  });

  it('ends in the end what does not end by itself', async () => {
    const server = await start({ patience_ms: 120_000 });
    const client = await Client.of(server);
    client.send(post().slice(0, -1));
    await until(() => server.sockets[0]?.bytesRead !== 0);
    const closed = once(server.http.close(), 'close');
    server.plain?.closeAllConnections();
    await Promise.all([client.ended(), closed]);
  });
});
