import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  mayNamePeople,
  ownerOf,
  personalTexts,
  withReplacements,
} from '../../../src/domain/telemetry/personal-texts.js';
import { seededRandom } from '../../support/faulty-files.js';

/** A JSON value in one of its many spellings: blanks anywhere, letters of texts and names escaped. */
const spelled = (value: unknown, random: () => number): string => {
  const blank = (): string => [' ', '\t', '', '', '', ''][Math.floor(random() * 6)] ?? '';
  const escaped = (letter: string): string =>
    Array.from({ length: letter.length }, (_, i) => letter.charCodeAt(i))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join('');
  const text = (letters: string): string =>
    `"${Array.from(letters)
      .map((letter) => (random() < 0.2 ? escaped(letter) : JSON.stringify(letter).slice(1, -1)))
      .join('')}"`;
  const of = (one: unknown): string => {
    if (typeof one === 'string') return text(one);
    if (typeof one !== 'object' || one === null) return JSON.stringify(one);
    const inner = Array.isArray(one)
      ? one.map((member) => blank() + of(member) + blank())
      : Object.entries(one).map(
          ([name, member]) => blank() + text(name) + blank() + ':' + blank() + of(member) + blank(),
        );
    const [open, close] = Array.isArray(one) ? '[]' : '{}';
    return `${open}${inner.length === 0 ? blank() : inner.join(',')}${close}`;
  };
  return of(value);
};

const tricky = fc.constantFrom('', 'ada', 'Ünïcode 💡', '"user_id":"x"', '\\', 'a\\"b', '}{][,:', 'psn_x');
const word = fc.oneof(tricky, fc.string({ unit: 'grapheme', maxLength: 12 }));
const scalar = fc.oneof(
  word,
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
);
const event = fc.record(
  {
    type: fc.constant('api_call'),
    message: word,
    user_id: word,
    consumer: word,
    duration_ms: fc.integer(),
    durations: fc.record({ values: fc.array(fc.integer()), counts: fc.array(fc.integer()) }),
    attributes: fc.dictionary(
      fc.oneof(fc.constantFrom('client.address', 'user.email', 'user_id', 'consumer', 'a"b'), word),
      scalar,
      { maxKeys: 5 },
    ),
  },
  { requiredKeys: ['type'] },
);
const spelledEvent = fc
  .tuple(event, fc.nat())
  .map(([one, seed]) => ({ one, text: spelled(one, seededRandom(seed)) }));

const found = (text: string) => {
  const bytes = Buffer.from(text);
  return { bytes, texts: personalTexts(bytes, 0, bytes.length) };
};

describe('what an event says of people', () => {
  it('is found wherever it stands, however it is spelled, and nothing else is', () => {
    fc.assert(
      fc.property(spelledEvent, ({ one, text }) => {
        const { bytes, texts } = found(text);
        expect(texts.persons.map(({ name, value }) => [name, value]).sort()).toEqual(
          (['consumer', 'user_id'] as const).flatMap((name) =>
            one[name] === undefined ? [] : [[name, one[name]]],
          ),
        );
        expect(texts.attributes.map(({ name, value }) => [name, value]).sort()).toEqual(
          Object.entries(one.attributes ?? {})
            .filter(
              ([name, value]) => /^(client\.address|user\.email)$/.test(name) && typeof value === 'string',
            )
            .sort(),
        );
        if (texts.persons.length > 0) expect(mayNamePeople(bytes)).toBe(true);
        for (const { value, from, to } of [...texts.persons, ...texts.attributes])
          expect(JSON.parse(bytes.toString('utf8', from, to))).toBe(value);
      }),
      { numRuns: 500 },
    );
  });

  it('can be replaced, and every other byte stays', () => {
    fc.assert(
      fc.property(fc.array(spelledEvent, { minLength: 1, maxLength: 5 }), word, (events, other) => {
        const body = Buffer.from(events.map(({ text }) => text).join('\n'));
        const starts: number[] = [];
        const ends: number[] = [];
        let at = 0;
        for (const { text } of events) {
          starts.push(at);
          at += Buffer.byteLength(text);
          ends.push(at);
          at += 1;
        }
        const all = starts.map((start, i) => personalTexts(body, start, ends[i] ?? 0));
        const replaced = withReplacements(
          { body, starts, ends },
          all.map(({ persons }) => persons.map(({ from, to }) => ({ from, to, value: other }))),
        );
        expect(replaced.body.toString().split('\n')).toHaveLength(events.length + 1);
        events.forEach(({ one }, i) => {
          const line = replaced.body.toString('utf8', replaced.starts[i], replaced.ends[i]);
          const expected = { ...one };
          for (const name of ['user_id', 'consumer'] as const)
            if (expected[name] !== undefined) expected[name] = other;
          expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(expected)));
        });
        const same = withReplacements(
          { body, starts, ends },
          all.map(() => []),
        );
        expect(same.body.subarray(0, -1)).toEqual(body);
      }),
    );
  });

  it('is the user’s, else the consumer’s; of a name that stands twice the last one’s', () => {
    const owner = (text: string) => ownerOf(found(text).texts)?.value;
    expect(owner('{"consumer":"app","user_id":"ada"}')).toBe('ada');
    expect(owner('{"consumer":"app","user_id":""}')).toBe('app');
    expect(owner('{"user_id":"ada","user_id":"bob"}')).toBe('bob');
    expect(owner('{"attributes":{"user_id":"ada"},"message":"user_id"}')).toBeUndefined();
  });
});
