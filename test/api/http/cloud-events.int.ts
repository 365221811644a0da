import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../support/server.js';

const PATH = '/api/v1/ingestion/cloudevents';
const STRUCTURED = { 'content-type': 'application/cloudevents+json' };
const BATCHED = { 'content-type': 'application/cloudevents-batch+json' };
const trace_id = '0af7651916cd43dd8448eb211c80319c';

let server: TestServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
  tenant = await registerTestTenant(server, 'cloudevents');
});
afterAll(() => server.stop());

const send = (body: unknown, headers: Readonly<Record<string, string>>) =>
  server.call('POST', PATH, {
    as: tenant.key,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers,
  });
const stored = async (query: string): Promise<readonly Record<string, unknown>[]> => {
  await server.settled();
  const { body } = await server.call('GET', `/api/v1/ingestion/events/search?${query}`, { as: tenant.token });
  return body.data as Record<string, unknown>[];
};
const event = (id: string, more: object = {}) => ({
  specversion: '1.0',
  id,
  source: '/shop',
  type: 'com.example.Order Placed',
  ...more,
});

describe('CloudEvents', () => {
  it('that hold a telemetry event are stored as one, and sent again are stored once', async () => {
    const time = new Date().toISOString();
    const data = { type: 'api_call', service: 'structured', method: 'GET', route: '/a', status_code: 200 };
    const body = event('1', { time, data, traceparent: `00-${trace_id}-b7ad6b7169203331-01` });
    expect((await send(body, STRUCTURED)).body).toMatchObject({ accepted: 1, duplicates: 0, rejected: 0 });
    expect((await send(body, STRUCTURED)).body).toMatchObject({ accepted: 0, duplicates: 1, rejected: 0 });
    expect(await stored('service=structured')).toMatchObject([
      { ...data, trace_id, timestamp: time, attributes: { ce_source: '/shop', ce_id: '1' } },
    ]);
  });

  it('in a batch are stored where they are valid, the others named', async () => {
    const { status, body } = await send(
      [
        event('2', { type: 'batched', data: { total: 3 } }),
        { id: 'x' },
        event('3', { type: 'batched', time: 'noon' }),
      ],
      BATCHED,
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({
      accepted: 1,
      rejected: 2,
      errors: [
        { index: 1, pointer: '/specversion' },
        { index: 2, pointer: '/timestamp' },
      ],
    });
    expect(await stored('type=batched')).toMatchObject([{ message: '{"total":3}' }]);
  });

  it('in binary mode have their attributes from headers', async () => {
    const headers = {
      'content-type': 'text/plain',
      'ce-specversion': '1.0',
      'ce-id': 'b1',
      'ce-source': '/shop',
      'ce-type': 'Binary!',
      'ce-subject': 'caf%C3%A9',
    };
    expect((await send('hello', headers)).status).toBe(200);
    expect(await stored('type=binary_')).toMatchObject([
      { message: 'hello', attributes: { ce_type: 'Binary!', ce_subject: 'café' } },
    ]);
  });

  it.each([
    ['no CloudEvent', '{"a":1}', STRUCTURED, 400],
    ['no JSON', '{', STRUCTURED, 400],
    ['a batch that is no list', '{}', BATCHED, 400],
    ['another format', 'x', { 'content-type': 'application/cloudevents+avro' }, 415],
    ['neither media type nor headers', '{}', { 'content-type': 'application/json' }, 415],
  ])('that are %s are refused with a problem', async (_, body, headers, status) => {
    const head = await server.head();
    const answer = await send(body, headers);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
    expect(await server.head()).toBe(head);
  });
});
