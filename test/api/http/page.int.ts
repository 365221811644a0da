import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expressApp } from '../../../src/api/http/express.js';
import { NodeReplies } from '../../../src/api/http/node-replies.js';
import { cors, originAllowed } from '../../../src/api/http/origins.js';
import { Wire } from '../../../src/api/http/wire.js';
import type { Dispatcher } from '../../../src/api/http/dispatch.js';
import { systemClock } from '../../../src/platform/clock.js';
import { makeMetrics } from '../../../src/platform/metrics.js';
import { makeLogger } from '../../../src/platform/logger.js';
import { systemRandom } from '../../../src/platform/random.js';

let directory = '';
let server: Server;
let port = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-page-'));
  await mkdir(join(directory, 'page', 'assets'), { recursive: true });
  await writeFile(join(directory, 'page', 'index.html'), '<title>the page</title>');
  await writeFile(join(directory, 'page', 'assets', 'index-abc.js'), 'run()');
  await writeFile(join(directory, 'page', '.hidden'), 'hidden');
  await writeFile(join(directory, 'secret'), 'secret');
  const logger = makeLogger('silent', { instance_id: 'test', release: 'test' });
  const parts = { clock: systemClock, random: systemRandom, metrics: makeMetrics(), logger };
  const app = expressApp(
    [],
    new Wire(parts, {
      dispatch: () => Promise.reject(new Error('no route is served here')),
    } as unknown as Dispatcher),
    new NodeReplies(),
    { web_root: join(directory, 'page'), trust_proxy: 0 },
    () => undefined,
  );
  server = createServer((incoming, response) => {
    if (!cors(incoming, response, ['https://trusted.example'])) app(incoming, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true });
});

/** Paths go out as they are written: fetch would tidy them up. */
const get = (
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }> =>
  new Promise((resolve, reject) => {
    const sent = request({ port, path, headers, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    sent.on('error', reject).end();
  });

describe('the built page', () => {
  it('is served at /, and looked at anew each time', async () => {
    const { status, text, headers } = await get('/');
    expect([status, text, headers['cache-control']]).toEqual([200, '<title>the page</title>', 'no-cache']);
  });

  it('has assets that are kept for good, since their names change with them', async () => {
    const { status, headers } = await get('/assets/index-abc.js');
    expect([status, headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable']);
    expect(headers['content-type']).toContain('javascript');
  });

  it.each([
    '/../secret',
    '/..%2fsecret',
    '/%2e%2e/secret',
    '/assets/..%5c..%5csecret',
    '/.hidden',
    '/assets',
  ])('does not give %s away', async (path) => {
    const { status, text } = await get(path);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text).not.toMatch(/^(secret|hidden)$/);
  });
});

describe('pages of other origins', () => {
  it('may call where they are configured, and are told what they may send', async () => {
    const preflight = { origin: 'https://trusted.example', 'access-control-request-method': 'POST' };
    const { status, headers } = await get('/api/v1/ingestion/events', preflight, 'OPTIONS');
    expect([status, headers['access-control-allow-origin']]).toEqual([204, 'https://trusted.example']);
    expect(headers['access-control-allow-headers']).toContain('X-API-Key');
    expect(headers['access-control-allow-credentials']).toBeUndefined();
  });

  it('may not where they are not', async () => {
    const { headers } = await get('/', { origin: 'https://evil.example' });
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers.vary).toContain('Origin');
  });

  it.each([
    ['http://dash.example:8080', 'dash.example:8080', true],
    ['https://dash.example', 'dash.example', true],
    ['https://public.example', 'internal:8080', true],
    ['https://trusted.example', 'dash.example', true],
    ['https://evil.example', 'dash.example', false],
    ['https://dash.example.evil.example', 'dash.example', false],
    ['null', 'dash.example', false],
    [undefined, 'dash.example', true],
  ])('%s at %s: a websocket may open: %p', (origin, host, allowed) => {
    const config = { cors_origins: ['https://trusted.example'], public_url: 'https://public.example/' };
    expect(originAllowed({ headers: { host, ...(origin !== undefined && { origin }) } }, config)).toBe(
      allowed,
    );
  });
});
