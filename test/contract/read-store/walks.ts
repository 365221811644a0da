import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { placeOf } from '../../../src/readstore/place.js';
import type { IndexValue, Query } from '../../../src/readstore/read-store.js';
import { ada, bob, byBytes, BY_RANK, put, thing, type Subject, type Thing } from './subject.js';

export const walksContract = (on: Subject, runs: number): void => {
  describe('a walk along an index', () => {
    const fill = (...rows: readonly (readonly [string, IndexValue?, IndexValue?])[]): Promise<void> =>
      on.things.write(
        put(
          ada,
          ...rows.map(([id, group, rank]) =>
            thing(id, { ...(group !== undefined && { group }), ...(rank !== undefined && { rank }) }),
          ),
        ),
      );

    it('goes by value, then by id, both ways', async () => {
      await fill(['c', 'g', 2], ['a', 'g', 2], ['b', 'g', 1], ['d', 'f', 9]);
      expect(await on.ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['d', 'b', 'a', 'c']);
      expect(await on.ids(ada, { index: 'by_rank', order: 'descending', limit: 9 })).toEqual([
        'c',
        'a',
        'b',
        'd',
      ]);
      expect(await on.ids(ada, { index: 'by_rank', equals: ['g'], limit: 9 })).toEqual(['b', 'a', 'c']);
      expect(
        await on.ids(ada, { index: 'by_rank', equals: ['g', 2], order: 'descending', limit: 9 }),
      ).toEqual(['c', 'a']);
      expect(await on.ids(ada, { index: 'by_rank', equals: ['h'], limit: 9 })).toEqual([]);
    });

    it('keeps to a range, its ends included, and to a limit', async () => {
      await fill(['a', 'g', -1.5], ['b', 'g', 0], ['c', 'g', 2], ['d', 'g', 10], ['e', 'h', 2]);
      const within = (range: Query['range'], more: Partial<Query> = {}): Promise<readonly string[]> =>
        on.ids(ada, { index: 'by_rank', equals: ['g'], ...(range && { range }), limit: 9, ...more });
      expect(await within({ from: 0, to: 2 })).toEqual(['b', 'c']);
      expect(await within({ from: 0 })).toEqual(['b', 'c', 'd']);
      expect(await within({ to: 0 })).toEqual(['a', 'b']);
      expect(await within({})).toEqual(['a', 'b', 'c', 'd']);
      expect(await within({ from: 3, to: 2 })).toEqual([]);
      expect(await within({ from: -9, to: 99 }, { order: 'descending', limit: 2 })).toEqual(['d', 'c']);
      expect(await within(undefined, { limit: 0 })).toEqual([]);
    });

    it.each<readonly [string, readonly IndexValue[]]>([
      ['numbers', [-1e300, -1000, -2, -1.5, -5e-324, 0, 5e-324, 0.5, 2, 10, 2 ** 31, 2 ** 53, 1e300]],
      [
        'texts',
        [
          '',
          '\u0000',
          '\u0000a',
          '\u0001',
          ' ',
          'A',
          'a',
          'a\u0000',
          'a\u0000b',
          'a\u0001',
          'aa',
          'b',
          'é',
          '\uffff',
          '😀',
        ],
      ],
      ['booleans', [false, true]],
    ])('orders %s, and finds each by range and value', async (_, values) => {
      await fill(...values.map((value, at) => [`id-${99 - at}`, 'g', value] as const));
      const found = async (more: Partial<Query>): Promise<unknown> =>
        (await on.find(ada, { index: 'by_rank', equals: ['g'], limit: 99, ...more })).map(({ rank }) => rank);
      expect(await found({})).toEqual(values);
      expect(await found({ order: 'descending' })).toEqual(values.toReversed());
      for (const [at, value] of values.entries()) {
        expect(await found({ equals: ['g', value] })).toEqual([value]);
        expect(await found({ range: { from: value } })).toEqual(values.slice(at));
        expect(await found({ range: { to: value } })).toEqual(values.slice(0, at + 1));
      }
    });

    it('passes by documents that lack a field of the index', async () => {
      await fill(['none'], ['group', 'g'], ['both', 'g', 1]);
      expect(await on.ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['both']);
      expect(await on.ids(ada, { index: 'by_rank', equals: ['g'], limit: 9 })).toEqual(['both']);
      expect(await on.ids(ada, { index: 'by_group', limit: 9 })).toEqual(['both', 'group']);
    });

    it('finds a document where its values are now, and only there', async () => {
      await fill(['one', 'g', 1], ['two', 'g', 2]);
      await fill(['one', 'h', 3]);
      await fill(['two']);
      expect(await on.ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['one']);
      expect(await on.ids(ada, { index: 'by_group', equals: ['g'], limit: 9 })).toEqual([]);
      await fill(['two', 'a', 1]);
      expect(await on.ids(ada, { index: 'by_group', limit: 9 })).toEqual(['two', 'one']);
    });

    it('finds documents with very long values and ids', async () => {
      const long = (end: string): string => 'x'.repeat(3000) + end;
      await fill([long('1'), long('g'), long('a')], [long('2'), long('g'), long('b')], ['s', 'short', 'c']);
      expect((await on.get(ada, long('2')))?.rank).toBe(long('b'));
      expect(await on.ids(ada, { index: 'by_rank', equals: [long('g'), long('b')], limit: 9 })).toEqual([
        long('2'),
      ]);
      expect(await on.ids(ada, { index: 'by_group', equals: [long('g')], limit: 9 })).toHaveLength(2);
      expect(await on.ids(ada, { index: 'by_group', equals: [long('h')], limit: 9 })).toEqual([]);
    });

    it('goes on after a document that is gone', async () => {
      await fill(['a', 'g', 1], ['b', 'g', 1], ['c', 'g', 1]);
      const after = placeOf((await on.get(ada, 'b'))!, BY_RANK)!;
      await on.things.write([{ tenant: ada, id: 'b' }]);
      expect(await on.ids(ada, { index: 'by_rank', equals: ['g'], after, limit: 9 })).toEqual(['c']);
      expect(
        await on.ids(ada, { index: 'by_rank', equals: ['g'], after, order: 'descending', limit: 9 }),
      ).toEqual(['a']);
    });

    it('along an index that there is not is refused', async () => {
      await expect(on.find(ada, { index: 'by_colour', limit: 1 })).rejects.toThrow('by_colour');
      await expect(on.find(ada, { index: 'by_group', equals: ['g', 1], limit: 1 })).rejects.toThrow(
        'by_group',
      );
    });

    it('answers what a sorted list would, in pages of any size', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(row, { maxLength: 25, selector: ({ id }) => id }),
          walk,
          fc.integer({ min: 1, max: 7 }),
          async (rows, query, limit) => {
            for await (const { key } of on.things.scan()) await on.things.write([key]);
            await on.things.write([...put(ada, ...rows), ...put(bob, ...rows)]);
            const expected = walked(rows, query);
            expect(await on.ids(ada, { ...query, limit: 100 })).toEqual(expected);
            const paged: string[] = [];
            for (let after: Query['after']; ;) {
              const page = await on.find(ada, { ...query, ...(after && { after }), limit });
              paged.push(...page.map(({ id }) => id));
              const last = page.at(-1);
              if (!last) break;
              after = placeOf(last, BY_RANK)!;
            }
            expect(paged).toEqual(expected);
          },
        ),
        { seed: 7, numRuns: runs },
      );
    });
  });
};

