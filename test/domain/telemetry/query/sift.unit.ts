import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { telemetryId } from '../../../../src/domain/telemetry/address.js';
import { withoutLines } from '../../../../src/domain/telemetry/stored-chunk.js';
import { newestFirst, Sieve, type Sought } from '../../../../src/domain/telemetry/query/sift.js';
import type { Query } from '../../../../src/domain/telemetry/query/query.js';
import type { RecordedEvent } from '../../../../src/eventstore/event-store.js';
import { escaped, events, meets, queries, type Sample } from '../../../support/queries.js';
import { chunkOf, NOW, sealedOf } from '../../../support/telemetry.js';

const chunkOfLines = (samples: readonly Sample[], every: number): RecordedEvent => ({
  ...chunkOf(samples),
  data: Buffer.from(samples.map((sample) => escaped(sample, every)).join('\n')),
});

const EVERYTHING = { from: -Infinity, to: Infinity, limit: Infinity } as const;

/** The numbers of the events that are meant, the newest first. */
const right = (samples: readonly Sample[], { query, from, to, after }: Sought, id: RecordedEvent['id']) =>
  samples
    .map((sample, number) => ({ sample, number, time: sample.timestamp, id: telemetryId(id, number) }))
    .filter(
      (one) =>
        one.time >= from &&
        one.time <= to &&
        (!query || meets(one.sample, query)) &&
        (!after || newestFirst(one, after) > 0),
    )
    .sort(newestFirst)
    .map(({ number }) => number);

const bounds = fc.record({
  span: fc.option(fc.tuple(fc.nat({ max: 100_000 }), fc.nat({ max: 100_000 })), { nil: undefined }),
  after: fc.option(fc.tuple(fc.nat({ max: 39 }), fc.nat({ max: 39 })), { nil: undefined }),
  limit: fc.integer({ min: 1, max: 8 }),
});

describe('sifting a chunk', () => {
  it('leaves no event out that is meant and among the newest of so many, sealed or not, however it is written', () => {
    let left_out = 0;
    fc.assert(
      fc.property(
        fc.array(events, { minLength: 1, maxLength: 40 }),
        fc.option(queries, { nil: undefined }),
        bounds,
        fc.nat({ max: 6 }),
        fc.boolean(),
        (samples, query, { span, after, limit }, every, is_sealed) => {
          const raw = chunkOfLines(samples, every);
          const stored = is_sealed ? sealedOf(raw) : raw;
          const cursor = after && {
            time: samples[after[0] % samples.length]!.timestamp,
            id: telemetryId(stored.id, after[1]),
          };
          const sought: Sought = {
            ...(query && { query }),
            from: span ? NOW - span[0] - span[1] : -Infinity,
            to: span ? NOW - span[0] : Infinity,
            ...(cursor && { after: cursor }),
            limit,
          };
          const { numbers, texts } = new Sieve(sought).sift(stored);
          const due = right(samples, sought, stored.id);
          expect(numbers).toEqual(expect.arrayContaining(due.slice(0, limit)));
          const exact = numbers.filter((number) => due.includes(number));
          expect(exact.sort((a, b) => due.indexOf(a) - due.indexOf(b)).slice(0, limit)).toEqual(
            due.slice(0, limit),
          );
          const lines = samples.map((sample) => escaped(sample, every));
          expect(texts).toEqual([...numbers].sort((a, b) => a - b).map((number) => lines[number]));
          left_out += samples.length - numbers.length;
        },
      ),
      { seed: 1, numRuns: 2_000 },
    );
    expect(left_out).toBeGreaterThan(5_000);
  });

  it('counts events that are to be left out as not there', () => {
    fc.assert(
      fc.property(
        fc.array(events, { minLength: 1, maxLength: 12 }),
        fc.option(queries, { nil: undefined }),
        fc.uniqueArray(fc.nat({ max: 11 })),
        fc.boolean(),
        (samples, query, without, is_sealed) => {
          const stored = is_sealed ? sealedOf(chunkOf(samples)) : chunkOf(samples);
          const sieve = new Sieve({ ...EVERYTHING, ...(query && { query }) });
          const all = sieve.sift(stored).numbers;
          expect(sieve.sift(stored, without).numbers).toEqual(
            all.filter((number) => !without.includes(number)),
          );
        },
      ),
      { seed: 2, numRuns: 500 },
    );
  });

  it('finds in what is left of a chunk what it finds where the rest counts as not there, under the same numbers', () => {
    let found = 0;
    fc.assert(
      fc.property(
        fc.array(events, { minLength: 1, maxLength: 12 }),
        fc.option(queries, { nil: undefined }),
        fc.uniqueArray(fc.nat({ max: 11 })),
        fc.uniqueArray(fc.nat({ max: 11 })),
        fc.boolean(),
        (samples, query, cut, without, is_sealed) => {
          const stored = chunkOf(samples);
          const left = withoutLines(stored, new Set(cut));
          if (!left) return;
          const sieve = new Sieve({ ...EVERYTHING, ...(query && { query }) });
          const { numbers, texts } = sieve.sift(is_sealed ? sealedOf(left) : left, without);
          const whole = sieve.sift(stored, [...cut, ...without]);
          expect({ numbers, texts }).toEqual({ numbers: whole.numbers, texts: whole.texts });
          if (cut.length > 0) found += numbers.length;
        },
      ),
      { seed: 3, numRuns: 200 },
    );
    expect(found).toBeGreaterThan(40);
  });

  it('takes an event whose route is made of its path for one that may be meant, and a route that is given as it is', () => {
    const stored = chunkOf([
      { type: 'a', timestamp: NOW, route: '/given' },
      { type: 'a', timestamp: NOW, route: '/other' },
      { type: 'a', timestamp: NOW, path: '/orders/7' },
      { type: 'a', timestamp: NOW },
    ]);
    const is: Query = { kind: 'is', field: 'route', text: '/given', prefix: false };
    const numbers = (query: Query) => new Sieve({ ...EVERYTHING, query }).sift(stored).numbers;
    expect(numbers(is)).toEqual([0, 2]);
    expect(numbers({ kind: 'not', of: is })).toEqual([1, 2, 3]);
    expect(numbers({ kind: 'not', of: { kind: 'not', of: is } })).toEqual([0, 2]);
  });

  it('costs less the less of a chunk has to be read', () => {
    const samples = Array.from({ length: 1_000 }, (_, n) => ({
      type: 'api_call',
      status_code: n === 500 ? 503 : 200,
      message: n === 500 ? 'quokka' : 'usual',
    }));
    const price = (query: Query) => new Sieve({ ...EVERYTHING, query }).sift(chunkOf(samples)).price;
    const word = price({ kind: 'mentions', text: 'quokka' });
    const status = price({ kind: 'compare', field: 'status', operator: '=', value: 503 });
    const every = price({ kind: 'not', of: { kind: 'mentions', text: 'quokka' } });
    expect(word).toBeLessThan(status);
    expect(status).toBeLessThan(every);
    expect(every).toBeGreaterThan(1_000);
  });
});
