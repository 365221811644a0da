import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';

let server: TestServer;
let ada: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
  ada = await registerTestTenant(server, 'ada');
});
afterAll(() => server.stop());

const post = (path: string, json: unknown) => server.call('POST', `/api/v1${path}`, { as: ada.key, json });
const get = (path: string) => server.call('GET', `/api/v1${path}`, { as: ada.key });

const sum = {
  type: 'api_call',
  id: 'minute-1',
  service: 'checkout',
  route: '/orders/{id}',
  status_code: 503,
  consumer: 'acme',
  user_id: 'u1',
  durations: { values: [2500, 12.5], counts: [10, 990] },
};
const sampled = {
  type: 'api_call',
  service: 'checkout',
  status_code: 200,
  duration_ms: 12.5,
  sample_rate: 0.01,
};

describe('events that stand for many requests', () => {
  it('raise alerts, count on dashboards and in statistics as requests, and are found as received', async () => {
    const condition = (metric: string, threshold: number) => ({ metric, operator: '>=', threshold });
    const all = [
      condition('request_count', 1_100),
      condition('error_rate', 0.9),
      condition('latency_p99', 12),
      condition('unique_users', 1),
    ];
    const rule = { name: 'many', severity: 'critical', condition: { all }, window_seconds: 3600 };
    expect((await post('/alerting/rules', rule)).status).toBe(201);
    expect((await post('/ingestion/events', sum)).status).toBe(201);
    expect((await post('/ingestion/events/batch', [sampled, { type: 'note' }])).body).toMatchObject({
      accepted: 2,
    });
    await server.settled();

    const statistics = await get('/ingestion/events/statistics?group_by=type,status');
    expect(statistics.body).toMatchObject({
      totals: { requests: 1_101, errors: 1_000, p50_ms: expect.closeTo(12.5, 0) },
      status: { '503': 1_000, '200': 100, '0': 1 },
    });
    expect((await get('/dashboard/overview')).body).toMatchObject({
      totals: { requests: 1_101, errors: 1_000 },
      services: [{ service: 'checkout', requests: 1_100, errors: 1_000 }, { requests: 1 }],
    });
    expect((await get('/ingestion/events/search?user_id=u1')).body).toMatchObject({ data: [sum] });
    await until(async () => (await get('/alerting/alerts?state=firing')).text.includes('"many"'));
  });

  it.each([
    [{ weight: 5, sample_rate: 0.5 }, '/sample_rate', 'conflicting_fields'],
    [{ weight: 1e10 }, '/weight', 'too_large'],
    [{ duration_ms: 1, durations: { values: [1], counts: [1] } }, '/duration_ms', 'conflicting_fields'],
    [{ durations: { values: [1, 2], counts: [1] } }, '/durations/counts', 'unequal_lengths'],
    [{ durations: { values: [1], counts: [3] }, weight: 2 }, '/durations/counts', 'too_large'],
  ])('are refused by name, one and in a batch, and change nothing: %j', async (fields, pointer, code) => {
    const before = await server.head();
    const event = { type: 'api_call', id: 'mine', ...fields };
    const one = await post('/ingestion/events', event);
    expect(one).toMatchObject({ status: 400, body: { code: 'invalid_event', errors: [{ pointer, code }] } });
    expect(await server.head()).toBe(before);
    const batch = await post('/ingestion/events/batch', [event, { type: 'note' }]);
    expect(batch.body).toMatchObject({
      accepted: 1,
      errors: [{ index: 0, id: 'mine', pointer, code, retryable: false }],
    });
  });
});
