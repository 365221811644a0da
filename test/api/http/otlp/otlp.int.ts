import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../../support/server.js';
import {
  jsonLogs,
  jsonSpans,
  logRecord,
  protobufLogs,
  protobufSpans,
  serverSpan,
} from '../../../support/otlp.js';

const TRACES = '/api/v1/ingestion/otlp/v1/traces';
const LOGS = '/api/v1/ingestion/otlp/v1/logs';
const protobuf = { 'content-type': 'application/x-protobuf' };

let server: TestServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
  tenant = await registerTestTenant(server, 'otlp');
});
afterAll(() => server.stop());

let ids = 0;
const spanId = (): string => (ids += 1).toString(16).padStart(16, '0');
const now = (): bigint => BigInt(Date.now()) * 1_000_000n;
const recent = (more: Parameters<typeof serverSpan>[0] = {}) =>
  serverSpan({ span_id: spanId(), start: now(), end: now() + 3_000_000n, ...more });

const post = (path: string, body: Uint8Array, headers: Record<string, string> = {}) =>
  fetch(server.url + path, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { 'x-api-key': tenant.key, ...headers },
  });
const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

const stored = async (query: string): Promise<readonly Record<string, unknown>[]> => {
  await server.settled();
  const { body } = await server.call('GET', `/api/v1/ingestion/events/search?${query}`, { as: tenant.token });
  return body.data as Record<string, unknown>[];
};

/** Code and message of a google.rpc.Status. */
const statusOf = (bytes: Uint8Array): { code: number; message: string } => {
  const reader = new BinaryReader(bytes);
  const [, code, , message] = [reader.tag(), reader.int32(), reader.tag(), reader.string()];
  return { code, message };
};

describe('OTLP over HTTP', () => {
  it('stores spans of either encoding, compressed or not, and answers in kind', async () => {
    const [one, two] = [recent(), recent()];
    const first = await post(TRACES, gzipSync(protobufSpans([one])), {
      ...protobuf,
      'content-encoding': 'gzip',
    });
    expect([first.status, first.headers.get('content-type')]).toEqual([200, 'application/x-protobuf']);
    expect(await bytesOf(first)).toHaveLength(0);

    const second = await post(TRACES, jsonSpans([two]), {
      'content-type': 'application/json; charset=utf-8',
    });
    expect(second.headers.get('content-type')).toBe('application/json');
    expect([second.status, await second.json()]).toEqual([200, {}]);

    const found = await stored('type=api_call&service=checkout');
    expect(found.map(({ span_id }) => span_id).sort()).toEqual([one.span_id, two.span_id].sort());
    expect(found[0]).toMatchObject({
      method: 'GET',
      route: '/orders/{id}',
      status_code: 200,
      duration_ms: 3,
    });
    const event = await server.call('GET', `/api/v1/ingestion/events/${String(found[0]?.event_id)}`, {
      as: tenant.token,
    });
    expect(event.body).toMatchObject({ provenance: { origin: 'otlp' } });
  });

  it('stores the repetition of an export once, and a span twice in one export once', async () => {
    const trace_id = 'aa'.repeat(16);
    const span = recent({ trace_id });
    const body = protobufSpans([span, recent({ trace_id }), span]);
    expect((await post(TRACES, body, protobuf)).status).toBe(200);
    const head = await server.head();
    expect((await post(TRACES, body, protobuf)).status).toBe(200);
    expect(await server.head()).toBe(head);
    expect(await stored(`trace_id=${trace_id}`)).toHaveLength(2);
  });

  it('ignores what is not HTTP with a warning, and rejects what has no ids with a count', async () => {
    const json = { 'content-type': 'application/json' };
    const ignored = await post(TRACES, jsonSpans([recent(), recent({ kind: 1 }), recent({ kind: 4 })]), json);
    expect(await ignored.json()).toEqual({
      partialSuccess: { errorMessage: expect.stringMatching(/^2 spans .* ignored/) },
    });
    const rejected = await post(TRACES, jsonSpans([recent({ trace_id: '' }), recent()]), json);
    expect(await rejected.json()).toMatchObject({ partialSuccess: { rejectedSpans: '1' } });

    const far = recent({ start: now() + 100_000_000_000_000n });
    const ahead = await post(TRACES, jsonSpans([far]), json);
    expect(await ahead.json()).toMatchObject({
      partialSuccess: { rejectedSpans: '1', errorMessage: expect.stringContaining('24 hours') },
    });
    const binary = new BinaryReader(
      await bytesOf(await post(TRACES, protobufSpans([recent({ kind: 1 })]), protobuf)),
    );
    const partial = new BinaryReader((binary.tag(), binary.bytes()));
    expect([partial.tag()[0], partial.string()]).toEqual([2, expect.stringContaining('1 spans')]);
  });

  it('stores log records as log and error events', async () => {
    const trace_id = 'bb'.repeat(16);
    const calm = logRecord({ trace_id, time: now() });
    const bad = logRecord({ trace_id, time: now(), severity_number: 17, body: 'card declined' });
    expect((await post(LOGS, protobufLogs([calm]), protobuf)).status).toBe(200);
    expect(await (await post(LOGS, jsonLogs([bad]), { 'content-type': 'application/json' })).json()).toEqual(
      {},
    );
    const found = await stored(`trace_id=${trace_id}`);
    expect(found.map(({ type, message }) => [type, message]).sort()).toEqual([
      ['error', 'card declined'],
      ['log', 'order placed'],
    ]);
  });

  it('stores equal log records that name no moment as often as they come', async () => {
    const trace_id = 'cc'.repeat(16);
    const body = protobufLogs([logRecord({ trace_id, time: 0n })]);
    await post(LOGS, body, protobuf);
    await post(LOGS, body, protobuf);
    expect(await stored(`trace_id=${trace_id}`)).toHaveLength(2);
  });

  it('takes an export without anything in it', async () => {
    const head = await server.head();
    const response = await post(TRACES, new Uint8Array(0), protobuf);
    expect([response.status, await bytesOf(response)]).toEqual([200, Buffer.alloc(0)]);
    expect(await server.head()).toBe(head);
  });

  it('says failures as google.rpc.Status in the encoding of the request', async () => {
    const broken = await post(TRACES, Buffer.from([0x0a, 0xff]), protobuf);
    expect([broken.status, broken.headers.get('content-type')]).toEqual([400, 'application/x-protobuf']);
    expect(statusOf(await bytesOf(broken))).toEqual({
      code: 3,
      message: expect.stringContaining('protobuf'),
    });

    const json = await post(LOGS, Buffer.from('{"resourceLogs":'), { 'content-type': 'application/json' });
    expect([json.status, await json.json()]).toEqual([400, { code: 3, message: expect.anything() }]);

    const nobody = await post(TRACES, protobufSpans([]), { ...protobuf, 'x-api-key': 'ps_none' });
    expect([nobody.status, statusOf(await bytesOf(nobody)).code]).toEqual([401, 16]);

    const text = await post(TRACES, Buffer.from('spans'), { 'content-type': 'text/plain' });
    expect([text.status, await text.json()]).toEqual([415, { code: 3, message: expect.anything() }]);

    const bomb = gzipSync(Buffer.alloc(65 * 1024 * 1024));
    const large = await post(TRACES, bomb, { ...protobuf, 'content-encoding': 'gzip' });
    expect([large.status, statusOf(await bytesOf(large)).code]).toEqual([413, 3]);
  });

  it('does not know metrics', async () => {
    expect((await post('/api/v1/ingestion/otlp/v1/metrics', new Uint8Array(0), protobuf)).status).toBe(404);
  });
});
