import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { batches } from '../../../../bench/load/events.js';
import { UndecodableColumns } from '../../../../src/domain/telemetry/column-codec/bytes.js';
import { EncodedLines } from '../../../../src/domain/telemetry/column-codec/decode.js';
import { encodeLines } from '../../../../src/domain/telemetry/column-codec/encode.js';
import { deflateCompression } from '../../../../src/platform/compression.js';
import { lineGroups } from '../../../support/lines.js';

const encode = (bytes: Uint8Array): Uint8Array => encodeLines(bytes, deflateCompression);
const decoder = (encoded: Uint8Array): EncodedLines => new EncodedLines(encoded, deflateCompression);

const comesBack = (bytes: Buffer): void => {
  const decoded = decoder(encode(bytes));
  expect(decoded.count).toBe(bytes.toString('latin1').split('\n').length);
  expect(decoded.lines().equals(bytes)).toBe(true);
};

const benchEvents = (count: number): string[] =>
  batches(count / 1000, 1000)
    .flatMap((body) => JSON.parse(body.toString()) as object[])
    .map((event) => JSON.stringify(event));

/** A line of an access log in the combined format. */
const LINE = /^\S+ \S+ \S+ \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d+) (\d+) "([^"]*)" "([^"]*)"/;

describe('encoded lines', () => {
  it('come back byte for byte, whatever they are', () => {
    fc.assert(
      fc.property(lineGroups, (lines) => {
        comesBack(Buffer.from(lines.join('\n')));
      }),
      { seed: 1, numRuns: 1_000 },
    );
  });

  it('come back byte for byte where they are no JSON and no text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3_000 }), (bytes) => {
        comesBack(Buffer.from(bytes));
      }),
      { seed: 2, numRuns: 500 },
    );
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('"', '\\', '{', '}', ':', ',', ' ', '\n', '7', 'a', '-'), {
          maxLength: 400,
        }),
        (text) => {
          comesBack(Buffer.from(text.join('')));
        },
      ),
      { seed: 3, numRuns: 1_000 },
    );
  });

  it.each([
    ['nothing', ''],
    ['empty lines', '\n\n\n'],
    ['one line', '{"type":"a"}'],
    [
      'numbers spelled in odd ways',
      '{"a":1.50}\n{"a":1e3}\n{"a":-0}\n{"a":007}\n{"a":0.10}\n{"a":1.}\n{"a":+1}\n{"a":9007199254740993}',
    ],
    ['white space', '{"a":1}\n{ "a" : 1 }\n{"a":1 }\t\n{"a":1}\r'],
    ['escapes', '{"a":"\\u0041\\n\\""}\n{"a":"\\\\"}\n{"a":"é\\/"}'],
    [
      'keys in another order, repeated and nested',
      '{"a":1,"b":2}\n{"b":2,"a":1}\n{"a":1,"a":2}\n{"a":{"a":[1,[2,"x"]]}}',
    ],
    ['texts that do not end', '{"a":"b\n{"a":"b"}\n"a\n\\'],
    [
      'times that are none',
      '{"t":"2024-02-30T00:00:00Z"}\n{"t":"2024-02-29T23:59:59Z"}\n{"t":"2024-02-29T23:59:60Z"}\n{"t":"1969-12-31T00:00:00Z"}',
    ],
  ])('come back: %s', (_, text) => {
    comesBack(Buffer.from(text));
    comesBack(Buffer.from(Array.from({ length: 100 }, () => text).join('\n')));
  });

  it('come back where each is of another shape, and there are more columns than are kept apart', () => {
    comesBack(Buffer.from(Array.from({ length: 1_500 }, (_, i) => `{"key${i}":${i},"b":"x"}`).join('\n')));
    comesBack(Buffer.from(`[${Array.from({ length: 1_000 }, (_, i) => i).join(',')}]`));
  });

  it('can be asked for a few at a time', () => {
    fc.assert(
      fc.property(lineGroups, fc.nat(), fc.nat(), (lines, one, other) => {
        const decoded = decoder(encode(Buffer.from(lines.join('\n'))));
        const [from = 0, to = 0] = [one % (decoded.count + 1), other % (decoded.count + 1)].sort(
          (a, b) => a - b,
        );
        const all = lines.join('\n').split('\n');
        expect(decoded.lines(from, to).toString()).toBe(all.slice(from, to).join('\n'));
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  it('take less than a tenth of the room of API calls, random trace ids and all', () => {
    const bytes = Buffer.from(benchEvents(4_000).join('\n'));
    comesBack(bytes);
    expect(encode(bytes).length / bytes.length).toBeLessThan(0.1);
  });

  const access_log = join(
    import.meta.dirname,
    '..',
    '..',
    '..',
    '..',
    '..',
    'shared',
    'data',
    'apache_access.log',
  );
  (existsSync(access_log) ? it : it.skip)('take a twentieth of the room of an access log’s events', () => {
    const events = readFileSync(access_log, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, time, method, path, status, bytes, referrer, user_agent] = LINE.exec(line) ?? [];
        if (!time) return [];
        const attributes = { referrer, user_agent };
        const numbers = { status_code: Number(status), response_bytes: Number(bytes) };
        const timestamp = new Date(Date.parse(time.replaceAll('/', ' ').replace(':', ' '))).toISOString();
        return [JSON.stringify({ type: 'api_call', timestamp, method, path, ...numbers, attributes })];
      });
    expect(events.length).toBeGreaterThan(5_000);
    for (let from = 0; from < events.length; from += 2_000) {
      const bytes = Buffer.from(events.slice(from, from + 2_000).join('\n'));
      comesBack(bytes);
      expect(encode(bytes).length / bytes.length).toBeLessThan(0.05);
    }
  });

  it('never take much more room than the lines', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        expect(encode(bytes).length).toBeLessThan(bytes.length + 16);
      }),
      { seed: 5 },
    );
  });

  it('can be read as they were stored in version 1', () => {
    const golden = (name: string): Buffer => readFileSync(join(import.meta.dirname, 'golden', name));
    expect(decoder(golden('version-1.encoded')).lines().toString()).toBe(
      golden('version-1.lines').toString(),
    );
  });

  it('say so where they end too early', () => {
    const encoded = encode(Buffer.from(benchEvents(1_000).slice(0, 200).join('\n')));
    for (let at = 0; at < encoded.length; at += 3) {
      const cut = encoded.subarray(0, at);
      expect(() => decoder(cut).lines()).toThrow(UndecodableColumns);
    }
  });
});
