import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TelemetryEvent } from '../../../../src/domain/telemetry/event.js';
import { eventOfLogRecord } from '../../../../src/domain/telemetry/otlp/log.js';
import type { OtlpSpan, OtlpValue } from '../../../../src/domain/telemetry/otlp/model.js';
import { eventOfSpan } from '../../../../src/domain/telemetry/otlp/span.js';
import { compile } from '../../../../src/platform/validation.js';
import { logRecord, serverSpan } from '../../../support/otlp.js';

const validate = compile(TelemetryEvent);
const attributes = (entries: Readonly<Record<string, OtlpValue>>) => new Map(Object.entries(entries));
const eventOf = (span: OtlpSpan): TelemetryEvent => {
  const outcome = eventOfSpan(span);
  if (outcome.kind !== 'event') throw new Error(`The span is ${outcome.kind}.`);
  return outcome.event;
};
const withAttributes = (entries: Readonly<Record<string, OtlpValue>>, more: Partial<OtlpSpan> = {}) =>
  serverSpan({ attributes: attributes(entries), ...more });

const stable = {
  'http.request.method': 'POST',
  'url.path': '/orders/42',
  'url.query': 'page=2&X-Amz-Signature=abc&api_key=s3cret',
  'http.route': '/orders/{id}',
  'http.response.status_code': 201,
  'client.address': '10.0.0.9',
  'server.address': 'shop.example.com',
  'server.port': 8443,
  'user_agent.original': 'curl/8',
  'http.request.body.size': 10,
  'http.response.body.size': 20,
};
const older = {
  'http.method': 'POST',
  'http.target': '/orders/42?page=2&X-Amz-Signature=abc&api_key=s3cret',
  'http.route': '/orders/{id}',
  'http.status_code': 201,
  'http.client_ip': '10.0.0.9',
  'http.host': 'shop.example.com',
  'net.host.port': 8443,
  'http.user_agent': 'curl/8',
  'http.request_content_length': 10,
  'http.response_content_length': 20,
};

describe('A span as an event', () => {
  it('has the fields of the stable names, and the same from the older ones or from both', () => {
    const event = eventOf(withAttributes(stable));
    expect(event).toEqual({
      id: '0af7651916cd43dd8448eb211c80319c:b7ad6b7169203331',
      type: 'api_call',
      timestamp: 1_790_000_000_000,
      service: 'checkout',
      environment: 'production',
      method: 'POST',
      route: '/orders/{id}',
      path: '/orders/42?page=2&X-Amz-Signature=REDACTED&api_key=REDACTED',
      status_code: 201,
      duration_ms: 12.5,
      request_bytes: 10,
      response_bytes: 20,
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      span_id: 'b7ad6b7169203331',
      attributes: {
        'client.address': '10.0.0.9',
        'server.address': 'shop.example.com',
        'server.port': 8443,
        'user_agent.original': 'curl/8',
        'service.version': '1.2.3',
        'span.name': 'GET /orders/{id}',
      },
    });
    expect(eventOf(withAttributes(older))).toEqual(event);
    expect(eventOf(withAttributes({ ...older, ...stable }))).toEqual(event);
    expect(eventOf(withAttributes({ ...stable, ...older, 'http.method': 'GET' }))).toEqual(event);
  });

  it('of a client is an outbound call without its credentials', () => {
    const full = 'https://ann:pw@api.example.com/v1/pay?token=t&x=1#part';
    const event = eventOf(withAttributes({ 'http.request.method': 'GET', 'url.full': full }, { kind: 3 }));
    expect(event).toMatchObject({ type: 'outbound_call', path: '/v1/pay?token=REDACTED&x=1' });
    expect(event).not.toHaveProperty('status_code');
    expect(JSON.stringify(event)).not.toContain('ann');
  });

  it('says the method that the sender did not know', () => {
    const entries = { 'http.request.method': '_OTHER', 'http.request.method_original': 'PURGE' };
    expect(eventOf(withAttributes(entries)).method).toBe('PURGE');
  });

  it('has no route where none is given: the path is none', () => {
    const event = eventOf(withAttributes({ 'http.method': 'GET', 'http.target': '/orders/42' }));
    expect(event).toMatchObject({ path: '/orders/42' });
    expect(event).not.toHaveProperty('route');
  });

  it('is an error with 5xx and none with 4xx', () => {
    const of = (status: number) =>
      eventOf(withAttributes({ 'http.method': 'GET', 'http.status_code': status }));
    expect(of(404)).not.toHaveProperty('severity');
    expect(of(503)).toMatchObject({ type: 'api_call', status_code: 503, severity: 'error' });
  });

  it('is ignored without an HTTP method or of another kind, and rejected without ids', () => {
    expect(eventOfSpan(withAttributes({ 'db.system': 'postgresql' }, { kind: 3 })).kind).toBe('ignored');
    expect(eventOfSpan(serverSpan({ kind: 1 })).kind).toBe('ignored');
    expect(eventOfSpan(serverSpan({ trace_id: '0'.repeat(32) })).kind).toBe('rejected');
    expect(eventOfSpan(serverSpan({ span_id: 'b7ad' })).kind).toBe('rejected');
  });

  it('takes no headers and bodies', () => {
    const event = eventOf(
      withAttributes({
        'http.method': 'GET',
        'http.request.header.authorization': ['Bearer abc'],
        'http.response.body': 'secret',
        tier: 'gold',
      }),
    );
    expect(event.attributes).toMatchObject({ tier: 'gold' });
    expect(JSON.stringify(event)).not.toMatch(/Bearer|secret/);
  });
});

