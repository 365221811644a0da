import type { ReadNodes, TreeHead } from '../domain/integrity/merkle.js';
import type { Position } from './event-store.js';

/**
 * The Merkle tree (RFC 6962) over all records of a log in their order, from the first on. A leaf is made of a record's
 * payload as it was acknowledged, so that no later form of it on disk changes the tree.
 */
export interface LogTree {
  /** The tree over everything that is durable by now. Rejects where it cannot be brought up to that. */
  head(): Promise<TreeHead>;
  /** The hashes of complete subtrees of that tree. Throws a RangeError for one that is not complete yet. */
  readonly nodes: ReadNodes;
  /** Which leaf the record at a position is, in the tree as it is by now; undefined where there is none. */
  indexOf(position: Position): Promise<number | undefined>;
  /** The position of the record that is leaf `index`. */
  positionOf(index: number): Promise<Position | undefined>;
  /** What the hash of leaf `index` was made of; undefined where it is gone, and the hash alone is left. */
  dataOf(index: number): Promise<Buffer | undefined>;
  /** The tree is made anew from the log, to the last leaf: what was kept of it did not check out. */
  rebuild(): Promise<void>;
}
