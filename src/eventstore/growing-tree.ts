import { rootOf, type Hash, type NodePlace, type TreeHead } from '../domain/integrity/merkle.js';
import type { Files } from '../platform/files.js';
import { InTurn } from '../platform/in-turn.js';
import { EventStoreUnavailable } from './event-store.js';
import { sha256, TreeFile } from './tree-file.js';

/** Where a tree's leaves come from. */
export interface LeafSource {
  /** Whether the tree in the file is the beginning of the log's own. Where not, it is begun anew. */
  fits(file: TreeFile): Promise<boolean>;
  /** Adds the leaves that the file lacks; `insistOpen` throws where that is to be given up. */
  grow(file: TreeFile, insistOpen: () => void): Promise<void>;
}

/** A Merkle tree that is kept in a file and brought up to its source whenever somebody asks for it. */
export class GrowingTree {
  #opening: Promise<TreeFile> | undefined;
  /** Each sees what the one before it added. */
  readonly #growing = new InTurn();
  #closed = false;

  constructor(
    private readonly files: Files,
    private readonly path: string,
    private readonly source: LeafSource,
  ) {}

  async head(): Promise<TreeHead> {
    const { frontier } = await this.grown();
    return { size: frontier.size, root: rootOf(sha256, frontier) };
  }

  /** The tree's file, with everything that is durable now. */
  async grown(): Promise<TreeFile> {
    await this.#grow(async () => {
      await this.source.grow(await this.open(), () => {
        this.#insistOpen();
      });
    });
    return this.open();
  }

  /** The tree's file, with what was added so far. */
  open(): Promise<TreeFile> {
    this.#opening ??= this.#load().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  readonly nodes = async (places: readonly NodePlace[]): Promise<readonly Hash[]> => {
    const file = await this.open();
    const needed = Math.max(0, ...places.map(({ level, index }) => (index + 1) * 2 ** level));
    return (needed > file.frontier.size ? await this.grown() : file).nodes(places);
  };

  async rebuild(): Promise<void> {
    await this.#grow(async () => (await this.open()).clear());
    await this.grown();
  }

  /** Lets the file go; what is not in it can be added by the next. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#growing.ended();
    const file = await this.#opening?.catch(() => undefined);
    await file?.close();
  }

  #grow(work: () => Promise<void>): Promise<void> {
    return this.#growing.do(() => {
      this.#insistOpen();
      return work();
    });
  }

  async #load(): Promise<TreeFile> {
    const file = await TreeFile.open(this.files, this.path);
    if (await this.#fits(file)) return file;
    await file.clear();
    return file;
  }

  async #fits(file: TreeFile): Promise<boolean> {
    try {
      return await this.source.fits(file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  #insistOpen(): void {
    if (this.#closed) throw new EventStoreUnavailable('closed', 'the log was closed');
  }
}
