import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parseAccessLogLine } from '../../../src/domain/telemetry/access-log.js';
import { TelemetryEvent } from '../../../src/domain/telemetry/event.js';
import { compile } from '../../../src/platform/validation.js';

const line =
  '203.0.113.9 - ada [17/May/2015:10:05:03 +0200] "GET /a/42?x=1 HTTP/1.1" 404 203 "http://example.org/" "Mozilla/5.0 (X11)"';
const parse = (text: string) => parseAccessLogLine(text, { service: 'web', environment: 'test' });

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

const real = new URL('../../../../shared/data/apache_access.log', import.meta.url);

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
