import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HASH_WORDS } from '../../../src/clientids/embedded/hash.js';
import { Holder } from '../../../src/clientids/embedded/holder.js';
import { HOLDER, ID_WORDS, IdTable, PLACE } from '../../../src/clientids/embedded/id-table.js';
import type { EventId } from '../../../src/domain/ids.js';

/** Few different words, and those with the sign bit: hashes that differ in one word, or share their slot. */
const word = fc.constantFrom(0, 1, 2, 1024, 0x7fff_ffff, 0x8000_0000, 0xffff_fc00, 0xffff_ffff);
const hash = fc.tuple(word, word, word, word);

/** Spread over everything, and the same at every call. */
const spread = (n: number): readonly [number, number, number, number] => [
  Math.imul(n + 1, 0x9e3779b1) >>> 0,
  Math.imul(n + 1, 0x85ebca77) >>> 0,
  n,
  7,
];

const put = (table: IdTable, words: readonly number[], holder: number, place: number): void => {
  const hashes = Uint32Array.from(words);
  table.put(table.slot(hashes, 0), hashes, 0, holder, place);
};

const found = (table: IdTable, words: readonly number[]) => {
  const slot = table.slot(Uint32Array.from(words), 0);
  const holder = table.holder(slot);
  return holder && [holder, table.place(slot)];
};

describe('a table of ids', () => {
  it('knows what was put last under a hash, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(hash, fc.nat(2), fc.nat(100))),
        fc.array(hash),
        fc.nat(3000),
        (puts, others, more) => {
          const table = new IdTable();
          const holders = [new Holder(), new Holder(), new Holder()];
          for (const holder of holders) table.enlist(holder);
          const model = new Map<string, unknown>();
          for (const [words, which, place] of puts) {
            put(table, words, which + 1, place);
            model.set(words.join(), [holders[which], place]);
          }
          // Makes it grow, mostly.
          for (let n = 0; n < more; n += 1) put(table, spread(n), 1, n);
          expect(table.size).toBe(model.size + more);
          table.fetch(Uint32Array.from(others.flat()));
          for (const words of [...puts.map(([words]) => words), ...others])
            expect(found(table, words)).toEqual(model.get(words.join()));
          for (let n = 0; n < more; n += 97) expect(found(table, spread(n))).toEqual([holders[0], n]);
          expect(found(table, spread(more))).toBeUndefined();
        },
      ),
    );
  });

  it('leaves those of some holders in another', () => {
    const table = new IdTable();
    const holders = Array.from({ length: 5 }, () => new Holder());
    const numbers = holders.map((holder) => table.enlist(holder));
    for (let n = 0; n < 2000; n += 1) put(table, spread(n), numbers[n % 5] ?? 0, n);
    const left = table.only((holder) => holder === holders[1] || holder === holders[4], 0);
    expect(left.size).toBe(800);
    for (let n = 0; n < 2000; n += 1)
      expect(found(left, spread(n))).toEqual(n % 5 === 1 || n % 5 === 4 ? [holders[n % 5], n] : undefined);
    expect(table.only(() => false, 100).size).toBe(0);
  });

  it('says in plain memory what is stored and where', () => {
    const table = new IdTable();
    const [stored, failed] = [new Holder(), new Holder()];
    for (const holder of [stored, failed]) table.enlist(holder);
    put(table, spread(1), 1, 3);
    put(table, spread(2), 2, 0);
    const chunk = '0190b3c5-d1f8-7c0e-8a4f-000000700000' as EventId;
    stored.settle({ outcome: 'stored', chunk, index: 0x12, recorded_at: 1_700_000_000_123 });
    failed.settle({ outcome: 'failed' });
    const { ids, recorded, addresses } = table.recent();
    expect([...ids]).toEqual([...spread(1), 1, 3, ...spread(2), 2, 0]);
    expect([HASH_WORDS, HOLDER, PLACE, ID_WORDS]).toEqual([4, 4, 5, 6]);
    expect([...recorded]).toEqual([1_700_000_000_123, 0]);
    expect(Buffer.from(addresses).toString('hex', 0, 16)).toBe('0190b3c5d1f87c0e8a4f000000700012');
  });
});
