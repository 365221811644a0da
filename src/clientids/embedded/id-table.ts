import { HASH_WORDS } from './hash.js';
import { ADDRESS_BYTES, type Holder } from './holder.js';

const FEWEST_SLOTS = 1_024;
/** Slots for each id, at least. */
const FULLEST = 4 / 3;

/** Words of an id: its hash, its holder's number in the list from 1, and its place among the holder's events. */
export const ID_WORDS = HASH_WORDS + 2;
export const HOLDER = HASH_WORDS;
export const PLACE = HASH_WORDS + 1;

/** A table's ids as plain memory, which a thread reads while the table is still asked here. */
export interface RecentIds {
  /** {@link ID_WORDS} each. */
  readonly ids: Uint32Array;
  /** By holder: when its events were recorded, epoch milliseconds; 0: they are not stored. */
  readonly recorded: Float64Array;
  /** By holder: the address of its first event. */
  readonly addresses: Uint8Array;
}

/**
 * Ids by their hash, each with its holder and its place among the holder's events: open addressing over slots of one
 * word, which hold an id's number and, in the bits above it, some of its hash. So what is not there is mostly answered by
 * memory that a processor keeps close; the ids stand one behind the other, as they came. Nothing is taken out; a table is
 * left behind whole.
 */
export class IdTable {
  /** 0: the slot is free. */
  #slots: Int32Array;
  /** Shared, so that a thread can make a run of them; the n-th id begins at (n - 1) · {@link ID_WORDS}. */
  #ids: Uint32Array;
  readonly #holders: Holder[] = [];
  #used = 0;
  /** Means nothing; without it the compiler would leave out what {@link fetch} does. */
  fetched = 0;

  /** `expected`: ids that there will be about; more or fewer may come. */
  constructor(expected = 0) {
    const slots = Math.max(FEWEST_SLOTS, 2 ** Math.ceil(Math.log2(Math.max(1, expected * FULLEST))));
    this.#slots = new Int32Array(slots);
    this.#ids = roomFor(slots);
  }

  /** How many ids there are. */
  get size(): number {
    return this.#used;
  }

  /**
   * Has the slots of some hashes at hand for the questions that follow: where no answer decides what is asked next, a
   * processor waits for many pieces of memory at once.
   */
  fetch(hashes: Uint32Array): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let all = 0;
    for (let at = 0; at < hashes.length; at += HASH_WORDS) all ^= slots[(hashes[at] ?? 0) & mask] ?? 0;
    this.fetched = all;
  }

  /** The slot of the hash at `at`, or the free one where it would stand. Good until the next call. */
  slot(hashes: Uint32Array, at: number): number {
    if (this.#used * FULLEST >= this.#slots.length) this.#grow();
    const slots = this.#slots;
    const mask = slots.length - 1;
    const above = (hashes[at + 1] ?? 0) & ~mask;
    for (let slot = (hashes[at] ?? 0) & mask; ; slot = (slot + 1) & mask) {
      const word = slots[slot] ?? 0;
      if (word === 0) return slot;
      if ((word & ~mask) === above && this.#is((word & mask) - 1, hashes, at)) return slot;
    }
  }

  holder(slot: number): Holder | undefined {
    const id = this.#idIn(slot);
    return id < 0 ? undefined : this.#holders[(this.#ids[id * ID_WORDS + HOLDER] ?? 0) - 1];
  }

  place(slot: number): number {
    return this.#ids[this.#idIn(slot) * ID_WORDS + PLACE] ?? 0;
  }

  /** Adds a holder; its number is for {@link put}. */
  enlist(holder: Holder): number {
    return this.#holders.push(holder);
  }

  /** Puts the hash at `at` into the slot that was found for it. */
  put(slot: number, hashes: Uint32Array, at: number, holder: number, place: number): void {
    const ids = this.#ids;
    let id = this.#idIn(slot);
    if (id < 0) {
      id = this.#used;
      this.#used += 1;
      const mask = this.#slots.length - 1;
      this.#slots[slot] = ((hashes[at + 1] ?? 0) & ~mask) | this.#used;
      for (let i = 0; i < HASH_WORDS; i += 1) ids[id * ID_WORDS + i] = hashes[at + i] ?? 0;
    }
    ids[id * ID_WORDS + HOLDER] = holder;
    ids[id * ID_WORDS + PLACE] = place;
  }

  /** A table of those ids whose holders are to be kept. `expected`: ids that there will be about. */
  only(keep: (holder: Holder) => boolean, expected: number): IdTable {
    const left = new IdTable(expected);
    const numbers = this.#holders.map((holder) => (keep(holder) ? left.enlist(holder) : 0));
    if (!numbers.some((number) => number > 0)) return left;
    const ids = this.#ids;
    for (let at = 0; at < this.#used * ID_WORDS; at += ID_WORDS) {
      const number = numbers[(ids[at + HOLDER] ?? 0) - 1] ?? 0;
      if (number > 0) left.put(left.slot(ids, at), ids, at, number, ids[at + PLACE] ?? 0);
    }
    return left;
  }

  /** The ids, good for as long as none is put. */
  recent(): RecentIds {
    const recorded = new Float64Array(this.#holders.length);
    const addresses = Buffer.alloc(this.#holders.length * ADDRESS_BYTES);
    for (const [n, holder] of this.#holders.entries()) {
      if (holder.outcome?.outcome !== 'stored') continue;
      recorded[n] = holder.outcome.recorded_at;
      holder.writeAddress(addresses, n * ADDRESS_BYTES);
    }
    return { ids: this.#ids.subarray(0, this.#used * ID_WORDS), recorded, addresses };
  }

  /** The number from 0 of the id in a slot; -1: it is free. */
  #idIn(slot: number): number {
    return ((this.#slots[slot] ?? 0) & (this.#slots.length - 1)) - 1;
  }

  #is(id: number, hashes: Uint32Array, at: number): boolean {
    const ids = this.#ids;
    const base = id * ID_WORDS;
    for (let i = 0; i < HASH_WORDS; i += 1) if (ids[base + i] !== hashes[at + i]) return false;
    return true;
  }

  #grow(): void {
    const ids = this.#ids;
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let id = 1; id <= this.#used; id += 1) {
      const at = (id - 1) * ID_WORDS;
      let slot = (ids[at] ?? 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = ((ids[at + 1] ?? 0) & ~mask) | id;
    }
    this.#slots = slots;
    this.#ids = roomFor(slots.length);
    this.#ids.set(ids.subarray(0, this.#used * ID_WORDS));
  }
}

/** Room for as many ids as so many slots take before there are to be more. */
const roomFor = (slots: number): Uint32Array =>
  new Uint32Array(
    new SharedArrayBuffer((Math.ceil(slots / FULLEST) + 1) * ID_WORDS * Uint32Array.BYTES_PER_ELEMENT),
  );
