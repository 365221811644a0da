import { basename, dirname } from 'node:path';
import { BLOCK_BYTES } from '../../src/platform/aligned-memory.js';
import type { Files, OpenFile, OpenMode } from '../../src/platform/files.js';

const SECTOR = 512;

/** A file as the program sees it and as it is on the platter: what differs is in memory only. */
interface Inode {
  readonly seen: Buffer;
  readonly durable: Buffer;
}

/** The whole disk at one moment. Never changed: each operation makes another one. */
export interface DiskState {
  readonly inodes: ReadonlyMap<number, Inode>;
  readonly names: ReadonlyMap<string, number>;
  /** Names before each change that no flush of a directory has made durable yet, oldest first. */
  readonly unflushedNames: readonly ReadonlyMap<string, number>[];
}

/** One operation that changes the disk: a point at which the power may go. */
export interface Operation {
  readonly kind: 'create' | 'write' | 'flush' | 'truncate' | 'rename' | 'remove' | 'flushDirectory';
  readonly path: string;
  /** The file that is written to, and what. */
  readonly write?: { readonly inode: number; readonly offset: number; readonly bytes: Buffer };
}

export type Fault = (operation: Operation) => Error | undefined;

export const errorWithCode = (code: string): Error => Object.assign(new Error(code), { code });

const emptyDisk: DiskState = { inodes: new Map(), names: new Map(), unflushedNames: [] };

/**
 * A disk in memory that forgets, on a crash, what was not flushed; or keeps it, or some of it, a sector at a time.
 * Tells an observer of each operation before it takes effect, and fails where it is told to.
 */
export class FaultyFiles implements Files {
  /** Called before each operation that changes the disk. */
  observe: (operation: Operation, before: DiskState) => void = () => undefined;
  /** Makes an operation fail, without any effect. */
  fault: Fault = () => undefined;
  /** What each write and flush waits for; the program goes on in another turn, as it does with a real disk. */
  pause: () => Promise<unknown> = () => new Promise(setImmediate);
  /** The room for all files together. */
  capacity = Infinity;
  /** Whether it takes writes past the page cache, or says at the first open or write that it does not. */
  direct: 'taken' | 'refused' | 'refused_when_written' = 'taken';
  #nextInode: number;
  #directories = new Set<string>();

  constructor(public state: DiskState = emptyDisk) {
    this.#nextInode = Math.max(0, ...state.inodes.keys()) + 1;
    for (const path of state.names.keys()) void this.makeDirectory(dirname(path));
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    if (mode === 'direct' && this.direct === 'refused') throw errorWithCode('EINVAL');
    if (mode === 'create')
      this.#change({ kind: 'create', path }, (state) => {
        const inode = this.#nextInode;
        this.#nextInode += 1;
        return renamed(
          {
            ...state,
            inodes: with_(state.inodes, inode, { seen: Buffer.alloc(0), durable: Buffer.alloc(0) }),
          },
          (names) => names.set(path, inode),
        );
      });
    const inode = this.state.names.get(path);
    if (inode === undefined) throw errorWithCode('ENOENT');
    const file = this.#file(inode);
    return Promise.resolve(mode === 'direct' ? this.#wholeBlocks(file) : file);
  }

  async list(directory: string): Promise<string[]> {
    if (!this.#directories.has(directory)) throw errorWithCode('ENOENT');
    const paths = [...this.state.names.keys()].filter((path) => dirname(path) === directory);
    return Promise.resolve(paths.map((path) => basename(path)).sort());
  }

  makeDirectory(path: string): Promise<void> {
    for (let each = path; !this.#directories.has(each); each = dirname(each)) this.#directories.add(each);
    return Promise.resolve();
  }

  async rename(from: string, to: string): Promise<void> {
    const inode = this.state.names.get(from);
    if (inode === undefined) throw errorWithCode('ENOENT');
    this.#change({ kind: 'rename', path: to }, (state) =>
      renamed(state, (names) => {
        names.delete(from);
        names.set(to, inode);
      }),
    );
    return Promise.resolve();
  }

  async remove(path: string): Promise<void> {
    if (!this.state.names.has(path)) throw errorWithCode('ENOENT');
    this.#change({ kind: 'remove', path }, (state) => renamed(state, (names) => names.delete(path)));
    return Promise.resolve();
  }

  async flushDirectory(path: string): Promise<void> {
    this.#change({ kind: 'flushDirectory', path }, (state) => ({ ...state, unflushedNames: [] }));
    return Promise.resolve();
  }

  /** As the operating system has it: nothing but whole blocks, from memory that begins at a page. */
  #wholeBlocks(file: OpenFile): OpenFile {
    return {
      ...file,
      write: (bytes, offset) => {
        const parts = bytes instanceof Uint8Array ? [bytes] : bytes;
        const isWhole = parts.every(
          ({ byteOffset, length }) => byteOffset % BLOCK_BYTES === 0 && length % BLOCK_BYTES === 0,
        );
        if (this.direct === 'taken' && isWhole && offset % BLOCK_BYTES === 0)
          return file.write(parts, offset);
        return Promise.reject(errorWithCode('EINVAL'));
      },
    };
  }

  #file(inode: number): OpenFile {
    // It may have been renamed since it was opened.
    const path = (): string => [...this.state.names].find(([, named]) => named === inode)?.[0] ?? '';
    const content = (): Inode => {
      const found = this.state.inodes.get(inode);
      if (!found) throw errorWithCode('EBADF');
      return found;
    };
    const put = (state: DiskState, changed: Partial<Inode>): DiskState => ({
      ...state,
      inodes: with_(state.inodes, inode, { ...content(), ...changed }),
    });
    return {
      read: (into, offset) => Promise.resolve(content().seen.copy(into, 0, offset, offset + into.length)),
      write: async (bytes, offset) => {
        const copy = bytes instanceof Uint8Array ? Buffer.from(bytes) : Buffer.concat(bytes);
        const grown = Math.max(0, offset + copy.length - content().seen.length);
        if (this.#used() + grown > this.capacity) throw errorWithCode('ENOSPC');
        this.#change({ kind: 'write', path: path(), write: { inode, offset, bytes: copy } }, (state) =>
          put(state, { seen: overwritten(content().seen, offset, copy) }),
        );
        await this.pause();
      },
      flush: async () => {
        await this.pause();
        this.#change({ kind: 'flush', path: path() }, (state) => put(state, { durable: content().seen }));
      },
      truncate: async (size) => {
        this.#change({ kind: 'truncate', path: path() }, (state) =>
          put(state, { seen: overwritten(content().seen.subarray(0, size), size, Buffer.alloc(0)) }),
        );
        return Promise.resolve();
      },
      size: () => Promise.resolve(content().seen.length),
      close: () => Promise.resolve(),
    };
  }

  #used(): number {
    return [...this.state.names.values()].reduce(
      (sum, inode) => sum + (this.state.inodes.get(inode)?.seen.length ?? 0),
      0,
    );
  }

  #change(operation: Operation, next: (state: DiskState) => DiskState): void {
    const error = this.fault(operation);
    if (error) throw error;
    this.observe(operation, this.state);
    this.state = next(this.state);
  }
}

