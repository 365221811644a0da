import { ENTRY_BYTES } from './run-format.js';

/** Bits of a filter for each id. */
const BITS_AN_ID = 16;
/** A block is as long as what a processor fetches at once: 512 bits. */
const BLOCK_WORDS = 16;
const BIT_MASK = 511;
/** From where in each of a hash's last three words a bit's number in the block is taken. */
const SHIFTS = [0, 9, 18] as const;

const blocksFor = (ids: number): number => Math.max(1, Math.ceil((ids * BITS_AN_ID) / (BLOCK_WORDS * 32)));

/**
 * A blocked Bloom filter of hashes: the first word of a hash says which block, the others name nine bits in it. So a
 * question waits for memory once, and of ids that are not there it says of one in a thousand that they may be.
 *
 * Source: F. Putze, P. Sanders, J. Singler, Cache-, hash- and space-efficient Bloom filters (2007).
 */
export class RunFilter {
  readonly #blocks: number;

  /** `words`: what {@link filterOf} made for so many ids. */
  constructor(
    private readonly words: Uint32Array,
    ids: number,
  ) {
    this.#blocks = blocksFor(ids);
  }

  get bytes(): number {
    return this.words.byteLength;
  }

  /** Whether the hash at `at` may be there; of no it is sure. */
  mayHold(hashes: Uint32Array, at: number): boolean {
    const { words } = this;
    const block = blockOf(hashes[at] ?? 0, this.#blocks);
    for (let word = 1; word <= SHIFTS.length; word += 1) {
      const bits = hashes[at + word] ?? 0;
      for (const shift of SHIFTS) {
        const bit = (bits >>> shift) & BIT_MASK;
        if (((words[block + (bit >>> 5)] ?? 0) & (1 << (bit & 31))) === 0) return false;
      }
    }
    return true;
  }
}

/** Where a hash's block begins. */
const blockOf = (first_word: number, blocks: number): number =>
  Math.floor(first_word * (blocks / 2 ** 32)) * BLOCK_WORDS;

/** The words of a filter for the hashes of so many entries. */
export const filterOf = (entries: Buffer, ids: number): Uint32Array => {
  const blocks = blocksFor(ids);
  const words = new Uint32Array(blocks * BLOCK_WORDS);
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  for (let offset = 0; offset < entries.length; offset += ENTRY_BYTES) {
    const block = blockOf(view.getUint32(offset, true), blocks);
    for (let word = 1; word <= SHIFTS.length; word += 1) {
      const bits = view.getUint32(offset + word * 4, true);
      for (const shift of SHIFTS) {
        const bit = (bits >>> shift) & BIT_MASK;
        const at = block + (bit >>> 5);
        words[at] = (words[at] ?? 0) | (1 << (bit & 31));
      }
    }
  }
  return words;
};
