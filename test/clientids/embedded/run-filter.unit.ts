import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { HASH_WORDS } from '../../../src/clientids/embedded/hash.js';
import { filterOf, RunFilter } from '../../../src/clientids/embedded/run-filter.js';
import { ENTRY_BYTES } from '../../../src/clientids/embedded/run-format.js';

/** Hashes, and the same at every call. */
const hashes = (from: number, to: number): Uint32Array => {
  const words = new Uint32Array((to - from) * HASH_WORDS);
  for (let n = from; n < to; n += 1) {
    const digest = createHash('sha256').update(String(n)).digest();
    for (let i = 0; i < HASH_WORDS; i += 1) words[(n - from) * HASH_WORDS + i] = digest.readUInt32LE(i * 4);
  }
  return words;
};

const entriesOf = (words: Uint32Array): Buffer => {
  const entries = Buffer.alloc((words.length / HASH_WORDS) * ENTRY_BYTES);
  words.forEach((word, i) =>
    entries.writeUInt32LE(word, Math.floor(i / HASH_WORDS) * ENTRY_BYTES + (i % HASH_WORDS) * 4),
  );
  return entries;
};

const held = (filter: RunFilter, words: Uint32Array): number =>
  words.filter((_, i) => i % HASH_WORDS === 0 && filter.mayHold(words, i)).length;

describe('the filter of a run', () => {
  it.each([0, 1, 31, 32, 33, 5000])('holds each of %d ids', (count) => {
    const words = hashes(0, count);
    expect(held(new RunFilter(filterOf(entriesOf(words), count), count), words)).toBe(count);
  });

  it('turns all but one in five hundred of the others away, in sixteen bits an id', () => {
    const count = 8_000;
    const filter = new RunFilter(filterOf(entriesOf(hashes(0, count)), count), count);
    expect(filter.bytes).toBe(count * 2);
    expect(held(filter, hashes(count, 2 * count))).toBeLessThan(count / 500);
    expect(held(new RunFilter(filterOf(Buffer.alloc(0), 0), 0), hashes(0, 100))).toBe(0);
  });
});
