import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TenantId } from '../../src/domain/ids.js';
import type { Position } from '../../src/eventstore/event-store.js';
import { placeOf } from '../../src/readstore/place.js';
import type {
  Change,
  Collection,
  CollectionSpec,
  Document,
  IndexSpec,
  IndexValue,
  Query,
  ReadStore,
  Value,
} from '../../src/readstore/read-store.js';

/** A store of its own for one test. */
export interface ReadStoreHarness {
  /** The store as it is now: another object after `reopen`. */
  readonly store: ReadStore;
  /** Ends the store in good order and opens what it stored again, as another start of the program does. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

interface Thing extends Document {
  readonly group?: IndexValue;
  readonly rank?: IndexValue;
  readonly body?: Value;
}

const BY_RANK: IndexSpec = { name: 'by_rank', fields: ['group', 'rank'] };
const BY_GROUP: IndexSpec = { name: 'by_group', fields: ['group'] };
const THINGS: CollectionSpec = { name: 'things-1-1', indexes: [BY_RANK, BY_GROUP] };

const ada = 'ada' as TenantId;
const bob = 'bob' as TenantId;
const POSITION = '0000000000000007' as Position;

const thing = (id: string, fields: Omit<Thing, 'id' | 'position'> = {}): Thing => ({
  id,
  position: POSITION,
  ...fields,
});
const put = <D extends Document>(tenant: TenantId, ...documents: readonly D[]): readonly Change<D>[] =>
  documents.map((document) => ({ tenant, id: document.id, document }));

/**
 * What every read store keeps to. `runs`: how many random histories each property is tried on.
 * `atomic_updates`: whether the server compares and sets in one step.
 */
export const readStoreContract = (
  name: string,
  makeHarness: () => Promise<ReadStoreHarness>,
  { runs = 60, atomic_updates = true } = {},
): void => {
  describe(`${name} keeps the read store's contract`, () => {
    let harness: ReadStoreHarness;
    let things: Collection<Thing>;

    beforeEach(async () => {
      harness = await makeHarness();
      things = await harness.store.collection<Thing>(THINGS);
    });
    afterEach(() => harness.close());

    const get = (tenant: TenantId, id: string): Promise<Thing | undefined> =>
      harness.store.forTenant(tenant).get<Thing>(THINGS.name, id);
    const find = (tenant: TenantId, query: Query): Promise<readonly Thing[]> =>
      harness.store.forTenant(tenant).find<Thing>(THINGS.name, query);
    const ids = async (tenant: TenantId, query: Query): Promise<readonly string[]> =>
      (await find(tenant, query)).map(({ id }) => id);
    const scanned = async (): Promise<readonly { readonly tenant: string; readonly id: string }[]> => {
      const keys = [];
      for await (const { key } of things.scan()) keys.push({ tenant: key.tenant, id: key.id });
      return keys;
    };

    describe('a document', () => {
      it('is read as it was written', async () => {
        const document = thing('one', {
          group: 'g',
          rank: 1,
          body: { list: [1, 'two', null, { three: true }] },
        });
        await things.write(put(ada, document));
        expect(await get(ada, 'one')).toStrictEqual(document);
      });

      it('that was never written is not there', async () => {
        expect(await get(ada, 'one')).toBeUndefined();
        expect(await harness.store.forTenant(ada).get('no-such-collection', 'one')).toBeUndefined();
      });

      it('is replaced whole', async () => {
        await things.write(put(ada, thing('one', { group: 'g', rank: 1, body: { left: 1 } })));
        await things.write(put(ada, thing('one', { body: { right: 2 } })));
        expect(await get(ada, 'one')).toStrictEqual(thing('one', { body: { right: 2 } }));
      });

      it('is gone once deleted, from its indexes too', async () => {
        await things.write(
          put(ada, thing('one', { group: 'g', rank: 1 }), thing('two', { group: 'g', rank: 2 })),
        );
        await things.write([{ tenant: ada, id: 'one' }]);
        expect(await get(ada, 'one')).toBeUndefined();
        expect(await ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['two']);
      });

      it('can be deleted where there is none', async () => {
        await things.write([{ tenant: ada, id: 'one' }]);
        expect(await scanned()).toEqual([]);
      });

      it('written under another id than its own is refused', async () => {
        await expect(things.write([{ tenant: ada, id: 'one', document: thing('two') }])).rejects.toThrow(
          'two',
        );
      });

      it('leaves out fields that are undefined', async () => {
        await things.write(put(ada, thing('one', { body: { here: 1, not_here: undefined } })));
        expect(await get(ada, 'one')).toStrictEqual(thing('one', { body: { here: 1 } }));
      });

      it('may be of a megabyte, in text and in bytes', async () => {
        const document = thing('big', {
          body: { text: 'é'.repeat(500_000), bytes: new Uint8Array(1_000_000).fill(7) },
        });
        await things.write(put(ada, document));
        expect(await get(ada, 'big')).toStrictEqual(document);
      });

      it('is not changed by what a reader does to its copy', async () => {
        await things.write(put(ada, thing('one', { body: { bytes: Uint8Array.of(1, 2), list: [1] } })));
        const copy = (await get(ada, 'one')) as Thing & { body: { bytes: Uint8Array; list: number[] } };
        copy.body.bytes[0] = 9;
        copy.body.list.push(2);
        expect((await get(ada, 'one'))?.body).toStrictEqual({ bytes: Uint8Array.of(1, 2), list: [1] });
      });

      it.each<readonly [string, Value]>([
        [
          'bytes, as bytes',
          { bytes: Uint8Array.of(0, 1, 255), none: new Uint8Array(0), in: [[Uint8Array.of(5)]] },
        ],
        ['a part of a larger array of bytes', Uint8Array.of(1, 2, 3, 4).subarray(1, 3)],
        ['keys with dots and dollars', { 'GET /a.b/$x': { '.': 1, $: 2, $eq: 3, 'a..b.': 4, '': 5 } }],
        [
          'keys that mark bytes',
          { $bytes: 0, in: { $bytes: Uint8Array.of(1), $$bytes: [{ $$$bytes: null }] } },
        ],
        ['keys with zero characters', { 'a\u0000b': 'c\u0000d', '\u0000': 1 }],
        ['every plane of Unicode', { '😀': '\u{10ffff} \uffff \u200b ẞ ة 漢', 'e\u0301': 'é' }],
        [
          'numbers at their ends',
          [0, -1, 0.1, 1e-308, 5e-324, 1.7976931348623157e308, 2 ** 53 - 1, -(2 ** 53), 2 ** 31],
        ],
        [
          'texts that look like other things',
          ['true', '1', '2015-05-17T10:05:00Z', '{"$bytes":0}', 'ObjectId()'],
        ],
        ['nothing much', [{}, [], null, false, '']],
        ['values in a hundred levels', JSON.parse('['.repeat(100) + ']'.repeat(100)) as Value],
      ])('holds %s', async (_, body) => {
        const document = thing('one', { group: 'g', rank: 1, body });
        await things.write(put(ada, document));
        const kept = { ...document, ...(body instanceof Uint8Array && { body: Uint8Array.from(body) }) };
        expect(await get(ada, 'one')).toStrictEqual(kept);
        expect(await find(ada, { index: 'by_rank', limit: 1 })).toStrictEqual([kept]);
        expect(await things.load([{ tenant: ada, id: 'one' }])).toStrictEqual([
          { key: { tenant: ada, id: 'one' }, document: kept },
        ]);
      });

      it('keeps an own key named __proto__, and nobody’s prototype changes', async () => {
        const body = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":2}}') as Value;
        const bytes = JSON.parse('{"__proto__":{"bytes":0}}') as Record<string, { bytes: Value }>;
        Object.values(bytes).forEach((held) => (held.bytes = Uint8Array.of(1)));
        await things.write(put(ada, thing('one', { body: [body, bytes] })));
        const read = (await get(ada, 'one'))?.body as readonly object[];
        expect(read.map((held) => Object.entries(held))).toStrictEqual([
          [
            ['__proto__', { polluted: 1 }],
            ['constructor', { prototype: 2 }],
          ],
          [['__proto__', { bytes: Uint8Array.of(1) }]],
        ]);
        expect(read.map((held): unknown => Object.getPrototypeOf(held))).toEqual([
          Object.prototype,
          Object.prototype,
        ]);
        expect('polluted' in {}).toBe(false);
      });

      it('of any shape comes back the same', async () => {
        let number = 0;
        await fc.assert(
          fc.asyncProperty(anyBody, async (body) => {
            const document = thing(`any-${(number += 1)}`, { body });
            await things.write(put(ada, document));
            expect(await get(ada, document.id)).toStrictEqual(document);
          }),
          { seed: 11, numRuns: runs },
        );
      });
    });

    describe('a write', () => {
      it('of many documents is there at once', async () => {
        const many = Array.from({ length: 1500 }, (_, at) => thing(`t${at}`, { group: 'g', rank: at }));
        await things.write(put(ada, ...many));
        expect(await things.load(many.map(({ id }) => ({ tenant: ada, id })))).toHaveLength(1500);
        expect(await find(ada, { index: 'by_rank', equals: ['g'], limit: 2000 })).toStrictEqual(many);
      });

      it('done again changes nothing', async () => {
        const changes = [...put(ada, thing('one', { group: 'g', rank: 1 })), { tenant: ada, id: 'two' }];
        await things.write(changes);
        await things.write(changes);
        expect(await ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['one']);
        expect(await scanned()).toEqual([{ tenant: 'ada', id: 'one' }]);
      });

      it('with a document in it twice keeps the last', async () => {
        await things.write([
          ...put(ada, thing('one', { group: 'g', rank: 1 }), thing('one', { group: 'h', rank: 2 })),
          ...put(ada, thing('two', { group: 'h', rank: 3 })),
          { tenant: ada, id: 'two' },
        ]);
        expect(await get(ada, 'one')).toStrictEqual(thing('one', { group: 'h', rank: 2 }));
        expect(await ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['one']);
      });

      it('of nothing is nothing', async () => {
        await things.write([]);
        expect(await scanned()).toEqual([]);
      });

      it('at the same time as another one leaves index and documents in step', async () => {
        await Promise.all(
          Array.from({ length: 20 }, (_, at) =>
            things.write(put(ada, thing('one', { group: 'g', rank: at }))),
          ),
        );
        const rank = (await get(ada, 'one'))?.rank;
        expect(await find(ada, { index: 'by_rank', limit: 9 })).toEqual([
          thing('one', { group: 'g', rank: rank! }),
        ]);
      });
    });

    describe('loading', () => {
      it('answers the documents there are', async () => {
        await things.write([...put(ada, thing('one'), thing('two')), ...put(bob, thing('one', { rank: 1 }))]);
        const loaded = await things.load([
          { tenant: ada, id: 'one' },
          { tenant: bob, id: 'one' },
          { tenant: bob, id: 'two' },
        ]);
        expect(new Map(loaded.map(({ key, document }) => [`${key.tenant} ${key.id}`, document]))).toEqual(
          new Map([
            ['ada one', thing('one')],
            ['bob one', thing('one', { rank: 1 })],
          ]),
        );
        expect(await things.load([])).toEqual([]);
      });
    });

    describe('a walk along an index', () => {
      const fill = (...rows: readonly (readonly [string, IndexValue?, IndexValue?])[]): Promise<void> =>
        things.write(
          put(
            ada,
            ...rows.map(([id, group, rank]) =>
              thing(id, { ...(group !== undefined && { group }), ...(rank !== undefined && { rank }) }),
            ),
          ),
        );

      it('goes by value, then by id, both ways', async () => {
        await fill(['c', 'g', 2], ['a', 'g', 2], ['b', 'g', 1], ['d', 'f', 9]);
        expect(await ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['d', 'b', 'a', 'c']);
        expect(await ids(ada, { index: 'by_rank', order: 'descending', limit: 9 })).toEqual([
          'c',
          'a',
          'b',
          'd',
        ]);
        expect(await ids(ada, { index: 'by_rank', equals: ['g'], limit: 9 })).toEqual(['b', 'a', 'c']);
        expect(await ids(ada, { index: 'by_rank', equals: ['g', 2], order: 'descending', limit: 9 })).toEqual(
          ['c', 'a'],
        );
        expect(await ids(ada, { index: 'by_rank', equals: ['h'], limit: 9 })).toEqual([]);
      });

      it('keeps to a range, its ends included, and to a limit', async () => {
        await fill(['a', 'g', -1.5], ['b', 'g', 0], ['c', 'g', 2], ['d', 'g', 10], ['e', 'h', 2]);
        const within = (range: Query['range'], more: Partial<Query> = {}): Promise<readonly string[]> =>
          ids(ada, { index: 'by_rank', equals: ['g'], ...(range && { range }), limit: 9, ...more });
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
          (await find(ada, { index: 'by_rank', equals: ['g'], limit: 99, ...more })).map(({ rank }) => rank);
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
        expect(await ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['both']);
        expect(await ids(ada, { index: 'by_rank', equals: ['g'], limit: 9 })).toEqual(['both']);
        expect(await ids(ada, { index: 'by_group', limit: 9 })).toEqual(['both', 'group']);
      });

      it('finds a document where its values are now, and only there', async () => {
        await fill(['one', 'g', 1], ['two', 'g', 2]);
        await fill(['one', 'h', 3]);
        await fill(['two']);
        expect(await ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['one']);
        expect(await ids(ada, { index: 'by_group', equals: ['g'], limit: 9 })).toEqual([]);
        await fill(['two', 'a', 1]);
        expect(await ids(ada, { index: 'by_group', limit: 9 })).toEqual(['two', 'one']);
      });

      it('finds documents with very long values and ids', async () => {
        const long = (end: string): string => 'x'.repeat(3000) + end;
        await fill([long('1'), long('g'), long('a')], [long('2'), long('g'), long('b')], ['s', 'short', 'c']);
        expect((await get(ada, long('2')))?.rank).toBe(long('b'));
        expect(await ids(ada, { index: 'by_rank', equals: [long('g'), long('b')], limit: 9 })).toEqual([
          long('2'),
        ]);
        expect(await ids(ada, { index: 'by_group', equals: [long('g')], limit: 9 })).toHaveLength(2);
        expect(await ids(ada, { index: 'by_group', equals: [long('h')], limit: 9 })).toEqual([]);
      });

      it('goes on after a document that is gone', async () => {
        await fill(['a', 'g', 1], ['b', 'g', 1], ['c', 'g', 1]);
        const after = placeOf((await get(ada, 'b'))!, BY_RANK)!;
        await things.write([{ tenant: ada, id: 'b' }]);
        expect(await ids(ada, { index: 'by_rank', equals: ['g'], after, limit: 9 })).toEqual(['c']);
        expect(
          await ids(ada, { index: 'by_rank', equals: ['g'], after, order: 'descending', limit: 9 }),
        ).toEqual(['a']);
      });

      it('along an index that there is not is refused', async () => {
        await expect(find(ada, { index: 'by_colour', limit: 1 })).rejects.toThrow('by_colour');
        await expect(find(ada, { index: 'by_group', equals: ['g', 1], limit: 1 })).rejects.toThrow(
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
              for await (const { key } of things.scan()) await things.write([key]);
              await things.write([...put(ada, ...rows), ...put(bob, ...rows)]);
              const expected = walked(rows, query);
              expect(await ids(ada, { ...query, limit: 100 })).toEqual(expected);
              const paged: string[] = [];
              for (let after: Query['after']; ;) {
                const page = await find(ada, { ...query, ...(after && { after }), limit });
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

    describe('tenants', () => {
      const strange = [
        'a',
        'a|',
        'a|b',
        'a\u0000',
        'a\u0000b',
        '',
        '|',
        '2|a',
        '$ne',
        '{"t":"a"}',
        'a\n',
        '😀',
        '_system',
      ];

      it('see their own documents only, whatever they and their documents are called', async () => {
        for (const tenant of strange)
          await things.write(
            strange.map((id) => ({
              tenant: tenant as TenantId,
              id,
              document: thing(id, { group: 'g', rank: 1, body: tenant }),
            })),
          );
        for (const tenant of strange.map((text) => text as TenantId)) {
          const found = await find(tenant, {
            index: 'by_rank',
            equals: ['g'],
            range: { from: 0 },
            limit: 1000,
          });
          expect(new Set(found.map(({ body }) => body))).toEqual(new Set([tenant]));
          expect(found).toHaveLength(strange.length);
          for (const id of strange) expect((await get(tenant, id))?.body).toBe(tenant);
        }
        expect(await find('stranger' as TenantId, { index: 'by_rank', limit: 9 })).toEqual([]);
      });

      it('cannot be left through a query', async () => {
        await things.write([
          ...put(ada, thing('one', { group: 'g', rank: 1 })),
          ...put(bob, thing('two', { group: 'g', rank: 2 })),
        ]);
        for (const order of ['ascending', 'descending'] as const) {
          const after = { values: ['g', order === 'ascending' ? 1 : 2], id: 'one' };
          expect(await ids(ada, { index: 'by_rank', order, limit: 9 })).toEqual(['one']);
          expect(await ids(ada, { index: 'by_rank', order, after, limit: 9 })).not.toContain('two');
        }
        const injected = { $gt: '' } as unknown as string;
        const got = get(ada, injected).catch(() => undefined);
        expect(await got).toBeUndefined();
        const found = ids(ada, { index: 'by_rank', equals: [injected], limit: 9 }).catch(() => []);
        expect(await found).toEqual([]);
      });

      it('are walked in order by a scan, each by its documents’ ids', async () => {
        const keys = strange.flatMap((tenant) => strange.map((id) => ({ tenant, id })));
        for (const { tenant, id } of keys.toReversed())
          await things.write(put(tenant as TenantId, thing(id)));
        expect(await scanned()).toEqual(
          keys.toSorted((one, other) => byBytes(one.tenant, other.tenant) || byBytes(one.id, other.id)),
        );
      });

      it('are scanned whole where there are many documents', async () => {
        const many = Array.from({ length: 1100 }, (_, at) => thing(String(at).padStart(5, '0')));
        await things.write([...put(ada, ...many), ...put(bob, thing('x'))]);
        expect((await scanned()).map(({ id }) => id)).toEqual([...many.map(({ id }) => id), 'x']);
      });
    });

    describe('collections', () => {
      const OTHER: CollectionSpec = { name: 'things-1-2', indexes: [BY_GROUP] };

      it('are apart from each other', async () => {
        const other = await harness.store.collection<Thing>(OTHER);
        await things.write(put(ada, thing('one', { group: 'g', rank: 1 })));
        await other.write(put(ada, thing('one', { group: 'other' })));
        expect((await get(ada, 'one'))?.group).toBe('g');
        const found = await harness.store
          .forTenant(ada)
          .find<Thing>(OTHER.name, { index: 'by_group', limit: 9 });
        expect(found).toEqual([thing('one', { group: 'other' })]);
        expect((await harness.store.collections()).toSorted()).toEqual([THINGS.name, OTHER.name]);
      });

      it('are dropped whole and can be made again, empty', async () => {
        await harness.store.collection<Thing>(OTHER);
        await things.write(put(ada, thing('one', { group: 'g', rank: 1 })));
        await harness.store.drop(THINGS.name);
        expect(await harness.store.collections()).toEqual([OTHER.name]);
        expect(await get(ada, 'one')).toBeUndefined();
        await harness.store.drop(THINGS.name);
        things = await harness.store.collection<Thing>(THINGS);
        expect(await get(ada, 'one')).toBeUndefined();
        expect(await ids(ada, { index: 'by_rank', limit: 9 })).toEqual([]);
        await things.write(put(ada, thing('two', { group: 'g', rank: 1 })));
        expect(await ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['two']);
      });

      it('can be opened again and again', async () => {
        await things.write(put(ada, thing('one', { group: 'g', rank: 1 })));
        const again = await harness.store.collection<Thing>(THINGS);
        await again.write(put(ada, thing('two', { group: 'g', rank: 2 })));
        expect(await ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['one', 'two']);
      });

      it('with other indexes need another name', async () => {
        await expect(harness.store.collection({ ...THINGS, indexes: [BY_GROUP] })).rejects.toThrow(
          THINGS.name,
        );
        await expect(harness.store.collection({ name: 'Not $ a name', indexes: [] })).rejects.toThrow(
          'Not $ a name',
        );
      });

      it('and everything in them are there after another start', async () => {
        const document = thing('one', { group: 'g', rank: 1, body: { bytes: Uint8Array.of(1) } });
        await things.write(put(ada, document));
        await harness.store.register.set('checkpoint', { at: 1 }, 0);
        await harness.reopen();
        expect(await harness.store.collections()).toEqual([THINGS.name]);
        expect(await get(ada, 'one')).toStrictEqual(document);
        expect(await find(ada, { index: 'by_rank', limit: 9 })).toStrictEqual([document]);
        expect(await harness.store.register.get('checkpoint')).toEqual({ value: { at: 1 }, version: 1 });
        things = await harness.store.collection<Thing>(THINGS);
        await things.write(put(ada, thing('one')));
        expect(await ids(ada, { index: 'by_rank', limit: 9 })).toEqual([]);
      });
    });

    describe('the register', () => {
      it('sets a value only at the version that was read', async () => {
        const { register } = harness.store;
        expect(await register.get('key')).toBeUndefined();
        expect(await register.set('key', { n: 1 }, 1)).toBe(false);
        expect(await register.set('key', { n: 1 }, 0)).toBe(true);
        expect(await register.set('key', { n: 2 }, 0)).toBe(false);
        expect(await register.get('key')).toEqual({ value: { n: 1 }, version: 1 });
        expect(await register.set('key', null, 1)).toBe(true);
        expect(await register.set('key', { n: 3 }, 1)).toBe(false);
        expect(await register.get('key')).toEqual({ value: null, version: 2 });
      });

      (atomic_updates ? it : it.skip)('loses no increment of many at once', async () => {
        const { register } = harness.store;
        const increment = async (): Promise<void> => {
          for (;;) {
            const { value = 0, version = 0 } = (await register.get('count')) ?? {};
            if (await register.set('count', Number(value) + 1, version)) return;
          }
        };
        await Promise.all(Array.from({ length: 12 }, increment));
        expect(await register.get('count')).toEqual({ value: 12, version: 12 });
      });

      it('lets one of many take what nobody has', async () => {
        const claims = await Promise.all(
          Array.from({ length: 12 }, (_, at) => harness.store.register.set('claim', at, 0)),
        );
        expect(claims.filter(Boolean)).toHaveLength(1);
        expect((await harness.store.register.get('claim'))?.value).toBe(claims.indexOf(true));
      });

      it('forgets what is deleted', async () => {
        const { register } = harness.store;
        await register.set('key', 1, 0);
        await register.delete('key');
        await register.delete('key');
        expect(await register.get('key')).toBeUndefined();
        expect(await register.set('key', 2, 0)).toBe(true);
      });

      it('lists by the beginning of the key', async () => {
        const { register } = harness.store;
        const value = { 'a.b': { $set: 1 }, '😀\u0000': ['x', null] };
        for (const key of ['a', 'a.1', 'a.😀', 'a/1', 'b', 'a.$x']) await register.set(key, value, 0);
        expect(await register.list('a.')).toEqual(
          ['a.$x', 'a.1', 'a.😀'].map((key) => ({ key, value, version: 1 })),
        );
        expect((await register.list('')).map(({ key }) => key)).toHaveLength(6);
        expect(await register.list('c')).toEqual([]);
      });
    });

    it('says that it is well', async () => {
      expect(await harness.store.health()).toEqual({ status: 'ok' });
    });
  });
};

/** JSON and bytes; zeros without a sign, as JSON has them. */
const anyBody: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0 || 0),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => Uint8Array.from(bytes)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('$bytes', '$$bytes', 'a.b', '$set', '_id')),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).value;

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

const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other));