describe('A log record as an event', () => {
  it.each([
    [9, 'log', 'info'],
    [16, 'log', 'warn'],
    [17, 'error', 'error'],
    [24, 'error', 'fatal'],
  ])('of severity %d is of type %s and says %s', (severity_number, type, severity) => {
    expect(eventOfLogRecord(logRecord({ severity_number }))).toMatchObject({
      type,
      severity,
      message: 'order placed',
      service: 'checkout',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      span_id: 'b7ad6b7169203331',
      timestamp: 1_790_000_000_000,
    });
  });

  it('has nested attributes under names with dots, and lists and bodies as JSON', () => {
    const event = eventOfLogRecord(
      logRecord({
        body: attributes({ text: 'failed', tries: 3 }),
        attributes: attributes({ order: attributes({ id: 42, tags: ['a', 'b'] }), __proto__x: 1 }),
      }),
    );
    expect(event.message).toBe('{"text":"failed","tries":3}');
    expect(event.attributes).toMatchObject({ 'order.id': 42, 'order.tags': '["a","b"]' });
  });

  it('fits the schema of events, whatever the attributes and texts', () => {
    const name = fc.oneof(
      fc.constantFrom(
        '__proto__',
        'constructor',
        'http.method',
        'http.status_code',
        'url.path',
        'user.id',
        '',
      ),
      fc.string({ maxLength: 200 }),
    );
    const value = fc.oneof(
      fc.string({ unit: 'binary', size: 'large' }),
      fc.double(),
      fc.maxSafeInteger(),
      fc.array(fc.string()),
      fc.constantFrom('x'.repeat(20_000), '😀'.repeat(9_000)),
    );
    const map = fc
      .array(fc.tuple(name, value), { maxLength: 90 })
      .map((entries): ReadonlyMap<string, OtlpValue> => new Map<string, OtlpValue>(entries));
    fc.assert(
      fc.property(map, map, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (own, resource, time) => {
        const span = serverSpan({
          attributes: new Map([...own, ['http.method', 'GET']]),
          resource,
          end: time,
        });
        const record = logRecord({ attributes: own, resource, time, body: resource });
        expect(validate(eventOf(span))).toMatchObject({ ok: true });
        expect(validate(eventOfLogRecord(record))).toMatchObject({ ok: true });
      }),
      { seed: 4, numRuns: 200 },
    );
  });
});
