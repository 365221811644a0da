import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  formatNamed,
  formats,
  recognise,
  type LogFormat,
  type Reading,
} from '../../../../src/domain/telemetry/access-log/formats.js';
import { timeZone, UTC } from '../../../../src/domain/telemetry/access-log/times.js';
import { TelemetryEvent } from '../../../../src/domain/telemetry/event.js';
import { compile } from '../../../../src/platform/validation.js';

const validate = compile(TelemetryEvent);
const reading: Reading = { labels: { service: 'shop', environment: 'test' }, zone: UTC };
const named = (name: string): LogFormat => {
  const found = formatNamed(name);
  if (!found) throw new Error(`No format ${name}`);
  return found;
};
const read = (name: string, line: string, how = reading): TelemetryEvent => {
  const outcome = named(name).read(line, how);
  if (!outcome.ok) throw new Error(outcome.reason);
  const event = JSON.parse(outcome.text) as TelemetryEvent;
  expect(validate(event)).toMatchObject({ ok: true });
  return event;
};

const caddyEntry = {
  level: 'info',
  ts: 1709210096.789,
  logger: 'http.log.access.log0',
  msg: 'handled request',
  request: {
    remote_ip: '203.0.113.9',
    remote_port: '41342',
    client_ip: '203.0.113.9',
    proto: 'HTTP/2.0',
    method: 'POST',
    host: 'shop.example.org',
    uri: '/orders?session=abc&page=2',
    headers: {
      'User-Agent': ['curl/8.5.0'],
      Referer: ['https://shop.example.org/cart?token=def'],
      Authorization: ['REDACTED'],
      Cookie: ['REDACTED'],
    },
    tls: { resumed: false, version: 772, cipher_suite: 4865, proto: 'h2', server_name: 'shop.example.org' },
  },
  bytes_read: 27,
  user_id: 'ada',
  duration: 0.012345,
  size: 10_900,
  status: 201,
  resp_headers: { Server: ['Caddy'] },
};

const envoyEntry = {
  start_time: '2024-02-29T12:34:56.789Z',
  method: 'GET',
  path: '/orders/42?api_key=abc',
  protocol: 'HTTP/1.1',
  response_code: 503,
  response_flags: 'UF,URX',
  response_code_details: 'upstream_reset_before_response_started',
  connection_termination_details: null,
  upstream_transport_failure_reason: 'connection timeout',
  bytes_received: 0,
  bytes_sent: 91,
  duration: 17,
  upstream_service_time: '15',
  x_forwarded_for: '203.0.113.9',
  user_agent: 'curl/8.5.0',
  request_id: '6f6e8c2a-0f50-4f0e-9d9e-0d7f4a1f2b3c',
  authority: 'shop.example.org',
  upstream_host: '10.0.0.7:8080',
  upstream_cluster: 'outbound|80||orders',
  upstream_local_address: '10.0.0.3:40000',
  downstream_local_address: '10.0.0.3:8080',
  downstream_remote_address: '203.0.113.9:51000',
  requested_server_name: null,
  route_name: 'default',
};

const albFields = [
  'h2',
  '2024-02-29T12:34:56.789012Z',
  'app/front/24bd4dc29a1d8a3c',
  '203.0.113.9:51000',
  '10.0.0.7:8080',
  '0.001',
  '0.045',
  '0.002',
  '502',
  '500',
  '512',
  '733',
  '"GET https://shop.example.org:443/orders/42?sig=abc&page=2 HTTP/2.0"',
  String.raw`"Mozilla/5.0 \"quoted\" \x22x\x22"`,
  'ECDHE-RSA-AES128-GCM-SHA256',
  'TLSv1.2',
  'arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/front/73e2d6bc24d8a067',
  '"Root=1-65e079b0-36d228ad5d99923122bbe354"',
  '"shop.example.org"',
  '"arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"',
  '0',
  '2024-02-29T12:34:56.741000Z',
  '"forward"',
  '"-"',
  '"-"',
  '"10.0.0.7:8080"',
  '"500"',
  '"-"',
  '"-"',
  'TID_dc57cebed65b444ebc8177bb698fe166',
];
const albLine = albFields.join(' ');
const without = (index: number, value: string): string => albFields.with(index, value).join(' ');