/** What the program wrote, as far as the power lasted. */
export const survives = {
  /** The process died, the machine did not. */
  all: () => true,
  /** Nothing that was not flushed. */
  nothing: () => false,
  /** One or the other, for each sector by itself. */
  some: (random: () => number) => () => random() < 0.5,
};

/** The disk after the power came back. `keeps` is asked for each sector, size and name that was not flushed. */
export const afterCrash = (state: DiskState, keeps: () => boolean): DiskState => {
  const inodes = new Map<number, Inode>();
  for (const [number, { seen, durable }] of state.inodes) {
    const content = seen === durable ? durable : mixed(durable, seen, keeps);
    inodes.set(number, { seen: content, durable: content });
  }
  const lost = state.unflushedNames.findIndex(() => !keeps());
  return { inodes, names: state.unflushedNames[lost] ?? state.names, unflushedNames: [] };
};

/** The disk in the middle of a write, of which only some sectors were taken: those for which `keeps` says so. */
export const insideWrite = (
  state: DiskState,
  { inode, offset, bytes }: NonNullable<Operation['write']>,
  keeps: (sector: number) => boolean,
): DiskState => {
  const file = state.inodes.get(inode);
  if (!file) return state;
  let { seen } = file;
  for (let at = 0, sector = 0; at < bytes.length; sector += 1) {
    const stop = Math.min(bytes.length, at + SECTOR - ((offset + at) % SECTOR));
    if (keeps(sector)) seen = overwritten(seen, offset + at, bytes.subarray(at, stop));
    at = stop;
  }
  return { ...state, inodes: with_(state.inodes, inode, { ...file, seen }) };
};

/** How many sectors a write touches. */
export const sectorsOf = ({ offset, bytes }: NonNullable<Operation['write']>): number =>
  Math.ceil((offset + bytes.length) / SECTOR) - Math.floor(offset / SECTOR);

/** The bytes of every file whose path begins so. */
export const contentsOf = (state: DiskState, prefix: string): Map<string, string> =>
  new Map(
    [...state.names]
      .filter(([path]) => path.startsWith(prefix))
      .map(([path, inode]) => [path, state.inodes.get(inode)?.seen.toString('base64') ?? '']),
  );

/** Numbers from 0 to 1 that are the same at each run (mulberry32). */
export const seededRandom = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

const mixed = (durable: Buffer, seen: Buffer, keeps: () => boolean): Buffer => {
  const size = durable.length === seen.length || keeps() ? seen.length : durable.length;
  const content = Buffer.alloc(size);
  durable.copy(content);
  for (let at = 0; at < Math.min(size, seen.length); at += SECTOR) {
    const stop = Math.min(at + SECTOR, size);
    const changed = content.compare(seen, at, Math.min(stop, seen.length), at, stop) !== 0;
    if (changed && keeps()) seen.copy(content, at, at, stop);
  }
  return content;
};

const overwritten = (content: Buffer, offset: number, bytes: Buffer): Buffer => {
  const next = Buffer.alloc(Math.max(content.length, offset + bytes.length));
  content.copy(next);
  bytes.copy(next, offset);
  return next;
};

const with_ = <K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> =>
  new Map(map).set(key, value);

const renamed = (state: DiskState, change: (names: Map<string, number>) => void): DiskState => {
  const names = new Map(state.names);
  change(names);
  return { ...state, names, unflushedNames: [...state.unflushedNames, state.names] };
};

/** The disk before each operation of some work, and in the middle of each write. */
export const momentsOf = async (
  files: FaultyFiles,
  work: () => Promise<unknown>,
): Promise<readonly DiskState[]> => {
  const moments: DiskState[] = [];
  files.observe = ({ write }, before) => {
    moments.push(before);
    if (write) moments.push(insideWrite(before, write, (sector) => sector % 2 === 0));
  };
  await work();
  files.observe = () => undefined;
  return moments;
};
