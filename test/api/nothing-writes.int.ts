import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobs } from '../../src/api/http/jobs.js';
import { event, rule } from '../support/route-bodies.js';
import { registerTestTenant, startTestServer, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

/** With the 20 that test/e2e/restarts.e2e.ts does with processes, a hundred. */
const RESTARTS = Number(process.env.RESTARTS_IN_PROCESS ?? 80);
const TRIGGERS = 100;

const environment = () => ({
  PULSESTREAM_DATA_DIR: directory,
  PULSESTREAM_RATE_LIMIT_REQUESTS: '1000000000',
});
let directory: string;
let server: TestServer;

/** Every file of the log with the digest of its bytes. */
const logFiles = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(join(directory, 'log')).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(directory, 'log', name)))
        .digest('hex'),
    ]),
  );

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pulsestream-nothing-'));
  server = await startTestServer(environment());
  const ada = await registerTestTenant(server, 'ada');
  await server.call('POST', '/api/v1/alerting/rules', { as: ada.token, json: rule });
  for (let i = 0; i < 10; i += 1)
    await server.call('POST', '/api/v1/ingestion/events', { as: ada.key, json: event });
  await server.settled();
});

afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

describe('the server by itself', () => {
  it('writes nothing by being started and stopped, again and again', async () => {
    await server.stop();
    const before = logFiles();
    for (let start = 0; start < RESTARTS; start += 1) {
      server = await startTestServer(environment());
      await server.stop();
      expect([start, logFiles()]).toEqual([start, before]);
    }
    server = await startTestServer(environment());
  });

  describe('while the guard is up', () => {
    let files: Record<string, string>;
    let head: string;
    beforeAll(async () => {
      const as = server.operator_token;
      await server.call('POST', '/_deploy/begin', { as, json: { release: 'r2' } });
      await until(async () => (await server.call('GET', '/_deploy/status', { as })).body.phase === 'ready');
      head = await server.head();
      // The last commit is marked as flushed once it is quiet; after a restart it is.
      await server.stop();
      server = await startTestServer(environment());
      files = logFiles();
    });
    const expectNothing = async (): Promise<void> => {
      expect(await server.head()).toBe(head);
      expect(logFiles()).toEqual(files);
    };

    it(`writes nothing by its chores, each ${TRIGGERS} times`, async () => {
      expect(server.chores.length).toBeGreaterThanOrEqual(3);
      for (const chore of server.chores) for (let i = 0; i < TRIGGERS; i += 1) await chore.run();
      await expectNothing();
    });

    const start = jobs.find(({ method, path }) => method === 'POST' && path === '/_ops/jobs');
    const body = start?.body && 'schema' in start.body ? start.body.schema : {};
    const { kind } = (body as { properties: { kind: { enum: readonly string[] } } }).properties;
    it.each(kind.enum)(
      `writes nothing by the job %s, ${TRIGGERS} times`,
      async (name) => {
        const as = server.operator_token;
        const wanted = ['rebuild', 'verify', 'retry'].includes(name) ? { projections: ['users'] } : {};
        for (let i = 0; i < TRIGGERS; i += 1) {
          const json = { kind: name, ...wanted };
          const { status, body } = await server.call('POST', '/_ops/jobs', { as, json });
          expect(status).toBe(202);
          const path = `/_ops/jobs/${body.id as string}`;
          await until(async () => (await server.call('GET', path, { as })).body.state === 'done');
        }
        await expectNothing();
      },
      120_000,
    );
  });
});

describe('what goes by the clock', () => {
  /** Where something is done again and again, besides the chores, and what. A new place has to be thought about here. */
  const known: Readonly<Record<string, string>> = {
    'platform/chores.ts': 'does the chores',
    'platform/heap-growth.ts': 'looks how large the heap is',
    'api/realtime/room.ts': 'sends rooms what is new',
    'api/realtime/sessions.ts': 'ends sockets whose credentials are worth nothing any more',
  };

  it('is a chore, or known to write nothing', () => {
    const src = join(import.meta.dirname, '..', '..', 'src');
    const places = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.startsWith('cli'))
      .filter((name) => /\bsetInterval\(|\btimer\(|\binterval\(/.test(readFileSync(join(src, name), 'utf8')));
    expect(places.sort()).toEqual(Object.keys(known).sort());
  });
});
