import type { ByteReader, ByteWriter } from '../column-codec/bytes.js';

/**
 * Which ids may be among some: a Bloom filter of whole values (Bloom 1970), eight bits and four hashes for each, so that
 * one that is not there passes with a chance of 1 in 40. Ids are what random digits are made into, of which texts' own
 * filter (text-filter.ts) could tell nothing.
 */
export interface IdFilter {
  /** Empty where there are no ids. */
  readonly bits: Uint8Array;
}

const HASHES = 4;
const BITS_EACH = 8;

/** The hash of bytes, FNV-1a with a last step that spreads it (MurmurHash3's): `seed` makes it another one. */
const hashOf = (bytes: Uint8Array, from: number, to: number, seed: number): number => {
  let hash = seed;
  for (let i = from; i < to; i += 1) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
};
const SEEDS = [0x811c9dc5, 0x9e3779b9] as const;

/** Calls back with each bit of an id: two hashes make all (Kirsch and Mitzenmacher 2006). Stops where it says false. */
const eachBit = (first: number, second: number, size: number, visit: (bit: number) => boolean): boolean => {
  for (let i = 0; i < HASHES; i += 1) if (!visit((first + i * second) % size)) return false;
  return true;
};

/** Gathers ids into a filter. */
export class IdFilterBuilder {
  /** The two hashes of each id. */
  readonly #hashes: number[] = [];

  /** The bytes from one place up to another. */
  add(bytes: Uint8Array, from: number, to: number): void {
    this.#hashes.push(hashOf(bytes, from, to, SEEDS[0]), hashOf(bytes, from, to, SEEDS[1]));
  }

  filter(): IdFilter {
    const hashes = this.#hashes;
    const bits = new Uint8Array((hashes.length / 2) * (BITS_EACH / 8));
    for (let i = 0; i < hashes.length; i += 2)
      eachBit(hashes[i] as number, hashes[i + 1] as number, 8 * bits.length, (bit) => {
        bits[bit >> 3] = (bits[bit >> 3] as number) | (1 << (bit & 7));
        return true;
      });
    return { bits };
  }
}

/** Whether an id may be among those that were gathered. Never false where it is. */
export const mayHoldId = ({ bits }: IdFilter, id: string): boolean => {
  if (bits.length === 0) return false;
  const bytes = Buffer.from(id);
  const [first, second] = SEEDS.map((seed) => hashOf(bytes, 0, bytes.length, seed)) as [number, number];
  return eachBit(
    first,
    second,
    8 * bits.length,
    (bit) => ((bits[bit >> 3] as number) & (1 << (bit & 7))) !== 0,
  );
};

/** Writes a filter: its bits (blob). */
export const writeIdFilter = ({ bits }: IdFilter, out: ByteWriter): void => {
  out.blob(bits);
};

/** Reads what {@link writeIdFilter} wrote. */
export const readIdFilter = (from: ByteReader): IdFilter => ({ bits: from.blob() });