const samples: Readonly<Record<string, string>> = {
  combined:
    '203.0.113.9 - ada [29/Feb/2024:12:34:56 +0000] "GET /orders/42 HTTP/1.1" 200 5 "-" "curl/8.5.0" 0.042',
  caddy: JSON.stringify(caddyEntry),
  envoy: JSON.stringify(envoyEntry),
  alb: albLine,
  ndjson:
    '{"type":"api_call","timestamp":"2024-02-29T12:34:56Z","method":"GET","path":"/orders/42","status_code":200}',
};

describe('a line of Caddy’s log', () => {
  it('becomes a request, without its secrets and who sent it', () =>
    expect(read('caddy', JSON.stringify(caddyEntry))).toEqual({
      type: 'api_call',
      timestamp: '2024-02-29T12:34:56.789Z',
      service: 'shop',
      environment: 'test',
      method: 'POST',
      path: '/orders?session=REDACTED&page=2',
      status_code: 201,
      duration_ms: 12.345,
      request_bytes: 27,
      response_bytes: 10_900,
      attributes: {
        referrer: 'https://shop.example.org/cart?token=REDACTED',
        user_agent: 'curl/8.5.0',
        protocol: 'HTTP/2.0',
        host: 'shop.example.org',
      },
    }));

  it.each([
    ['1.5ms', 1.5],
    ['850.3µs', 0.85],
    ['1m2.5s', 62_500],
    ['2 apples', undefined],
  ])('has a duration of %s', (duration, expected) =>
    expect(read('caddy', JSON.stringify({ ...caddyEntry, duration })).duration_ms).toBe(expected),
  );

  it('has a time as a wall clock shows it, in the zone that is given', () => {
    const line = JSON.stringify({ ...caddyEntry, ts: '2024/02/29 12:34:56.789' });
    const zone = timeZone('America/New_York') ?? UTC;
    expect(read('caddy', line, { ...reading, zone }).timestamp).toBe('2024-02-29T17:34:56.789Z');
  });

  it('is refused where it tells of something else', () =>
    expect(
      named('caddy').read('{"level":"info","ts":1,"logger":"admin","msg":"admin endpoint started"}', reading),
    ).toEqual({ ok: false, reason: 'no access log entry of Caddy' }));
});

