import { HASH_WORDS } from './hash.js';
import type { Holder } from './holder.js';

const FEWEST_SLOTS = 1_024;
/** Slots for each id, at least. */
const FULLEST = 4 / 3;
/** Words of a slot: the hash, the holder's number in the list from 1 (0: the slot is free), and the place. */
const SLOT_WORDS = HASH_WORDS + 2;
const HOLDER = HASH_WORDS;
const PLACE = HASH_WORDS + 1;

/**
 * Ids by their hash, each with its holder and its place among the holder's events: open addressing, 24 bytes a slot next
 * to each other. Nothing is taken out; a table is left behind whole.
 */
export class IdTable {
  #slots: number;
  #words: Uint32Array;
  readonly #list: Holder[] = [];
  #used = 0;

  /** `expected`: ids that there will be about; more or fewer may come. */
  constructor(expected = 0) {
    this.#slots = Math.max(FEWEST_SLOTS, 2 ** Math.ceil(Math.log2(Math.max(1, expected * FULLEST))));
    this.#words = new Uint32Array(this.#slots * SLOT_WORDS);
  }

  /** How many ids there are. */
  get size(): number {
    return this.#used;
  }

  /** The slot of the hash at `at`, or the free one where it would stand. Good until the next call. */
  slot(hashes: Uint32Array, at: number): number {
    if (this.#used * FULLEST >= this.#slots) this.#grow();
    return this.#probe(hashes, at);
  }

  holder(slot: number): Holder | undefined {
    const number = this.#words[slot * SLOT_WORDS + HOLDER] ?? 0;
    return number === 0 ? undefined : this.#list[number - 1];
  }

  place(slot: number): number {
    return this.#words[slot * SLOT_WORDS + PLACE] ?? 0;
  }

  /** Adds a holder; its number is for {@link put}. */
  enlist(holder: Holder): number {
    return this.#list.push(holder);
  }

  /** Puts the hash at `at` into the slot that was found for it. */
  put(slot: number, hashes: Uint32Array, at: number, holder: number, place: number): void {
    const words = this.#words;
    const base = slot * SLOT_WORDS;
    if (words[base + HOLDER] === 0) {
      this.#used += 1;
      for (let i = 0; i < HASH_WORDS; i += 1) words[base + i] = hashes[at + i] ?? 0;
    }
    words[base + HOLDER] = holder;
    words[base + PLACE] = place;
  }

  /** Calls with each id: where its hash begins in `hashes`, its holder and its place. */
  forEach(visit: (hashes: Uint32Array, at: number, holder: Holder, place: number) => void): void {
    for (let slot = 0; slot < this.#slots; slot += 1) {
      const holder = this.holder(slot);
      if (holder) visit(this.#words, slot * SLOT_WORDS, holder, this.place(slot));
    }
  }

  #probe(hashes: Uint32Array, at: number): number {
    const words = this.#words;
    const mask = this.#slots - 1;
    const a = hashes[at] ?? 0;
    const b = hashes[at + 1];
    const c = hashes[at + 2];
    const d = hashes[at + 3];
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      const base = slot * SLOT_WORDS;
      if (words[base + HOLDER] === 0) return slot;
      if (words[base] === a && words[base + 1] === b && words[base + 2] === c && words[base + 3] === d)
        return slot;
    }
  }

  #grow(): void {
    const words = this.#words;
    this.#slots *= 2;
    this.#words = new Uint32Array(this.#slots * SLOT_WORDS);
    this.#used = 0;
    for (let base = 0; base < words.length; base += SLOT_WORDS) {
      const holder = words[base + HOLDER] ?? 0;
      if (holder > 0) this.put(this.#probe(words, base), words, base, holder, words[base + PLACE] ?? 0);
    }
  }
}
