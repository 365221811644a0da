import { join } from 'node:path';
import { hashLeaf, type ReadNodes, type TreeHead } from '../../domain/integrity/merkle.js';
import type { Files } from '../../platform/files.js';
import { START, type EventBatch, type Position, type RecordedEvent } from '../event-store.js';
import { GrowingTree } from '../growing-tree.js';
import type { LogTree } from '../log-tree.js';
import { sha256, type TreeFile } from '../tree-file.js';
import { PositionFile } from './position-file.js';

/** What of the log the tree needs. */
export interface RecordSource {
  /** Our records after a position, to the end of the log. */
  readAll(after: Position): AsyncIterable<EventBatch>;
  /** Our record at a position; undefined where there is none. */
  recordAt(position: Position): Promise<RecordedEvent | undefined>;
  /** What a record's leaf hash is made of. */
  payloadOf(record: RecordedEvent): Buffer;
}

const POSITION_BYTES = 8;
const MARK_BYTES = 32;

/** How far a tree's file has followed the log: the position and id of its last record. */
const markOf = ({ position, id }: Pick<RecordedEvent, 'position' | 'id'>): Buffer =>
  Buffer.concat([Buffer.from(position + id.replaceAll('-', ''), 'hex')], MARK_BYTES);

const positionIn = (mark: Buffer): Position => mark.toString('hex', 0, POSITION_BYTES) as Position;

/**
 * The Merkle tree over the records of ours that EventStoreDB has in `$all`, in their order; the server's own records
 * are none of its leaves. It follows the log when somebody asks for it, and is kept in two files that can be made
 * again: the tree's hashes, with the last record's position and id, and the position of each leaf. Processes on one
 * log that each keep one come to the same tree.
 */
export class RecordTree implements LogTree {
  readonly nodes: ReadNodes;
  readonly #tree: GrowingTree;
  #opening: Promise<PositionFile> | undefined;

  constructor(
    private readonly files: Files,
    private readonly directory: string,
    private readonly source: RecordSource,
  ) {
    this.#tree = new GrowingTree(files, join(directory, 'tree'), {
      fits: (file) => this.#fits(file),
      grow: (file, insistOpen) => this.#grow(file, insistOpen),
    });
    this.nodes = this.#tree.nodes;
  }

  head(): Promise<TreeHead> {
    return this.#tree.head();
  }

  async indexOf(position: Position): Promise<number | undefined> {
    const known = await this.#tree.open();
    const file = position > positionIn(known.mark) ? await this.#tree.grown() : known;
    return (await this.#positions()).find(position, file.frontier.size);
  }

  async positionOf(index: number): Promise<Position | undefined> {
    const known = await this.#tree.open();
    const file = index >= known.frontier.size ? await this.#tree.grown() : known;
    return index < file.frontier.size ? (await this.#positions()).at(index) : undefined;
  }

  /** The position of the last record before another, which need not be a record's; START where there is none. */
  async lastBefore(position: Position): Promise<Position> {
    const known = await this.#tree.open();
    const file = position > positionIn(known.mark) ? await this.#tree.grown() : known;
    const positions = await this.#positions();
    const count = await positions.countBefore(position, file.frontier.size);
    return count === 0 ? START : positions.at(count - 1);
  }

  async dataOf(index: number): Promise<Buffer | undefined> {
    const position = await this.positionOf(index);
    const record = position && (await this.source.recordAt(position));
    const payload = record && this.source.payloadOf(record);
    const [leaf] = await this.nodes([{ level: 0, index }]);
    return payload && leaf && sha256Leaf(payload).equals(leaf) ? payload : undefined;
  }

  rebuild(): Promise<void> {
    return this.#tree.rebuild();
  }

  async close(): Promise<void> {
    await this.#tree.close();
    const positions = await this.#opening?.catch(() => undefined);
    await positions?.close();
  }

  #positions(): Promise<PositionFile> {
    this.#opening ??= PositionFile.open(this.files, join(this.directory, 'tree-positions')).catch(
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  /** Whether the file's last record stands in the log where it did: a tree of another log is worth nothing. */
  async #fits({ frontier: { size }, mark }: TreeFile): Promise<boolean> {
    const position = positionIn(mark);
    if (size === 0) return position === START;
    const positions = await this.#positions();
    if ((await positions.capacity()) < size || (await positions.at(size - 1)) !== position) return false;
    const record = await this.source.recordAt(position);
    return record !== undefined && markOf(record).equals(mark);
  }

  /** The positions first: what the tree's file counts is there. */
  async #grow(file: TreeFile, insistOpen: () => void): Promise<void> {
    const positions = await this.#positions();
    for await (const { events } of this.source.readAll(positionIn(file.mark))) {
      insistOpen();
      const last = events.at(-1);
      if (!last) continue;
      const leaves = events.map((record) => sha256Leaf(this.source.payloadOf(record)));
      await positions.write(
        file.frontier.size,
        events.map(({ position }) => position),
      );
      await file.append(leaves, markOf(last));
    }
  }
}

const sha256Leaf = (payload: Buffer): Buffer => Buffer.from(hashLeaf(sha256, payload));