describe('a line of Envoy’s log', () => {
  const expected = {
    type: 'api_call',
    timestamp: '2024-02-29T12:34:56.789Z',
    service: 'shop',
    environment: 'test',
    method: 'GET',
    path: '/orders/42?api_key=REDACTED',
    status_code: 503,
    duration_ms: 17,
    request_bytes: 0,
    response_bytes: 91,
    attributes: {
      user_agent: 'curl/8.5.0',
      protocol: 'HTTP/1.1',
      host: 'shop.example.org',
      request_id: '6f6e8c2a-0f50-4f0e-9d9e-0d7f4a1f2b3c',
      route_name: 'default',
      response_flags: 'UF,URX',
      response_code_details: 'upstream_reset_before_response_started',
      error: 'connection timeout',
      upstream_cluster: 'outbound|80||orders',
      upstream_ms: 15,
    },
  };

  it('becomes a request', () => expect(read('envoy', JSON.stringify(envoyEntry))).toEqual(expected));

  it('may have the names of Envoy Gateway, and every value as text', () => {
    const renamed: Record<string, string> = {
      path: 'x-envoy-origin-path',
      upstream_service_time: 'x-envoy-upstream-service-time',
      user_agent: 'user-agent',
      request_id: 'x-request-id',
      authority: ':authority',
    };
    const entries = Object.entries(envoyEntry).map(([name, value]) => [
      renamed[name] ?? name,
      value === null ? '-' : String(value),
    ]);
    expect(read('envoy', JSON.stringify(Object.fromEntries(entries)))).toEqual(expected);
  });

  it('may name its trace', () =>
    expect(
      read(
        'envoy',
        JSON.stringify({ ...envoyEntry, traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` }),
      ).trace_id,
    ).toBe('ab'.repeat(16)));

  it('has no status where there was no answer', () =>
    expect(read('envoy', JSON.stringify({ ...envoyEntry, response_code: 0 }))).not.toHaveProperty(
      'status_code',
    ));
});

describe('a line of an Application Load Balancer', () => {
  it('becomes a request that began when it came in', () =>
    expect(read('alb', albLine)).toEqual({
      type: 'api_call',
      timestamp: '2024-02-29T12:34:56.741Z',
      service: 'shop',
      environment: 'test',
      method: 'GET',
      path: '/orders/42?sig=REDACTED&page=2',
      status_code: 502,
      duration_ms: 48,
      request_bytes: 512,
      response_bytes: 733,
      trace_id: '65e079b036d228ad5d99923122bbe354',
      attributes: {
        user_agent: 'Mozilla/5.0 "quoted" "x"',
        protocol: 'HTTP/2.0',
        host: 'shop.example.org',
        load_balancer: 'app/front/24bd4dc29a1d8a3c',
        upstream_status: 500,
        upstream_ms: 45,
      },
    }));

  it('has no duration and no target where it was not dispatched', () => {
    const line = albFields.with(4, '-').with(5, '-1').with(6, '-1').with(7, '-1').with(9, '-').join(' ');
    const event = read('alb', line);
    expect(event).not.toHaveProperty('duration_ms');
    expect(event.attributes).not.toHaveProperty('upstream_ms');
    expect(event.attributes).not.toHaveProperty('upstream_status');
  });

  it('has no method and path where the request was none', () => {
    const event = read('alb', without(12, '"- http://shop.example.org:80- -"'));
    expect(event).not.toHaveProperty('method');
  });

  it('may be as short as it was at first, and have fields that came later', () => {
    expect(read('alb', albFields.slice(0, 17).join(' ')).timestamp).toBe('2024-02-29T12:34:56.789Z');
    expect(read('alb', `${albLine} "-" "-" "-"`).status_code).toBe(502);
  });

  it.each([
    ['a status', without(8, '99')],
    ['a time', albFields.with(1, 'soon').with(21, '-').join(' ')],
    ['enough fields', albFields.slice(0, 12).join(' ')],
  ])('is refused with a reason where it has not %s', (_, line) =>
    expect(named('alb').read(line, reading)).toEqual({ ok: false, reason: expect.stringMatching(/./) }),
  );
});

describe('an event of our own', () => {
  it('stays as it is written, with labels where it has none', () => {
    const line = '{"type":"order","id":"7","service":"own","attributes":{"n":1.50000000000000000001}}';
    expect(named('ndjson').read(line, reading)).toEqual({
      ok: true,
      text: `{"environment":"test",${line.slice(1)}`,
      named: true,
    });
  });

  it.each(['', '[]', '"api_call"', 'null', '{}', '{"type":"a"', '{"service":"a"}'])('%s is none', (line) =>
    expect(named('ndjson').read(line, reading)).toMatchObject({ ok: false }),
  );
});

describe('formats', () => {
  it.each(Object.entries(samples))('%s is recognised', (name, line) => {
    expect(recognise([line])?.name).toBe(name);
    expect(recognise(['', 'no log', line])?.name).toBe(name);
  });

  it('what comes behind the first line that is recognised changes nothing', () => {
    const lines = Object.entries(samples);
    for (const [name, line] of lines)
      expect(recognise([line, ...lines.map(([, other]) => other)])?.name).toBe(name);
  });

  it('nothing is recognised that is none', () => expect(recognise(['', 'hello', '{"a":1}'])).toBeUndefined());

  it('have names of their own', () => {
    const names = formats.flatMap(({ name, aliases }) => [name, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
    expect(formatNamed('nginx')?.name).toBe('combined');
  });

  describe.each(formats.map((format) => [format.name, format] as const))('%s', (name, format) => {
    const sample = samples[name] ?? '';

    it('never throws, and what it takes is a valid event', () => {
      fc.assert(
        fc.property(
          fc.nat(sample.length),
          fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.constantFrom('"', '\\', '-', ' ', '0', '{}')),
          fc.nat(12),
          (at, inserted, removed) => {
            const line = sample.slice(0, at) + inserted + sample.slice(at + removed);
            const outcome = format.read(line, reading);
            if (outcome.ok) {
              const event: unknown = JSON.parse(outcome.text);
              // What is wrong with an event of our own is for the server to say.
              if (name !== 'ndjson') expect(validate(event)).toMatchObject({ ok: true });
            } else expect(outcome.reason).not.toBe('');
            format.isWhole(line, sample);
          },
        ),
        { seed: 4, numRuns: 1500 },
      );
    });

    it('takes no beginning of a line for all of it', () => {
      const end = sample.trimEnd();
      for (let length = 0; length < end.length; length += 1) {
        const part = end.slice(0, length);
        const whole = format.read(part, reading).ok && format.isWhole(part, sample);
        expect({ part, whole }).toEqual({ part, whole: false });
      }
    });
  });

  it('a request comes back from a line that is written of it', () => {
    const request = fc.record({
      time: fc.integer({ min: 0, max: 4_000_000_000_000 }),
      method: fc.constantFrom('GET', 'POST', 'PROPFIND'),
      path: fc
        .array(fc.stringMatching(/^[a-zA-Z0-9._~%-]{1,12}$/), { minLength: 1, maxLength: 4 })
        .map((parts) => `/${parts.join('/')}`),
      status: fc.integer({ min: 100, max: 599 }),
      ms: fc.integer({ min: 0, max: 1e6 }),
      bytes: fc.nat(),
      agent: fc
        .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 })
        .filter((text) => text.trim() === text && text !== '-'),
    });
    type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;
    const seconds = (ms: number): string => (ms / 1000).toFixed(3);
    const escaped = (text: string): string => text.replaceAll(/["\\]/g, (found) => `\\${found}`);
    const writers: Readonly<Record<string, (request: Request) => string>> = {
      caddy: ({ time, method, path, status, ms, bytes, agent }) =>
        JSON.stringify({
          ts: new Date(time).toISOString(),
          request: { method, uri: path, headers: { 'User-Agent': [agent] } },
          duration: ms / 1000,
          size: bytes,
          status,
        }),
      envoy: ({ time, method, path, status, ms, bytes, agent }) =>
        JSON.stringify({
          start_time: new Date(time).toISOString(),
          method,
          path,
          response_code: status,
          duration: ms,
          bytes_sent: bytes,
          user_agent: agent,
        }),
      alb: ({ time, method, path, status, ms, bytes, agent }) =>
        albFields
          .with(5, '0.000')
          .with(6, seconds(ms))
          .with(7, '0.000')
          .with(8, String(status))
          .with(11, String(bytes))
          .with(12, `"${method} https://shop.example.org:443${path} HTTP/1.1"`)
          .with(13, `"${escaped(agent)}"`)
          .with(21, new Date(time).toISOString())
          .join(' '),
    };
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(writers)), request, (name, wanted) => {
        const { time, method, path, status, ms, bytes, agent } = wanted;
        expect(read(name, writers[name]?.(wanted) ?? '')).toMatchObject({
          timestamp: new Date(time).toISOString(),
          method,
          path,
          status_code: status,
          duration_ms: ms,
          response_bytes: bytes,
          attributes: { user_agent: agent },
        });
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});
