import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Type } from 'typebox';
import {
  apiKeyPrincipal,
  operatorPrincipal,
  userPrincipal,
  type Principal,
} from '../../../src/domain/tenancy/access.js';
import { EventStoreUnavailable } from '../../../src/eventstore/event-store.js';
import { expressApp } from '../../../src/api/http/express.js';
import { Dispatcher } from '../../../src/api/http/dispatch.js';
import { Intake } from '../../../src/api/http/intake.js';
import type { ApiRequest } from '../../../src/api/http/message.js';
import { NodeReplies } from '../../../src/api/http/node-replies.js';
import { RateLimits } from '../../../src/api/http/rate-limits.js';
import { defineRoute } from '../../../src/api/http/route.js';
import { closed } from '../../../src/api/http/schemas.js';
import { Wire } from '../../../src/api/http/wire.js';
import type { ApiServices } from '../../../src/api/dependencies.js';
import { makeMetrics } from '../../../src/platform/metrics.js';
import { systemClock } from '../../../src/platform/clock.js';
import { systemRandom } from '../../../src/platform/random.js';
import { serverLimits } from '../../support/limits.js';
import { until } from '../../support/until.js';
import { defineProjection } from '../../../src/projections/projection.js';

const model = defineProjection({
  name: 'model',
  version: 1,
  reads: [],
  indexes: [],
  parts: () => [],
  fold: () => undefined,
});
const principals: Record<string, Principal> = {
  person: userPrincipal('ten_a' as never, 'usr_a' as never, 'owner'),
  viewer: userPrincipal('ten_a' as never, 'usr_b' as never, 'viewer'),
  ingest: apiKeyPrincipal('ten_a' as never, 'key_a' as never, ['ingest']),
  other: apiKeyPrincipal('ten_b' as never, 'key_b' as never, ['ingest']),
};

const MB = 1024 * 1024;
const ourLimits = {
  ...serverLimits,
  requests_per_minute: 1000,
  tenant_requests_per_minute: 10_000,
  events_per_minute: 1000,
  key_events_per_minute: 1000,
};
/** What handling telemetry waits for. */
let held = Promise.resolve();
let seen: ApiRequest | undefined;
let reached = true;
const logged: object[] = [];
const remember = (request: ApiRequest): Promise<{ status: number; body: object }> => {
  seen = request;
  return Promise.resolve({ status: 200, body: { fine: true } });
};
const common = { summary: '', tags: ['operations'], responses: {} } as const;
const routes = [
  defineRoute({ ...common, method: 'GET', path: '/open', auth: 'public', handle: remember }),
  defineRoute({ ...common, method: 'GET', path: '/mine', auth: 'person', handle: remember }),
  defineRoute({ ...common, method: 'GET', path: '/operator', auth: 'operator', handle: remember }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/things/{thing}',
    auth: 'telemetry:read',
    reads: [model],
    params: closed({ thing: Type.String({ maxLength: 10 }) }),
    query: closed({
      limit: Type.Optional(Type.Integer({ minimum: 1 })),
      flag: Type.Optional(Type.Boolean()),
    }),
    handle: remember,
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: '/things',
    auth: 'alerting:write',
    idempotent: true,
    conditional: true,
    body: {
      schema: closed({ name: Type.String(), tags: Type.Optional(Type.Record(Type.String(), Type.String())) }),
    },
    handle: remember,
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: '/sign-in',
    auth: 'public',
    limit: 'sign_in',
    handle: remember,
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: '/telemetry',
    auth: 'telemetry:write',
    limit: 'events',
    body: { raw: { 'application/json': Type.Unknown() }, limits: { received: 8 * MB, decompressed: 8 * MB } },
    handle: async (request) => {
      await held;
      return { status: 200, body: { bytes: request.body.length } };
    },
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/broken',
    auth: 'public',
    handle: () => Promise.reject(new Error('secret detail')),
  }),
  defineRoute({
    ...common,
    method: 'GET',
    path: '/away',
    auth: 'public',
    handle: () => Promise.reject(new EventStoreUnavailable('unreachable', 'at 10.0.0.1')),
  }),
];

const intake = new Intake(systemClock, { memory_bytes: 4 * MB });
let server: Server;
let address = '';

