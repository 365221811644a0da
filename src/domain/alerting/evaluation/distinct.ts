/**
 * How many different texts were seen, in bounded memory: exact up to {@link CAPACITY}, beyond it an estimate from those
 * whose hash ends in enough zero bits (adaptive sampling), within a few percent. Merging is the same as adding all.
 */
export interface Distinct {
  /** A text is kept where its hash ends in this many zero bits. */
  level: number;
  readonly kept: Set<number>;
}

export const CAPACITY = 2_048;

export const emptyDistinct = (): Distinct => ({ level: 0, kept: new Set() });

/** 52 bits of two multiplicative hashes: the same on every machine, which is all that is asked of it. */
const hash = (text: string): number => {
  let low = 0x811c9dc5;
  let high = 0x9e3779b9;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b);
    high ^= high >>> 13;
  }
  low = Math.imul(low ^ (low >>> 16), 0xc2b2ae35);
  low ^= low >>> 15;
  high = Math.imul(high ^ (high >>> 16) ^ low, 0x27d4eb2f);
  high ^= high >>> 15;
  return (high >>> 12) * 2 ** 32 + (low >>> 0);
};

const sampled = (hashed: number, level: number): boolean => hashed % 2 ** level === 0;

const keep = (distinct: Distinct, hashed: number): void => {
  if (!sampled(hashed, distinct.level)) return;
  distinct.kept.add(hashed);
  while (distinct.kept.size > CAPACITY) raise(distinct, distinct.level + 1);
};

const raise = (distinct: Distinct, level: number): void => {
  distinct.level = level;
  for (const hashed of distinct.kept) if (!sampled(hashed, level)) distinct.kept.delete(hashed);
};

/** Counts a text, in place. */
export const addDistinct = (distinct: Distinct, text: string): void => keep(distinct, hash(text));

/** Counts everything of another, in place. */
export const mergeDistinct = (into: Distinct, other: Distinct): void => {
  if (other.level > into.level) raise(into, other.level);
  for (const hashed of other.kept) keep(into, hashed);
};

export const countDistinct = ({ level, kept }: Distinct): number => kept.size * 2 ** level;
