import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parseCombined, type DurationUnit } from '../../../../src/domain/telemetry/access-log/combined.js';
import { eventOf } from '../../../../src/domain/telemetry/access-log/entry.js';
import { timeZone, UTC } from '../../../../src/domain/telemetry/access-log/times.js';
import { TelemetryEvent } from '../../../../src/domain/telemetry/event.js';
import { compile } from '../../../../src/platform/validation.js';

const line =
  '203.0.113.9 - ada [17/May/2015:10:05:03 +0200] "GET /a/42?x=1 HTTP/1.1" 404 203 "http://example.org/" "Mozilla/5.0 (X11)"';
const parse = (text: string, unit?: DurationUnit, zone = UTC) => {
  const parsed = parseCombined(text, zone, unit);
  return parsed.ok ? eventOf(parsed.entry, { service: 'web', environment: 'test' }) : parsed;
};

const validate = compile(TelemetryEvent);

describe('a line of an access log', () => {
  it('becomes a request that was answered', () =>
    expect(parse(line)).toEqual({
      ok: true,
      event: {
        type: 'api_call',
        timestamp: '2015-05-17T08:05:03.000Z',
        service: 'web',
        environment: 'test',
        method: 'GET',
        path: '/a/42?x=1',
        status_code: 404,
        response_bytes: 203,
        attributes: {
          referrer: 'http://example.org/',
          user_agent: 'Mozilla/5.0 (X11)',
          protocol: 'HTTP/1.1',
        },
      },
    }));

  it('says nothing of who the client was', () => {
    const text = JSON.stringify(parse(line));
    expect(text).not.toContain('203.0.113.9');
    expect(text).not.toContain('ada');
  });

  it.each([
    ['the common format, without referrer and user agent', line.split(' "http')[0]!],
    ['more fields at the end, as proxies add them', `${line} "10.0.0.1" rt=0.004`],
    ['no request line', line.replace('GET /a/42?x=1 HTTP/1.1', '-')],
    ['bytes of a TLS hello for a request', line.replace('GET /a/42?x=1 HTTP/1.1', String.raw`\x16\x03\x01`)],
    ['quotes in the user agent', line.replace('Mozilla', String.raw`\"Mozilla\" \\ \x22`)],
    ['no size', line.replace(' 203 ', ' - ')],
    ['a line break at the end', `${line}\r\n`],
  ])('may have %s', (_, text) => {
    const outcome = parse(text);
    expect(outcome).toMatchObject({ ok: true, event: { status_code: 404 } });
    expect(outcome.ok && validate(outcome.event).ok).toBe(true);
  });

  it('keeps secrets of its addresses to itself', () => {
    const outcome = parse(
      line
        .replace('/a/42?x=1', '/a?x=1&token=abc&X-Amz-Signature=def#part')
        .replace('http://example.org/', 'https://ada:pw@example.org/b?api_key=ghi&y=2'),
    );
    expect(outcome).toMatchObject({
      event: {
        path: '/a?x=1&token=REDACTED&X-Amz-Signature=REDACTED',
        attributes: { referrer: 'https://example.org/b?api_key=REDACTED&y=2' },
      },
    });
  });

  it.each<readonly [string, string, DurationUnit | undefined, object]>([
    ['nginx $request_time', ' 0.042', undefined, { duration_ms: 42 }],
    ['nginx $request_time in quotes', ' "0.042"', undefined, { duration_ms: 42 }],
    ['a forwarded address before it', ' "10.0.0.1, 10.0.0.2" 1.500', undefined, { duration_ms: 1500 }],
    [
      'nginx $request_time $upstream_response_time',
      ' 0.042 0.040',
      undefined,
      { duration_ms: 42, upstream_ms: 40 },
    ],
    ['an upstream that was not asked', ' 0.001 - .', undefined, { duration_ms: 1 }],
    [
      'upstreams that were tried in turn',
      ' 0.300 "0.100, 0.200 : 0.001"',
      undefined,
      { duration_ms: 300, upstream_ms: 301 },
    ],
    [
      'names before the times',
      ' rt=0.042 uct="0.001" uht="0.030" urt="0.040"',
      undefined,
      { duration_ms: 42, upstream_ms: 40 },
    ],
    [
      'the ingress controller’s fields',
      ' 512 0.042 [default-web-80] [] 10.0.0.7:8080 203 0.040 404 5f2c',
      undefined,
      { duration_ms: 42, upstream_ms: 40, request_bytes: 512 },
    ],
    ['Apache %D', ' 42137', undefined, { duration_ms: 42.137 }],
    ['Apache **%T/%D**', ' 0/42137', undefined, { duration_ms: 42.137 }],
    ['Apache %T, named as seconds', ' 3', 's', { duration_ms: 3000 }],
    ['Apache %{ms}T, named as milliseconds', ' 42', 'ms', { duration_ms: 42 }],
    ['Apache %I %O', ' 512 733', undefined, { request_bytes: 512, sent_bytes: 733 }],
    ['nothing that is a number', ' "-" - TLSv1.3', undefined, {}],
  ])('tells %s by its form', (_, tail, unit, expected) => {
    const outcome = parse(line + tail, unit);
    if (!outcome.ok) throw new Error(outcome.reason);
    const { duration_ms, request_bytes, attributes = {} } = outcome.event;
    const { upstream_ms, sent_bytes } = attributes;
    const found = Object.entries({ duration_ms, request_bytes, upstream_ms, sent_bytes });
    expect(Object.fromEntries(found.filter(([, value]) => value !== undefined))).toEqual(expected);
  });

  it('says what bytes that were escaped one by one are in UTF-8', () =>
    expect(parse(line.replace('/a/42?x=1', String.raw`/\xD0\xBF\xD1\x80`))).toMatchObject({
      event: { path: '/пр' },
    }));

  it('takes a time without a zone in the one that is given', () => {
    const bare = line.replace(' +0200', '');
    expect(parse(bare)).toMatchObject({ event: { timestamp: '2015-05-17T10:05:03.000Z' } });
    expect(parse(bare, undefined, timeZone('Europe/Berlin'))).toMatchObject({
      event: { timestamp: '2015-05-17T08:05:03.000Z' },
    });
  });

  it('may have no status where there was no answer', () =>
    expect(parse(line.replace(' 404 ', ' 000 '))).toMatchObject({
      ok: true,
      event: expect.not.objectContaining({ status_code: expect.anything() }),
    }));

  it.each([
    ['nothing', ''],
    ['something else', 'GET / HTTP/1.1'],
    ['a day that is none', line.replace('17/May', '31/Apr')],
    ['a month that is none', line.replace('May', 'Mai')],
    ['a status that is none', line.replace(' 404 ', ' 999 ')],
    ['an endless line', line.replace('Mozilla', 'M'.repeat(100_000))],
  ])('is refused with a reason where it is %s', (_, text) =>
    expect(parse(text)).toEqual({ ok: false, reason: expect.stringMatching(/./) }),
  );

  it('comes out valid, whatever stands in its fields', () => {
    const quoted = fc
      .string({ unit: 'binary', maxLength: 60 })
      .map((text) => text.replace(/[\r\n]/g, ' ').replace(/["\\]/g, (found) => `\\${found}`));
    const field = fc.stringMatching(/^[^\s"[]{1,20}$/);
    fc.assert(
      fc.property(
        field,
        fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }),
        fc.constantFrom('GET', 'POST', 'PROPFIND'),
        quoted,
        fc.integer({ min: 100, max: 599 }),
        fc.nat(),
        quoted,
        (address, date, method, path, status, bytes, agent) => {
          const [, day, month, year] = /(\d+) (\w+) (\d+)/.exec(date.toUTCString())!;
          const time = `${day}/${month}/${year}:${date.toISOString().slice(11, 19)} +0000`;
          const outcome = parse(
            `${address} - - [${time}] "${method} /${path} HTTP/1.1" ${status} ${bytes} "-" "${agent}"`,
          );
          if (!outcome.ok) throw new Error(outcome.reason);
          expect(validate(outcome.event)).toMatchObject({ ok: true });
          expect(outcome.event).toMatchObject({
            timestamp: `${date.toISOString().slice(0, 19)}.000Z`,
            status_code: status,
            response_bytes: bytes,
          });
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parse(text);
        parse(line.slice(0, text.length) + text + line.slice(text.length));
      }),
      { seed: 2, numRuns: 1000 },
    );
  });
});

const real = new URL('../../../../../shared/data/apache_access.log', import.meta.url);

(existsSync(real) ? describe : describe.skip)('ten thousand lines of a real server', () => {
  it('all become valid events, by status as they were answered', () => {
    const counts: Record<string, number> = {};
    const lines = readFileSync(real, 'utf8').trimEnd().split('\n');
    for (const text of lines) {
      const outcome = parse(text);
      if (!outcome.ok) throw new Error(`${outcome.reason}: ${text}`);
      expect(validate(outcome.event)).toMatchObject({ ok: true });
      const status = String(outcome.event.status_code);
      counts[status] = (counts[status] ?? 0) + 1;
    }
    expect(lines).toHaveLength(10_000);
    expect(counts).toEqual({ 200: 9126, 206: 45, 301: 164, 304: 445, 403: 2, 404: 213, 416: 2, 500: 3 });
  });
});