beforeAll(async () => {
  const api = {
    settings: { of: () => Promise.resolve({ limits: ourLimits }) },
    quotas: { exhausted: () => undefined, standing: () => undefined },
    authenticator: {
      remembered: () => undefined,
      authenticate: ({ bearer, api_key }: { bearer?: string; api_key?: string }) =>
        Promise.resolve(principals[bearer ?? api_key ?? '']),
      operatorPrincipal: (token: string) => (token === 'operator' ? operatorPrincipal : undefined),
    },
    models: { reached: () => Promise.resolve(reached) },
    logger: { error: (entry: object) => logged.push(entry) },
    metrics: makeMetrics(),
    issues: { note: () => undefined },
    refusedActs: { note: () => undefined },
    clock: systemClock,
    random: systemRandom,
  } as unknown as ApiServices;
  const limits = new RateLimits(ourLimits, systemClock);
  const wire = new Wire(api, new Dispatcher(api, limits, intake));
  server = createServer(expressApp(routes, wire, new NodeReplies(), { trust_proxy: 1 }, () => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});
beforeEach(() => {
  seen = undefined;
  reached = true;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const call = async (
  method: string,
  path: string,
  options: { as?: string; body?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> => {
  const response = await fetch(address + path, {
    method,
    headers: {
      ...(options.as && { authorization: `Bearer ${options.as}` }),
      ...(options.body !== undefined && { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body !== undefined && { body: options.body }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
  };
};

describe('a problem', () => {
  it('says everything that RFC 9457 and the conventions want', async () => {
    const { status, headers, body } = await call('GET', '/mine?x=1', {
      headers: { 'x-request-id': 'req-7' },
    });
    expect(status).toBe(401);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('www-authenticate')).toContain('Bearer');
    expect(body).toEqual({
      type: 'urn:pulsestream:problem:unauthenticated',
      title: 'Not authenticated',
      status: 401,
      detail: 'Send a token or an API key.',
      instance: '/mine',
      code: 'unauthenticated',
      request_id: 'req-7',
    });
  });

  it('of an unknown error tells nothing of it, and the log tells all', async () => {
    const { status, body, headers } = await call('GET', '/broken');
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(logged.at(-1)).toMatchObject({ request_id: headers.get('x-request-id'), route: '/broken' });
  });

  it('of a store that is away asks to come back', async () => {
    const { status, body, headers } = await call('GET', '/away');
    expect([status, body.code]).toEqual([503, 'store_unavailable']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(JSON.stringify(body)).not.toContain('10.0.0.1');
  });

  it.each([
    ['GET', '/nowhere', 404, 'not_found'],
    ['PUT', '/things', 405, 'method_not_allowed'],
    ['GET', '/things/%E0%A4%A', 400, 'bad_request'],
  ])('%s %s is %i', async (method, path, status, code) => {
    const response = await call(method, path, { as: 'person' });
    expect([response.status, response.body.code]).toEqual([status, code]);
    expect(response.headers.get('x-request-id')).toBe(response.body.request_id);
  });
});

describe('who may call', () => {
  it.each([
    ['/open', undefined, 200],
    ['/mine', 'person', 200],
    ['/mine', 'ingest', 403],
    ['/mine', 'nobody', 401],
    ['/things/a', 'viewer', 200],
    ['/things/a', 'ingest', 403],
    ['/operator', 'operator', 200],
    ['/operator', 'person', 401],
  ])('%s as %s is %i', async (path, as, status) => {
    expect((await call('GET', path, as === undefined ? {} : { as })).status).toBe(status);
  });

  it('is asked before the body is looked at', async () => {
    expect((await call('POST', '/things', { as: 'viewer', body: '{' })).status).toBe(403);
    expect((await call('POST', '/things', { body: '{' })).status).toBe(401);
  });
});

describe('a request', () => {
  it('brings its trace, its key and the version it expects', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    await call('POST', '/things', {
      as: 'person',
      body: '{"name":"a"}',
      headers: {
        traceparent: `00-${trace}-b7ad6b7169203331-01`,
        'idempotency-key': '"k1"',
        'if-match': '"v7"',
        'x-request-id': 'req-8',
      },
    });
    expect(seen?.context).toEqual({
      principal: principals.person,
      origin: 'api',
      request_id: 'req-8',
      client: { address: '127.0.0.1', user_agent: 'node' },
      correlation_id: trace,
      idempotency_key: 'k1',
      expected_version: 7,
    });
  });

  it('has its query typed', async () => {
    await call('GET', '/things/a?limit=5&flag=true', { as: 'person' });
    expect(seen?.query).toEqual({ limit: 5, flag: true });
    expect(seen?.params).toEqual({ thing: 'a' });
  });

  it.each([
    ['limit=five', '/limit', 'wrong_type'],
    ['limit=0', '/limit', 'too_small'],
    ['limit=1&limit=2', '/limit', 'wrong_type'],
    ['more=1', '/more', 'unknown_field'],
    ['__proto__=1', '/__proto__', 'unknown_field'],
  ])('with the query %s is refused by name', async (query, pointer, code) => {
    const { status, body } = await call('GET', `/things/a?${query}`, { as: 'person' });
    expect(status).toBe(400);
    expect(body.errors).toEqual([expect.objectContaining({ pointer, code })]);
  });

  it('for something whose id cannot be one is not found', async () => {
    expect((await call('GET', `/things/${'x'.repeat(11)}`, { as: 'person' })).status).toBe(404);
  });

  it.each([
    ['', 'empty_body', 400],
    ['{"name":', 'invalid_json', 400],
    ['['.repeat(100_000), 'too_deep', 400],
    ['{"name":1}', 'invalid', 400],
    ['{"name":"a","more":1}', 'invalid', 400],
    ['{"name":"a","tags":{"__proto__":"x"}}', 'invalid', 400],
    [JSON.stringify({ name: 'x'.repeat(11_000_000) }), 'body_too_large', 413],
  ])('with a bad body is refused (%#)', async (text, code, status) => {
    const response = await call('POST', '/things', { as: 'person', body: text });
    expect([response.status, response.body.code]).toEqual([status, code]);
    expect(seen).toBeUndefined();
  });

  it('of another media type is refused', async () => {
    const headers = { 'content-type': 'text/plain' };
    const response = await call('POST', '/things', { as: 'person', body: '{}', headers });
    expect([response.status, response.headers.get('accept')]).toEqual([415, 'application/json']);
  });

  it('waits for the position it has read, and is told to come back where that takes too long', async () => {
    const path = '/things/a?min_position=00000000000000ff';
    expect((await call('GET', path, { as: 'person' })).status).toBe(200);
    reached = false;
    const late = await call('GET', path, { as: 'person' });
    expect([late.status, late.body.code]).toEqual([503, 'projection_behind']);
    expect(late.headers.get('retry-after')).toBe('1');
  });
});

describe('budgets', () => {
  it('are told in both families of headers', async () => {
    const { headers } = await call('GET', '/things/a', { as: 'viewer' });
    expect(headers.get('ratelimit-policy')).toBe('"requests";q=1000;w=60');
    expect(headers.get('ratelimit')).toMatch(/^"requests";r=\d+;t=\d+$/);
    expect(headers.get('x-ratelimit-limit')).toBe('1000');
    expect(Number(headers.get('x-ratelimit-remaining'))).toBeLessThan(1000);
    expect(Number(headers.get('x-ratelimit-reset'))).toBeGreaterThan(0);
  });

  it('of sign-ins are those of an address', async () => {
    const from = (ip: string): Promise<{ status: number; headers: Headers }> =>
      call('POST', '/sign-in', { headers: { 'x-forwarded-for': `spoofed, ${ip}` } });
    expect((await from('192.0.2.1')).status).toBe(200);
    expect((await from('192.0.2.1')).status).toBe(200);
    const refused = await from('192.0.2.1');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await from('192.0.2.2')).status).toBe(200);
  });
});

describe('telemetry', () => {
  const send = (as: string, bytes: number, headers = {}): ReturnType<typeof call> =>
    call('POST', '/telemetry', { as, body: `"${'x'.repeat(bytes - 2)}"`, headers });

  it('that memory has no room for is refused, of another tenant it is not, and room comes back', async () => {
    let release = (): void => undefined;
    held = new Promise((resolve) => (release = resolve));
    const first = send('ingest', 1.5 * MB);
    await until(() => intake.held_bytes >= 1.5 * MB);
    const refused = await send('ingest', 1.5 * MB);
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      503,
      'overloaded',
      '1',
    ]);
    const other = send('other', MB);
    await until(() => intake.held_bytes >= 2.5 * MB);
    release();
    expect([(await first).status, (await other).status]).toEqual([200, 200]);
    expect(intake.held_bytes).toBe(0);
    expect((await send('ingest', 1.5 * MB)).status).toBe(200);
  });

  it('counts what it is once it is inflated', async () => {
    let release = (): void => undefined;
    held = new Promise((resolve) => (release = resolve));
    const first = send('ingest', 1.5 * MB);
    await until(() => intake.held_bytes >= 1.5 * MB);
    const small = gzipSync(Buffer.alloc(3 * MB, 'x'));
    const response = await fetch(`${address}/telemetry`, {
      method: 'POST',
      headers: {
        authorization: 'Bearer ingest',
        'content-type': 'application/json',
        'content-encoding': 'gzip',
      },
      body: small,
    });
    expect([small.length < 10_000, response.status]).toEqual([true, 503]);
    release();
    expect((await first).status).toBe(200);
    expect(intake.held_bytes).toBe(0);
  });

  it('that is refused later than it came in gives its room back too', async () => {
    expect((await send('ingest', 9 * MB)).status).toBe(413);
    expect((await send('ingest', 10, { 'content-type': 'text/plain' })).status).toBe(415);
    expect(intake.held_bytes).toBe(0);
  });
});

describe('a body that was refused', () => {
  it('is read to its end, so that its sender sees the answer and goes on, however many there are', async () => {
    const { port } = server.address() as AddressInfo;
    const body = Buffer.alloc(6 * MB, 'x');
    const head = (line: string, length: number): string =>
      `${line} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
    const refusedThenServed = async (): Promise<string[]> => {
      const socket = connect(port, '127.0.0.1');
      let received = '';
      socket.setEncoding('latin1').on('data', (text: string) => (received += text));
      socket.write(head('POST /telemetry', body.length));
      socket.write(body);
      socket.write(head('GET /open', 0));
      const answers = (): string[] =>
        [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status ?? '');
      await until(() => answers().length === 2);
      socket.destroy();
      return answers();
    };
    const all = await Promise.all(Array.from({ length: 12 }, refusedThenServed));
    expect(all).toEqual(all.map(() => ['401', '200']));
  });

  it('for now is answered behind its end: what its sender sends next waits for nothing; or else soon', async () => {
    let release = (): void => undefined;
    held = new Promise((resolve) => (release = resolve));
    const first = call('POST', '/telemetry', { as: 'ingest', body: `"${'x'.repeat(MB)}"` });
    await until(() => intake.held_bytes >= MB);
    const { port } = server.address() as AddressInfo;
    const body = Buffer.alloc(1.5 * MB, 'x');
    const begin = (): { socket: Socket; received: () => string } => {
      const socket = connect(port, '127.0.0.1');
      let received = '';
      socket.setEncoding('latin1').on('data', (text: string) => (received += text));
      socket.write(
        'POST /telemetry HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ingest\r\n' +
          `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
      );
      socket.write(body.subarray(0, MB));
      return { socket, received: () => received };
    };
    const goesOn = begin();
    const stands = begin();
    expect((await call('GET', '/open')).status).toBe(200);
    expect(goesOn.received()).toBe('');
    goesOn.socket.write(body.subarray(MB));
    await until(() => goesOn.received().startsWith('HTTP/1.1 503'));
    expect(stands.received()).toBe('');
    await until(() => stands.received().startsWith('HTTP/1.1 503'));
    goesOn.socket.destroy();
    stands.socket.destroy();
    release();
    expect((await first).status).toBe(200);
  });
});

describe('the page', () => {
  it('has a policy that lets nothing in from elsewhere', async () => {
    const { status, headers } = await call('GET', '/');
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('content-security-policy')).not.toContain('unsafe');
    expect(headers.get('x-powered-by')).toBeNull();
  });
});
