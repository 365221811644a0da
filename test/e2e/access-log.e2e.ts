import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hasGo, startFerretDb } from '../support/ferretdb.js';
import {
  freshData,
  registerTenant,
  removeData,
  root,
  runCli,
  runCliJson,
  startServer,
  type RegisteredTenant,
  type StartedServer,
} from '../support/started-server.js';
import { until } from '../support/until.js';

/** 10,000 lines of a real web server, with what is known of them. */
const file = join(root, '..', 'shared', 'data', 'apache_access.log');
const byStatus = { 200: 9126, 206: 45, 301: 164, 304: 445, 403: 2, 404: 213, 416: 2, 500: 3 };
const period = { from: '2015-05-01T00:00:00Z', to: '2015-06-01T00:00:00Z' };

// A MongoDB server where one is named, else FerretDB where it can be built.
const ferret = process.env['MONGODB_URL'] === undefined && hasGo() ? await startFerretDb() : undefined;
afterAll(() => ferret?.stop());
const mongodb = process.env['MONGODB_URL'] ?? ferret?.url;

interface ReadStoreUnderTest {
  readonly name: string;
  readonly environment: Record<string, string> | undefined;
}
const stores: readonly ReadStoreUnderTest[] = [
  { name: 'embedded stores', environment: {} },
  {
    name: 'read models in MongoDB',
    environment:
      mongodb === undefined
        ? undefined
        : { MONGODB_URL: mongodb, PULSESTREAM_MONGODB_DATABASE: 'access_log' },
  },
];

describe.each(stores)('importing an access log with $name', ({ environment }) => {
  const test = environment && existsSync(file) ? it : it.skip;
  let data: string;
  let server: StartedServer;
  let tenant: RegisteredTenant;
  let position: string;
  let learned: ReadonlyMap<string, number>;

  /** A read waits a while for its position, and is asked again where the machine is slower than that. */
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${server.url}/api/v1/${path}`, {
      headers: { 'x-api-key': tenant.api_key },
    });
    const answer = (await response.json()) as { code?: string };
    if (answer.code === 'projection_behind') return get(path);
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const query = (parameters: Record<string, string>): string => new URLSearchParams(parameters).toString();

  const countsByStatistics = async (): Promise<unknown> => {
    const { totals, status } = (await get(
      `ingestion/events/statistics?${query({ ...period, min_position: position })}`,
    )) as { totals: { requests: number }; status: Record<string, number> };
    expect(totals.requests).toBe(10_000);
    return status;
  };

  const countsBySearch = async (): Promise<unknown> => {
    const counts: Record<number, number> = {};
    let cursor: string | null = null;
    do {
      const page = (await get(
        `ingestion/events/search?${query({ ...period, limit: '1000', min_position: position, ...(cursor && { cursor }) })}`,
      )) as { data: { status_code: number }[]; next_cursor: string | null };
      for (const event of page.data) counts[event.status_code] = (counts[event.status_code] ?? 0) + 1;
      cursor = page.next_cursor;
    } while (cursor !== null);
    return counts;
  };

  /** Requests by route, with all that is to be learned of what is in the log. */
  const routes = async (): Promise<ReadonlyMap<string, number>> => {
    let head = '';
    await until(async () => {
      const health = (await (await fetch(`${server.url}/health`)).json()) as {
        head: string;
        processes: { name: string; position: string }[];
      };
      ({ head } = health);
      const learning = health.processes.find(({ name }) => name === 'route-learning');
      return learning !== undefined && learning.position >= head;
    });
    const { data } = (await get(
      `ingestion/events/statistics?${query({ ...period, group_by: 'route', min_position: head })}`,
    )) as { data: { route: string; requests: number }[] };
    return new Map(data.map(({ route, requests }) => [route, requests]));
  };

  beforeAll(async () => {
    if (!environment) return;
    data = await freshData(environment);
    server = await startServer(data, environment);
    tenant = await registerTenant(server.url);
  });
  afterAll(async () => {
    if (!environment) return;
    await server.stop();
    await removeData(data);
  });

  const importFile = (): Promise<unknown> =>
    runCliJson(data, ['import', 'access-log', file, '--service', 'web', '--api-key', tenant.api_key]);

  test('gives exactly its events', async () => {
    const imported = (await importFile()) as { position: string };
    expect(imported).toMatchObject({ lines: 10_000, accepted: 10_000, rejected: 0, skipped: 0 });
    ({ position } = imported);
    expect(await countsByStatistics()).toEqual(byStatus);
    expect(await countsBySearch()).toEqual(byStatus);
  });

  test('a second time stores nothing', async () => {
    expect(await importFile()).toMatchObject({ accepted: 0, duplicates: 10_000 });
    expect(await countsByStatistics()).toEqual(byStatus);
  });

  test('shows them under fewer than 300 routes, and the site’s pages as themselves', async () => {
    const found = await routes();
    expect(found.size).toBeLessThan(300);
    expect([...found.values()].reduce((sum, count) => sum + count, 0)).toBe(10_000);
    expect(found.get('/blog/tags/{slug}')).toBeGreaterThan(400);
    expect(found.get('/blog/geekery/{slug}.html')).toBeGreaterThan(300);
    for (const page of ['logstash-monitorama-2013', 'logstash-puppetconf-2012', 'logstash-scale11x'])
      expect(found.get(`/presentations/${page}`)).toBeGreaterThan(5);
    learned = found;
  });

  test('and the same are there after every read model was rebuilt from the log', async () => {
    expect(await runCli(data, ['projections', 'rebuild', '--all'])).toMatchObject({ code: 0 });
    expect(await countsByStatistics()).toEqual(byStatus);
    expect(await countsBySearch()).toEqual(byStatus);
    expect(await routes()).toEqual(learned);
    expect(await runCli(data, ['projections', 'verify'])).toMatchObject({ code: 0 });
  });
});
