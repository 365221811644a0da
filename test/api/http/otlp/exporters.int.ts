import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  registerTestTenant,
  startTestServer,
  type TestServer,
  type TestTenant,
} from '../../../support/server.js';

const support = join(import.meta.dirname, '..', '..', '..', 'support');

let server: TestServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await startTestServer();
  tenant = await registerTestTenant(server, 'exporters');
});
afterAll(() => server.stop());

/** Runs an instrumented Express server until it has exported what it did. */
const run = (
  encoding: string,
  compression: string,
  service: string,
  environment: Readonly<Record<string, string>>,
) =>
  promisify(execFile)(
    process.execPath,
    [
      '--import',
      join(support, 'typescript.mjs'),
      join(support, 'instrumented-server.ts'),
      `${server.url}/api/v1/ingestion/otlp`,
      tenant.key,
      encoding,
      compression,
      service,
    ],
    { env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1', ...environment } },
  );

const stored = async (query: string): Promise<readonly Record<string, unknown>[]> => {
  await server.settled();
  const { body } = await server.call('GET', `/api/v1/ingestion/events/search?${query}`, { as: tenant.token });
  return body.data as Record<string, unknown>[];
};

describe('An Express server under OpenTelemetry', () => {
  it.each([
    ['protobuf', 'gzip', 'http'],
    ['protobuf', 'none', 'http/dup'],
    ['json', 'gzip', 'http/dup'],
    ['json', 'none', 'old'],
  ])('is monitored with %s, compression %s and %s attribute names', async (encoding, compression, names) => {
    const service = `shop-${encoding}-${compression}`;
    const environment = names === 'old' ? {} : { OTEL_SEMCONV_STABILITY_OPT_IN: names };
    await run(encoding, compression, service, environment);

    const calls = await stored(`service=${service}&type=api_call`);
    expect(calls.map(({ method, status_code }) => `${String(method)} ${String(status_code)}`).sort()).toEqual(
      ['GET 200', 'GET 404', 'GET 500', 'POST 201'],
    );
    const order = calls.find(({ status_code }) => status_code === 200);
    expect(order).toMatchObject({ route: '/orders/:id', environment: 'staging' });
    expect(order?.path).toBe('/orders/42?api_key=REDACTED');
    expect(order?.attributes).toMatchObject({ 'service.version': '4.5.6' });
    // The handler waits 25 ms; timers may be a millisecond early.
    expect(order?.duration_ms).toBeGreaterThan(20);

    const outbound = await stored(`service=${service}&type=outbound_call`);
    expect(outbound).toHaveLength(4);
    expect(outbound.map(({ trace_id }) => trace_id).sort()).toEqual(
      calls.map(({ trace_id }) => trace_id).sort(),
    );

    const told = await stored(`service=${service}&q=order`);
    expect(told).toContainEqual(
      expect.objectContaining({ type: 'log', message: 'order placed', severity: 'info' }),
    );
    expect(await stored(`service=${service}&type=error`)).toMatchObject([
      { message: 'card declined', severity: 'error' },
    ]);
    expect(JSON.stringify(calls.concat(outbound))).not.toContain('s3cret');
  });
});
