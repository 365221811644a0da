import { append, EMPTY, rootOf, type Frontier } from '../domain/integrity/merkle.js';
import { sha256 } from './raw-segment.js';

const LEAF_BYTES = 32;

/** The leaf hashes of a log, by record number; 32 bytes of memory for each. */
export class Leaves {
  #bytes = Buffer.alloc(LEAF_BYTES * 1_024);
  #count = 0;

  /** How many records there are, those that are missing in between included. */
  get count(): number {
    return this.#count;
  }

  /** Record numbers begin with 1. What is never set is 32 zeros, which no record hashes to. */
  set(number: number, leaf: Buffer): void {
    const end = number * LEAF_BYTES;
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(end, 2 * this.#bytes.length));
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    leaf.copy(this.#bytes, end - LEAF_BYTES);
    this.#count = Math.max(this.#count, number);
  }

  /** The roots of the trees over the first so many records, by size; of sizes beyond the last record there is none. */
  roots(sizes: Iterable<number>): ReadonlyMap<number, Buffer> {
    const roots = new Map<number, Buffer>();
    let tree: Frontier = EMPTY;
    for (const size of [...new Set(sizes)].sort((one, other) => one - other)) {
      if (size > this.#count) break;
      while (tree.size < size) {
        const at = tree.size * LEAF_BYTES;
        tree = append(sha256, tree, this.#bytes.subarray(at, at + LEAF_BYTES));
      }
      roots.set(size, Buffer.from(rootOf(sha256, tree)));
    }
    return roots;
  }
}
