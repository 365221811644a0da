/** Texts that a set remembers at most. */
const MOST_TEXTS = 50_000;

/**
 * A number below 2^53 that is the same for the same text, and for few others: two runs of multiplications over the
 * code units, mixed in the end. Not for secrets, nor against somebody who looks for two texts with the same one.
 */
export const textHash = (text: string): number => {
  let one = 0x9e3779b9;
  let other = 0x7f4a7c15;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    one = Math.imul(one ^ unit, 0x85ebca6b);
    other = Math.imul(other ^ unit, 0xc2b2ae35);
  }
  one = Math.imul(one ^ (one >>> 16), 0x27d4eb2f) ^ Math.imul(other ^ (other >>> 13), 0x165667b1);
  other = Math.imul(other ^ (other >>> 16), 0x27d4eb2f) ^ Math.imul(one ^ (one >>> 13), 0x165667b1);
  return (other >>> 11) * 0x100000000 + (one >>> 0);
};

/** Some texts, by their hashes; where there were too many, every text counts as known. */
export class TextSet {
  readonly #hashes = new Set<number>();

  add(text: string): void {
    if (this.#hashes.size < MOST_TEXTS) this.#hashes.add(textHash(text));
  }

  has(text: string): boolean {
    return this.#hashes.size >= MOST_TEXTS || this.#hashes.has(textHash(text));
  }

  save(): readonly number[] {
    return [...this.#hashes];
  }

  restore(hashes: readonly number[]): void {
    for (const hash of hashes) this.#hashes.add(hash);
  }
}

/** How often each of some texts was met, by their hashes. */
export class Tally {
  readonly #counts = new Map<number, number>();

  add(text: string): number {
    const hash = textHash(text);
    const count = (this.#counts.get(hash) ?? 0) + 1;
    this.#counts.set(hash, count);
    return count;
  }

  get size(): number {
    return this.#counts.size;
  }

  of(text: string): number {
    return this.#counts.get(textHash(text)) ?? 0;
  }

  save(): readonly (readonly [number, number])[] {
    return [...this.#counts];
  }

  restore(counts: readonly (readonly [number, number])[]): void {
    for (const [hash, count] of counts) this.#counts.set(hash, count);
  }
}