const row: fc.Arbitrary<Thing> = fc
  .record(
    {
      id: fc.string({ unit: 'binary', maxLength: 2 }),
      group: fc.constantFrom('', 'g', 'h'),
      rank: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(-0.5, 0.5, 1e9)),
    },
    { requiredKeys: ['id'] },
  )
  .map(({ id, ...fields }) => thing(id, fields));

const bound = fc.integer({ min: -3, max: 3 });
const order = fc.constantFrom('ascending' as const, 'descending' as const);
const walk: fc.Arbitrary<Omit<Query, 'limit'>> = fc.oneof(
  fc.record({ index: fc.constant('by_rank'), order }),
  fc.record({ index: fc.constant('by_rank'), order, equals: fc.constant(['g']) }),
  fc.record({
    index: fc.constant('by_rank'),
    order,
    equals: fc.constant(['g']),
    range: fc.record({ from: bound, to: bound }, { requiredKeys: [] }),
  }),
  fc.record({ index: fc.constant('by_rank'), order, range: fc.record({ from: fc.constantFrom('', 'g') }) }),
  fc.record({ index: fc.constant('by_rank'), order, equals: fc.tuple(fc.constant('g'), bound) }),
);

/** The walk's definition: filter, sort, nothing clever. */
const walked = (
  rows: readonly Thing[],
  { equals = [], range = {}, order = 'ascending' }: Omit<Query, 'limit'>,
): readonly string[] => {
  const sign = order === 'ascending' ? 1 : -1;
  return rows
    .flatMap((document) => {
      const { values } = placeOf(document, BY_RANK) ?? {};
      return values ? [{ id: document.id, values }] : [];
    })
    .filter(({ values }) => equals.every((value, at) => values[at] === value))
    .filter(({ values }) => {
      const value = values[equals.length]!;
      if (range.from !== undefined && compare(value, range.from) < 0) return false;
      return range.to === undefined || compare(value, range.to) <= 0;
    })
    .toSorted(
      (one, other) =>
        sign *
        (compare(one.values[0]!, other.values[0]!) ||
          compare(one.values[1]!, other.values[1]!) ||
          byBytes(one.id, other.id)),
    )
    .map(({ id }) => id);
};

const compare = (one: IndexValue, other: IndexValue): number =>
  typeof one === 'string' ? byBytes(one, String(other)) : Number(one) - Number(other);
