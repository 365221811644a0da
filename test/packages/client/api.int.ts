import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout } from 'node:timers/promises';
import {
  ApiError,
  createApi,
  createClient,
  type Api,
  type RuleDefinition,
} from '../../../packages/client/src/index.js';
import { registerTestTenant, startTestServer, type TestServer } from '../../support/server.js';

let server: TestServer;
let api: Api;
let key: string;

/** Sends so many events, of which ten say that the service failed. */
const send = async (events: number): Promise<void> => {
  const client = createClient({ url: server.url, apiKey: key, service: 'shop' });
  for (let n = 0; n < events; n += 1)
    client.record({
      type: 'api_call',
      method: 'GET',
      route: '/a b',
      status_code: n < 10 ? 500 : 200,
      duration_ms: n,
    });
  await client.flush();
  await client.close();
  await server.settled();
};

beforeAll(async () => {
  server = await startTestServer();
  ({ key } = await registerTestTenant(server, 'ada'));
  api = createApi({ url: `${server.url}/`, apiKey: key });
  await send(30);
});
afterAll(async () => {
  api.close();
  await server.stop();
});

const rule: RuleDefinition = {
  name: 'errors',
  severity: 'critical',
  condition: { all: [{ metric: 'error_count', operator: '>', threshold: 5, filter: { service: 'shop' } }] },
  window_seconds: 3600,
  group_by: ['service'],
};

const refusal = async (promise: Promise<unknown>): Promise<ApiError> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ApiError) return error;
  throw new Error('It was not refused.', { cause: error });
};

describe('reading through the client', () => {
  it('gives the overview, what a search finds page by page, and statistics by fields', async () => {
    expect((await api.overview()).totals).toMatchObject({ requests: 30, errors: 10 });
    const page = await api.search({ route: '/a b', status_class: 5, limit: 6, from: Date.now() - 3_600_000 });
    const rest = await api.search({ route: '/a b', status_class: 5, cursor: page.next_cursor ?? '' });
    expect(page.data.length + rest.data.length).toBe(10);
    const { data } = await api.statistics({ group_by: ['service', 'status'] });
    expect(data.map(({ service, status, requests }) => [service, status, requests]).sort()).toEqual([
      ['shop', '200', 20],
      ['shop', '500', 10],
    ]);
  });

  it('defines, changes and deletes rules, and refuses a change of an older version', async () => {
    const defined = await api.rules.define({ ...rule, enabled: false });
    expect(await api.rules.get(defined.id)).toMatchObject({ name: 'errors', enabled: false });
    const changed = await api.rules.change(
      defined.id,
      { ...rule, name: 'more', enabled: false },
      defined.version,
    );
    expect(changed.name).toBe('more');
    expect(await refusal(api.rules.change(defined.id, rule, defined.version))).toMatchObject({ status: 412 });
    await api.rules.delete(defined.id);
    expect((await api.rules.list()).data).toEqual([]);
    expect((await refusal(api.rules.get(defined.id))).problem?.code).toBe('not_found');
  });

  it('acknowledges and resolves an alert', async () => {
    await api.rules.define(rule);
    await send(10);
    let firing = await api.alerts.list({ state: 'firing' });
    for (const end = Date.now() + 30_000; firing.data.length === 0 && Date.now() < end;) {
      await setTimeout(100);
      firing = await api.alerts.list({ state: 'firing' });
    }
    const [alert] = firing.data;
    expect(alert).toMatchObject({ rule_name: 'errors', group: { service: 'shop' }, value: 10 });
    const id = alert?.id ?? '';
    expect((await api.alerts.acknowledge(id, 'I look')).alert.state).toBe('acknowledged');
    expect((await api.alerts.resolve(id)).alert.state).toBe('resolved');
    expect((await api.alerts.get(id)).history.map(({ what }) => what).slice(-2)).toEqual([
      'acknowledged',
      'resolved',
    ]);
  });

  it('says why it was refused', async () => {
    const stranger = createApi({ url: server.url, apiKey: 'ps_none' });
    const error = await refusal(stranger.overview());
    stranger.close();
    expect(error).toMatchObject({ status: 401, problem: { code: 'unauthenticated' } });
    expect(error.message).not.toContain('ps_none');
  });
});

describe('options that make no client', () => {
  it.each([
    [{ url: 'ftp://example.com' }],
    [{ url: 'nowhere' }],
    [{ apiKey: '' }],
    [{ apiKey: 'a\r\nb: c' }],
  ])('are said at the start: %j', (wrong) => {
    const options = { url: 'http://example.com', apiKey: 'ps_a', service: 'shop', ...wrong };
    expect(() => createClient(options)).toThrow();
    expect(() => createApi(options)).toThrow();
  });
});
