import { HASH_WORDS } from './hash.js';
import { ENTRY_BYTES } from './run-format.js';

/** Bits of a filter for each id: of ids that are not there one in four hundred is looked for in the file. */
const FILTER_BITS = 16;

const bitsFor = (ids: number): number => Math.max(32, ids * FILTER_BITS);

/** What makes a bit's number of a hash's word, in a filter for so many ids. */
export const filterScale = (ids: number): number => bitsFor(ids) / 2 ** 32;

/** A Bloom filter of the hashes of so many entries; a bit for each of their words. */
export const filterOf = (entries: Buffer, ids: number): Uint32Array => {
  const filter = new Uint32Array(Math.ceil(bitsFor(ids) / 32));
  const scale = filterScale(ids);
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  for (let offset = 0; offset < entries.length; offset += ENTRY_BYTES)
    for (let word = 0; word < HASH_WORDS; word += 1) {
      const bit = Math.floor(view.getUint32(offset + word * 4, true) * scale);
      filter[bit >>> 5] = (filter[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  return filter;
};

/** Whether the hash at `at` may be in a filter; of no it is sure. */
export const mayHold = (filter: Uint32Array, scale: number, hashes: Uint32Array, at: number): boolean => {
  for (let word = 0; word < HASH_WORDS; word += 1) {
    const bit = Math.floor((hashes[at + word] ?? 0) * scale);
    if (((filter[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
  }
  return true;
};
