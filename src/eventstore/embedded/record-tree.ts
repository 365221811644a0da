import type { ReadNodes, TreeHead } from '../../domain/integrity/merkle.js';
import type { Files } from '../../platform/files.js';
import { toPosition, type Position } from '../event-store.js';
import { GrowingTree } from '../growing-tree.js';
import type { LogTree } from '../log-tree.js';
import type { TreeFile } from '../tree-file.js';
import { leafOf } from './format.js';
import type { LogCursor } from './log-reader.js';
import { numberOf } from './record-number.js';

/** What of the log the tree needs. */
interface TreeSource {
  /** A cursor that stands before a record. */
  cursor(next: number): LogCursor;
  /** Whether a commit of the log ends with that record and that chain. */
  endsWith(number: number, chain: Buffer): Promise<boolean>;
}

/** Leaf hashes of a commit, as the log made them when it was written. */
interface Committed {
  readonly number: number;
  /** In rows of whole hashes. */
  readonly rows: readonly Buffer[];
  readonly chain: Buffer;
}

const LEAF_BYTES = 32;
/** Leaves that are added at once: others get their turn in between. */
const BATCH_LEAVES = 4_096;

/**
 * The Merkle tree over the embedded log: record number n is leaf n - 1. An append costs it nothing: leaf hashes are
 * made for the chain anyway, and wait here until somebody asks for the tree. What was committed before this process
 * started is read from the log. The tree's hashes are kept in a file, with the log's chain at its end; where that is
 * not the log's own any more they are made anew.
 */
export class RecordTree implements LogTree {
  readonly nodes: ReadNodes;
  readonly #tree: GrowingTree;
  #waiting: Committed[] = [];

  constructor(
    files: Files,
    path: string,
    private readonly source: TreeSource,
    /** The number of the record to come. */
    private next: number,
    /** So many commits at most wait in memory. */
    private readonly waitingCommits: number,
  ) {
    this.#tree = new GrowingTree(files, path, {
      fits: (file) => this.#fits(file),
      grow: (file, insistOpen) => this.#grow(file, insistOpen),
    });
    this.nodes = this.#tree.nodes;
  }

  /** Takes note of a commit that is durable. */
  committed(number: number, rows: readonly Buffer[], chain: Buffer): void {
    this.#waiting.push({ number, rows, chain });
    this.next = number + rows.reduce((count, { length }) => count + length / LEAF_BYTES, 0);
    if (this.#waiting.length < this.waitingCommits) return;
    // What does not go into the file now can be read from the log again.
    this.#waiting = [];
  }

  head(): Promise<TreeHead> {
    return this.#tree.head();
  }

  indexOf(position: Position): Promise<number | undefined> {
    const number = numberOf(position);
    return Promise.resolve(number > 0 && number < this.next ? number - 1 : undefined);
  }

  positionOf(index: number): Promise<Position | undefined> {
    return Promise.resolve(index < this.next - 1 ? toPosition(index + 1) : undefined);
  }

  async dataOf(index: number): Promise<Buffer | undefined> {
    const cursor = this.source.cursor(index + 1);
    try {
      const [run] = await cursor.read();
      const i = index + 1 - (run?.number ?? 0);
      const data = run?.payload(i);
      const leaf = run?.leaves()[i];
      return data && leaf?.equals(leafOf(data)) ? Buffer.from(data) : undefined;
    } finally {
      await cursor.close();
    }
  }

  rebuild(): Promise<void> {
    return this.#tree.rebuild();
  }

  /** Lets the file go; what waits is in the log. */
  close(): Promise<void> {
    return this.#tree.close();
  }

  async #fits({ frontier: { size }, mark }: TreeFile): Promise<boolean> {
    return size === 0 || (size < this.next && (await this.source.endsWith(size, mark)));
  }

  /** Adds what is durable now: from memory what is there, else from the log. */
  async #grow(file: TreeFile, insistOpen: () => void): Promise<void> {
    const end = this.next;
    for (let next = file.frontier.size + 1; next < end; next = file.frontier.size + 1) {
      this.#waiting = this.#waiting.filter(({ number }) => number >= next);
      const [first] = this.#waiting;
      if (first?.number === next) await this.#addWaiting(file);
      else await this.#readUpTo(first?.number ?? end, file, insistOpen);
    }
  }

  async #addWaiting(file: TreeFile): Promise<void> {
    const leaves: Buffer[] = [];
    let chain = file.mark;
    for (const commit of this.#waiting) {
      leaves.push(...commit.rows.flatMap(leavesIn));
      ({ chain } = commit);
      if (leaves.length >= BATCH_LEAVES) break;
    }
    await file.append(leaves, chain);
  }

  async #readUpTo(end: number, file: TreeFile, insistOpen: () => void): Promise<void> {
    let next = file.frontier.size + 1;
    const cursor = this.source.cursor(next);
    try {
      let leaves: Buffer[] = [];
      let { mark } = file;
      while (next < end) {
        for (const run of await cursor.read()) {
          leaves.push(...run.leaves().slice(Math.max(0, next - run.number)));
          next = run.last + 1;
          mark = run.chain;
        }
        insistOpen();
        if (leaves.length < BATCH_LEAVES && next < end) continue;
        await file.append(leaves, mark);
        leaves = [];
      }
    } finally {
      await cursor.close();
    }
  }
}

const leavesIn = (row: Buffer): Buffer[] =>
  Array.from({ length: row.length / LEAF_BYTES }, (_, i) =>
    row.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES),
  );
