import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Value } from '../../../src/readstore/read-store.js';
import { ada, bob, put, thing, type Subject, type Thing } from './subject.js';

export const documentsContract = (on: Subject, runs: number): void => {
  describe('a document', () => {
    it('is read as it was written', async () => {
      const document = thing('one', {
        group: 'g',
        rank: 1,
        body: { list: [1, 'two', null, { three: true }] },
      });
      await on.things.write(put(ada, document));
      expect(await on.get(ada, 'one')).toStrictEqual(document);
    });

    it('that was never written is not there', async () => {
      expect(await on.get(ada, 'one')).toBeUndefined();
      expect(await on.harness.store.forTenant(ada).get('no-such-collection', 'one')).toBeUndefined();
    });

    it('is replaced whole', async () => {
      await on.things.write(put(ada, thing('one', { group: 'g', rank: 1, body: { left: 1 } })));
      await on.things.write(put(ada, thing('one', { body: { right: 2 } })));
      expect(await on.get(ada, 'one')).toStrictEqual(thing('one', { body: { right: 2 } }));
    });

    it('is gone once deleted, from its indexes too', async () => {
      await on.things.write(
        put(ada, thing('one', { group: 'g', rank: 1 }), thing('two', { group: 'g', rank: 2 })),
      );
      await on.things.write([{ tenant: ada, id: 'one' }]);
      expect(await on.get(ada, 'one')).toBeUndefined();
      expect(await on.ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['two']);
    });

    it('can be deleted where there is none', async () => {
      await on.things.write([{ tenant: ada, id: 'one' }]);
      expect(await on.scanned()).toEqual([]);
    });

    it('written under another id than its own is refused', async () => {
      await expect(on.things.write([{ tenant: ada, id: 'one', document: thing('two') }])).rejects.toThrow(
        'two',
      );
    });

    it('leaves out fields that are undefined', async () => {
      await on.things.write(put(ada, thing('one', { body: { here: 1, not_here: undefined } })));
      expect(await on.get(ada, 'one')).toStrictEqual(thing('one', { body: { here: 1 } }));
    });

    it('may be of a megabyte, in text and in bytes', async () => {
      const document = thing('big', {
        body: { text: 'é'.repeat(500_000), bytes: new Uint8Array(1_000_000).fill(7) },
      });
      await on.things.write(put(ada, document));
      expect(await on.get(ada, 'big')).toStrictEqual(document);
    });

    it('is not changed by what a reader does to its copy', async () => {
      await on.things.write(put(ada, thing('one', { body: { bytes: Uint8Array.of(1, 2), list: [1] } })));
      const copy = (await on.get(ada, 'one')) as Thing & { body: { bytes: Uint8Array; list: number[] } };
      copy.body.bytes[0] = 9;
      copy.body.list.push(2);
      expect((await on.get(ada, 'one'))?.body).toStrictEqual({ bytes: Uint8Array.of(1, 2), list: [1] });
    });

    it.each<readonly [string, Value]>([
      [
        'bytes, as bytes',
        { bytes: Uint8Array.of(0, 1, 255), none: new Uint8Array(0), in: [[Uint8Array.of(5)]] },
      ],
      ['a part of a larger array of bytes', Uint8Array.of(1, 2, 3, 4).subarray(1, 3)],
      [
        'lists of bytes',
        {
          list: [Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)],
          one: [Uint8Array.of(4)],
          mixed: [Uint8Array.of(5), null, Uint8Array.of(6)],
          $bytes: [Uint8Array.of(7), Uint8Array.of(8)],
          after: Uint8Array.of(9),
        },
      ],
      ['a key of ours with numbers for a value', { $bytes: [0, 2], in: { $bytes: [1, 1] } }],
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
      await on.things.write(put(ada, document));
      const kept = { ...document, ...(body instanceof Uint8Array && { body: Uint8Array.from(body) }) };
      expect(await on.get(ada, 'one')).toStrictEqual(kept);
      expect(await on.find(ada, { index: 'by_rank', limit: 1 })).toStrictEqual([kept]);
      expect(await on.things.load([{ tenant: ada, id: 'one' }])).toStrictEqual([
        { key: { tenant: ada, id: 'one' }, document: kept },
      ]);
    });

    it('keeps an own key named __proto__, and nobody’s prototype changes', async () => {
      const body = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":2}}') as Value;
      const bytes = JSON.parse('{"__proto__":{"bytes":0}}') as Record<string, { bytes: Value }>;
      Object.values(bytes).forEach((held) => (held.bytes = Uint8Array.of(1)));
      await on.things.write(put(ada, thing('one', { body: [body, bytes] })));
      const read = (await on.get(ada, 'one'))?.body as readonly object[];
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
          await on.things.write(put(ada, document));
          expect(await on.get(ada, document.id)).toStrictEqual(document);
        }),
        { seed: 11, numRuns: runs },
      );
    });
  });

  describe('a write', () => {
    it('of many documents is there at once', async () => {
      const many = Array.from({ length: 1500 }, (_, at) => thing(`t${at}`, { group: 'g', rank: at }));
      await on.things.write(put(ada, ...many));
      expect(await on.things.load(many.map(({ id }) => ({ tenant: ada, id })))).toHaveLength(1500);
      expect(await on.find(ada, { index: 'by_rank', equals: ['g'], limit: 2000 })).toStrictEqual(many);
    });

    it('done again changes nothing', async () => {
      const changes = [...put(ada, thing('one', { group: 'g', rank: 1 })), { tenant: ada, id: 'two' }];
      await on.things.write(changes);
      await on.things.write(changes);
      expect(await on.ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['one']);
      expect(await on.scanned()).toEqual([{ tenant: 'ada', id: 'one' }]);
    });

    it('with a document in it twice keeps the last', async () => {
      await on.things.write([
        ...put(ada, thing('one', { group: 'g', rank: 1 }), thing('one', { group: 'h', rank: 2 })),
        ...put(ada, thing('two', { group: 'h', rank: 3 })),
        { tenant: ada, id: 'two' },
      ]);
      expect(await on.get(ada, 'one')).toStrictEqual(thing('one', { group: 'h', rank: 2 }));
      expect(await on.ids(ada, { index: 'by_rank', limit: 9 })).toEqual(['one']);
    });

    it('of nothing is nothing', async () => {
      await on.things.write([]);
      expect(await on.scanned()).toEqual([]);
    });

    it('at the same time as another one leaves index and documents in step', async () => {
      await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          on.things.write(put(ada, thing('one', { group: 'g', rank: at }))),
        ),
      );
      const rank = (await on.get(ada, 'one'))?.rank;
      expect(await on.find(ada, { index: 'by_rank', limit: 9 })).toEqual([
        thing('one', { group: 'g', rank: rank! }),
      ]);
    });
  });

  describe('loading', () => {
    it('answers the documents there are', async () => {
      await on.things.write([
        ...put(ada, thing('one'), thing('two')),
        ...put(bob, thing('one', { rank: 1 })),
      ]);
      const loaded = await on.things.load([
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
      expect(await on.things.load([])).toEqual([]);
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
