import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cut, pack } from '../../../src/commands/ingest/received.js';
import { deeperThan, split, type BatchFormat } from '../../../src/commands/ingest/split.js';

const LIMIT = 10_000;

/** The texts of a body's elements, or what is wrong with it; none of them is taken by a scanner. */
const texts = (body: string, format: BatchFormat = 'json', limit = LIMIT): string[] | string => {
  const bytes = Buffer.from(body);
  const found: string[] = [];
  let sent_at: string | undefined;
  const broken = split(bytes, format, limit, {
    scan: () => -1,
    keep: () => undefined,
    parse: (start, end) => found.push(bytes.toString('utf8', start, end)),
    sentAt: (start, end) => {
      sent_at = bytes.toString('utf8', start, end);
      return sent_at === '7' ? { code: 'invalid_sent_at', detail: '' } : undefined;
    },
  });
  return broken?.code ?? (sent_at === undefined ? found : [...found, `at ${sent_at}`]);
};

const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** JSON texts with the characters that a splitter could stumble over, inside strings and out. */
const value = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue() },
  { weight: 2, arbitrary: fc.stringMatching(/^[[\]{},:"\\ ué😀]{0,12}$/u) },
  { weight: 2, arbitrary: fc.dictionary(fc.stringMatching(/^[{},"\\]{0,4}$/), fc.string()) },
);
const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
const elements = fc.array(
  fc.tuple(space, value, fc.constantFrom(undefined, 1, 2), space).map(([before, one, indent, after]) => ({
    before,
    text: JSON.stringify(one, undefined, indent),
    after,
  })),
  { maxLength: 8 },
);
const joined = (parts: readonly { before: string; text: string; after: string }[]): string =>
  `[${parts.map(({ before, text, after }) => before + text + after).join(',')}]`;

describe('splitting a JSON document', () => {
  it('gives back what was joined, byte for byte', () => {
    fc.assert(
      fc.property(elements, space, space, fc.boolean(), (parts, before, after, wrapped) => {
        const array = before + joined(parts) + after;
        const body = wrapped ? `{${before}"events"${after}:${array}}${before}` : array;
        expect(texts(body)).toEqual(parts.map(({ text }) => text));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('and parsing the slices is parsing the whole; what is broken as a whole never splits into whole elements', () => {
    const damage = fc.tuple(
      fc.nat(),
      fc.nat({ max: 3 }),
      fc.constantFrom('', ',', '"', '[', ']', '{', '}', '\\', 'x'),
    );
    fc.assert(
      fc.property(elements, fc.option(damage, { nil: undefined }), (parts, harm) => {
        let body = joined(parts);
        if (harm) {
          const [at, removed, added] = harm;
          const from = at % body.length;
          // Through bytes, so that half a surrogate pair becomes the replacement character that it is sent as.
          body = Buffer.from(body.slice(0, from) + added + body.slice(from + removed)).toString();
        }
        const slices = texts(body);
        const parsed =
          typeof slices === 'string' || !slices.every(parses)
            ? undefined
            : slices.map((text) => JSON.parse(text) as unknown);
        const whole = parses(body) ? (JSON.parse(body) as unknown) : undefined;
        // An object around the array is another form, which is refused where it is not `events`.
        if (Array.isArray(whole)) expect(parsed).toEqual(whole);
        else expect(parsed).toBeUndefined();
      }),
      { seed: 2, numRuns: 1000 },
    );
  });

  it.each([
    ['', 'invalid_json'],
    ['[', 'invalid_json'],
    ['[1,]', 'invalid_json'],
    ['[,1]', 'invalid_json'],
    ['[1 2]', 'invalid_json'],
    ['[1]]', 'invalid_json'],
    ['["a', 'invalid_json'],
    ['[{"a":1}', 'invalid_json'],
    ['{"events":[1]', 'invalid_json'],
    ['{"events"[1]}', 'invalid_json'],
    ['7', 'invalid_batch'],
    ['{}', 'invalid_batch'],
    ['{"event":[1]}', 'invalid_batch'],
    ['{"events":[1],"more":1}', 'invalid_batch'],
    ['{"events":[1],"events":[2]}', 'invalid_batch'],
    ['{"sent_at":1}', 'invalid_batch'],
    ['{"sent_at":1,"sent_at":1,"events":[1]}', 'invalid_batch'],
    ['{"sent_at":1,"events":1}', 'invalid_batch'],
    ['{"sent_at":7,"events":[1]}', 'invalid_sent_at'],
    ['{"events":[1],"sent_at":7}', 'invalid_sent_at'],
    ['{"events":[1],"sent_at":}', 'invalid_json'],
    ['{"events":[1],"sent_at":1', 'invalid_json'],
    ['{"events":[1],}', 'invalid_json'],
    ['{"events":{}}', 'invalid_batch'],
  ])('says what is wrong with %s', (body, code) => expect(texts(body)).toBe(code));

  it('hands over what the sender’s clock said, before the events or behind them', () => {
    expect(texts('{ "sent_at" : "x,]}" , "events" : [1 , 2] }')).toEqual(['1', '2', 'at "x,]}"']);
    expect(texts('{"events":[],"sent_at":12}')).toEqual(['at 12']);
  });

  it('skips a byte order mark', () => expect(texts('\ufeff[1]')).toEqual(['1']));

  it('does not go beyond the limit', () => {
    expect(texts('[1,2,3]', 'json', 3)).toHaveLength(3);
    expect(texts('[1,2,3]', 'json', 2)).toBe('too_many_events');
    expect(texts('1\n2\n3', 'ndjson', 2)).toBe('too_many_events');
  });
});

describe('splitting lines', () => {
  it('gives back what was joined', () => {
    const line = fc.tuple(value, fc.constantFrom('\n', '\r\n', '\n \n', ' \n'));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const body = lines.map(([one, end]) => JSON.stringify(one) + end).join('');
        expect(texts(body, 'ndjson')).toEqual(lines.map(([one]) => JSON.stringify(one)));
      }),
      { seed: 3 },
    );
  });
});

describe('packing events into chunks', () => {
  it('keeps every event’s bytes and order, and every chunk within its limits', () => {
    const part = fc.record({
      text: fc.stringMatching(/^[a-z]{1,9}$/),
      gap: fc.stringMatching(/^[, ]{1,3}$/),
    });
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 9 }),
        (parts, events) => {
          const starts: number[] = [];
          const ends: number[] = [];
          let body = '[';
          for (const { text, gap } of parts) {
            starts.push(body.length);
            body += text;
            ends.push(body.length);
            body += gap;
          }
          const received = { body: Buffer.from(body), starts, ends, times: parts.map(() => NaN) };
          const limits = { bytes: 40, events };
          const chunks = cut(received, limits).map((piece) => pack([piece]).whole().toString());
          for (const chunk of chunks) {
            expect(chunk.length).toBeLessThanOrEqual(limits.bytes);
            expect(chunk.split('\n').length).toBeLessThanOrEqual(limits.events);
          }
          expect(chunks.flatMap((chunk) => chunk.split('\n'))).toEqual(parts.map(({ text }) => text));
          expect(pack(cut(received, limits)).whole().toString()).toBe(
            parts.map(({ text }) => text).join('\n'),
          );
        },
      ),
      { seed: 5 },
    );
  });
});

describe('depth', () => {
  it('counts brackets outside of strings only', () => {
    const deep = (text: string, limit: number) => deeperThan(Buffer.from(text), 0, text.length, limit);
    expect(deep('{"a":[1]}', 1)).toBe(true);
    expect(deep('{"a":[1]}', 2)).toBe(false);
    expect(deep(String.raw`"[[[[\"[["`, 0)).toBe(false);
    expect(deep('[]'.repeat(100), 1)).toBe(false);
  });
});
