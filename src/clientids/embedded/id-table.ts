import { HASH_WORDS } from './hash.js';
import type { Holder } from './holder.js';

const FIRST_SLOTS = 1_024;

/**
 * Ids by their hash, each with its holder and its place among the holder's events: open addressing in typed arrays,
 * some 24 bytes a slot. Nothing is taken out; a table is left behind whole.
 */
export class IdTable {
  #slots = FIRST_SLOTS;
  #hashes = new Uint32Array(FIRST_SLOTS * HASH_WORDS);
  /** The holder's number in the list, from 1; 0: the slot is free. */
  #holders = new Uint32Array(FIRST_SLOTS);
  #places = new Uint32Array(FIRST_SLOTS);
  readonly #list: Holder[] = [];
  #used = 0;

  /** How many ids there are. */
  get size(): number {
    return this.#used;
  }

  /** The slot of the hash at `at`, or the free one where it would stand. Good until the next call. */
  slot(hashes: Uint32Array, at: number): number {
    if ((this.#used + 1) * 4 > this.#slots * 3) this.#grow();
    return this.#probe(hashes, at);
  }

  holder(slot: number): Holder | undefined {
    return this.#list[(this.#holders[slot] ?? 0) - 1];
  }

  place(slot: number): number {
    return this.#places[slot] ?? 0;
  }

  /** Adds a holder; its number is for {@link put}. */
  enlist(holder: Holder): number {
    return this.#list.push(holder);
  }

  /** Puts the hash at `at` into the slot that was found for it. */
  put(slot: number, hashes: Uint32Array, at: number, holder: number, place: number): void {
    if (this.#holders[slot] === 0) {
      this.#used += 1;
      for (let i = 0; i < HASH_WORDS; i += 1) this.#hashes[slot * HASH_WORDS + i] = hashes[at + i] ?? 0;
    }
    this.#holders[slot] = holder;
    this.#places[slot] = place;
  }

  /** Calls with each id: where its hash begins in `hashes`, its holder and its place. */
  forEach(visit: (hashes: Uint32Array, at: number, holder: Holder, place: number) => void): void {
    for (let slot = 0; slot < this.#slots; slot += 1) {
      const holder = this.holder(slot);
      if (holder) visit(this.#hashes, slot * HASH_WORDS, holder, this.place(slot));
    }
  }

  #probe(hashes: Uint32Array, at: number): number {
    const mask = this.#slots - 1;
    const a = hashes[at] ?? 0;
    const b = hashes[at + 1];
    const c = hashes[at + 2];
    const d = hashes[at + 3];
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      if (this.#holders[slot] === 0) return slot;
      const base = slot * HASH_WORDS;
      if (
        this.#hashes[base] === a &&
        this.#hashes[base + 1] === b &&
        this.#hashes[base + 2] === c &&
        this.#hashes[base + 3] === d
      )
        return slot;
    }
  }

  #grow(): void {
    const [hashes, holders, places, slots] = [this.#hashes, this.#holders, this.#places, this.#slots];
    this.#slots = slots * 2;
    this.#hashes = new Uint32Array(this.#slots * HASH_WORDS);
    this.#holders = new Uint32Array(this.#slots);
    this.#places = new Uint32Array(this.#slots);
    this.#used = 0;
    for (let slot = 0; slot < slots; slot += 1) {
      const holder = holders[slot] ?? 0;
      if (holder === 0) continue;
      const at = slot * HASH_WORDS;
      this.put(this.#probe(hashes, at), hashes, at, holder, places[slot] ?? 0);
    }
  }
}
