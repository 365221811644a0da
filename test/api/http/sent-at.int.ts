import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  registerTestTenant,
  startTestServer,
  type CallOptions,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';
import { until } from '../../support/until.js';

const HOUR = 3_600_000;
const HEADER = 'x-pulsestream-sent-at';

let server: TestServer;
let ada: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
  ada = await registerTestTenant(server, 'ada');
});
afterAll(() => server.stop());

const post = (path: string, options: CallOptions) =>
  server.call('POST', `/api/v1/ingestion${path}`, { as: ada.key, ...options });

/** What a service's events show as their times, less the time at which the test sent them. */
const shownSince = async (service: string, sent: number): Promise<readonly number[]> => {
  await server.settled();
  const found = await server.call('GET', `/api/v1/ingestion/events/search?service=${service}`, {
    as: ada.key,
  });
  const { data } = found.body as { data: readonly { timestamp: string; event_id: string }[] };
  for (const { event_id, timestamp } of data) {
    const one = await server.call('GET', `/api/v1/ingestion/events/${event_id}`, { as: ada.key });
    expect(one.body).toMatchObject({ timestamp, time_offset_ms: expect.any(Number) });
  }
  return data.map(({ timestamp }) => Date.parse(timestamp) - sent);
};

/** Close to now, whatever the machine is busy with. */
const expectNow = (times: readonly number[], count: number): void => {
  expect(times).toHaveLength(count);
  for (const time of times) {
    expect(time).toBeGreaterThan(-2_000);
    expect(time).toBeLessThan(30_000);
  }
};

describe('a sender whose clock is wrong', () => {
  it.each([
    ['before the events', (events: unknown, sent_at: unknown) => ({ sent_at, events })],
    ['behind them', (events: unknown, sent_at: unknown) => ({ events, sent_at })],
  ])('says so in a batch, %s, and its events have the right times', async (name, envelope) => {
    const service = name.replaceAll(' ', '-');
    const now = Date.now();
    // Three days ahead: without its word this would be refused.
    const theirs = now + 72 * HOUR;
    const events = [
      { type: 'api_call', service, timestamp: theirs - 200 },
      { type: 'api_call', service, timestamp: new Date(theirs - 100).toISOString(), status_code: 2e2 },
    ];
    expect((await post('/events/batch', { json: events })).status).toBe(400);
    const answer = await post('/events/batch', { json: envelope(events, new Date(theirs).toISOString()) });
    expect(answer).toMatchObject({ status: 200, body: { accepted: 2, rejected: 0 } });
    expectNow(await shownSince(service, now), 2);
  });

  it('says so in a header, for one event, lines, spans and CloudEvents', async () => {
    const now = Date.now();
    const theirs = now - 5 * HOUR;
    const headers = { [HEADER]: String(theirs) };
    const event = { type: 'api_call', service: 'headed', timestamp: theirs };
    expect((await post('/events', { json: event, headers })).status).toBe(201);
    const lines = {
      body: JSON.stringify(event),
      headers: { ...headers, 'content-type': 'application/x-ndjson' },
    };
    expect((await post('/events/batch', lines)).status).toBe(200);
    const start = BigInt(theirs) * 1_000_000n;
    const span = {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      kind: 2,
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + 1_000_000n),
      attributes: [{ key: 'http.request.method', value: { stringValue: 'GET' } }],
    };
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'headed' } }] };
    const json = { resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] };
    expect((await post('/otlp/v1/traces', { json, headers })).status).toBe(200);
    const cloud = {
      body: JSON.stringify({
        ...{ specversion: '1.0', id: '1', source: '/s', type: 'a', time: new Date(theirs).toISOString() },
        data: event,
      }),
      headers: { ...headers, 'content-type': 'application/cloudevents+json' },
    };
    expect((await post('/cloudevents', cloud)).status).toBe(200);
    expectNow(await shownSince('headed', now), 4);
  });

  it('counts where its events belong: in statistics, on dashboards and for rules; and a replay agrees', async () => {
    const theirs = Date.now() - 90 * 24 * HOUR;
    const rule = {
      ...{ name: 'late', severity: 'critical', window_seconds: 3600 },
      condition: { metric: 'request_count', operator: '>=', threshold: 3, filter: { service: 'late' } },
    };
    const made = await server.call('POST', '/api/v1/alerting/rules', { as: ada.key, json: rule });
    expect(made.status).toBe(201);
    const events = [1, 2, 3].map((n) => ({ type: 'api_call', service: 'late', timestamp: theirs - n }));
    expect((await post('/events/batch', { json: { events, sent_at: theirs } })).status).toBe(200);
    await server.settled();
    const query = `from=${new Date(Date.now() - HOUR).toISOString()}&group_by=service`;
    const statistics = await server.call('GET', `/api/v1/ingestion/events/statistics?${query}`, {
      as: ada.key,
    });
    expect(statistics.body).toMatchObject({
      data: expect.arrayContaining([expect.objectContaining({ service: 'late', requests: 3 })]),
    });
    await until(async () =>
      (await server.call('GET', '/api/v1/alerting/alerts?state=firing', { as: ada.key })).text.includes(
        '"late"',
      ),
    );

    const started = await server.call('POST', '/_ops/jobs', {
      as: server.operator_token,
      json: { kind: 'verify' },
    });
    const job = () =>
      server.call('GET', `/_ops/jobs/${String(started.body.id)}`, { as: server.operator_token });
    await until(async () => (await job()).body.state !== 'running');
    const { verified = [] } = (await job()).body as { verified?: readonly { equal?: boolean }[] };
    expect(verified.length).toBeGreaterThan(5);
    expect(verified.filter(({ equal }) => equal !== true)).toEqual([]);
  });

  it('is told where it says no time', async () => {
    const event = { type: 'a' };
    for (const sent_at of ['now', null, -1, '2026-13-01T00:00:00Z'])
      expect(await post('/events/batch', { json: { events: [event], sent_at } })).toMatchObject({
        status: 400,
        body: { code: 'invalid_sent_at' },
      });
    expect(await post('/events', { json: event, headers: { [HEADER]: 'now' } })).toMatchObject({
      status: 400,
      body: { code: 'invalid_sent_at' },
    });
  });
});
