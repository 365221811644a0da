import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { alignedPieces, blockEnd, blockStart, PIECE_BYTES } from './aligned-memory.js';
import { errorCode } from './errors.js';

/** Files as an input: a test hands in a disk that fails, fills up or loses power. */
export interface Files {
  /**
   * `write` needs the file to be there, `create` makes it or empties it; both also read. `scan` is `read` for who
   * reads much of a file once: past the page cache where the file system can. `direct` is for writing past the page
   * cache: whole blocks, from memory that begins at a page (aligned-memory.ts); rejects with `EINVAL`, then or at the
   * first write, where the file system cannot.
   */
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  /** The names in a directory, sorted. Rejects with `ENOENT` where there is none. */
  list(directory: string): Promise<string[]>;
  /** Makes a directory and those above it; fine where it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Renames, replacing what has that name. Durable once both directories are flushed. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes the names in a directory durable. */
  flushDirectory(path: string): Promise<void>;
}

export type OpenMode = 'read' | 'scan' | 'write' | 'create' | 'direct';

export interface OpenFile {
  /** Fills the buffer from an offset and says how many bytes there were: fewer only at the file's end. */
  read(into: Uint8Array, offset: number): Promise<number>;
  /** Writes all of the bytes, those of an array one after another. Where it rejects, any part may have been written. */
  write(bytes: Uint8Array | readonly Uint8Array[], offset: number): Promise<void>;
  /** Makes what was written durable (`fdatasync`). */
  flush(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** Whether an error carries one of these codes, as errors of the operating system do. */
export const hasErrorCode = (error: unknown, ...codes: readonly string[]): boolean => {
  const code = errorCode(error);
  return code !== undefined && codes.includes(code);
};

/** Removes a file; fine where there is none. */
export const removeIfThere = async (files: Pick<Files, 'remove'>, path: string): Promise<void> => {
  try {
    await files.remove(path);
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error;
  }
};

/** Whether an error says that there is no room: it may pass, and nothing is broken. */
export const isDiskFull = (error: unknown): boolean => hasErrorCode(error, 'ENOSPC', 'EDQUOT');

/** Zero where the system has no such thing. */
const O_DIRECT = (constants.O_DIRECT as number | undefined) ?? 0;

const flags = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
} as const;

class SystemFile implements OpenFile {
  constructor(private readonly handle: FileHandle) {}

  async read(into: Uint8Array, offset: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await this.handle.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(bytes: Uint8Array | readonly Uint8Array[], offset: number): Promise<void> {
    let left = bytes instanceof Uint8Array ? [bytes] : [...bytes];
    for (let at = offset; left.length > 0;) {
      const { bytesWritten } = await this.handle.writev(left, at);
      at += bytesWritten;
      left = behind(left, bytesWritten);
    }
  }

  flush(): Promise<void> {
    return this.handle.datasync();
  }

  truncate(size: number): Promise<void> {
    return this.handle.truncate(size);
  }

  async size(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** Below this a read that bypasses the page cache waits longer than the cache costs. */
const DIRECT_READ_BYTES = 256 * 1024;

/** A file of which large pieces are read past the page cache, by way of aligned memory, as long as that goes well. */
class ScannedFile extends SystemFile {
  constructor(
    cached: FileHandle,
    private readonly direct: FileHandle,
  ) {
    super(cached);
  }

  /** A large piece is read in several at once: each wait for one lets everything else have its turn first. */
  override async read(into: Uint8Array, offset: number): Promise<number> {
    if (into.length < DIRECT_READ_BYTES) return super.read(into, offset);
    const reading: Promise<number>[] = [];
    for (let from = 0; from < into.length;) {
      // From a block's start on as much as a piece holds.
      const to = Math.min(into.length, blockStart(offset + from) + PIECE_BYTES - offset);
      reading.push(this.#readDirectly(into.subarray(from, to), offset + from));
      from = to;
    }
    return (await Promise.all(reading)).reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Reads what one piece holds; by way of the cache where all are in use, or what of it cannot be read directly. */
  async #readDirectly(into: Uint8Array, offset: number): Promise<number> {
    const piece = alignedPieces.take();
    if (!piece) return super.read(into, offset);
    try {
      const from = blockStart(offset);
      const length = blockEnd(offset + into.length) - from;
      const { bytesRead } = await this.direct.read(piece, 0, length, from).catch(orNone);
      const read = Math.max(0, Math.min(into.length, from + bytesRead - offset));
      into.set(piece.subarray(offset - from, offset - from + read));
      // The end of the file, or whatever stands in the way of reading directly.
      return read < into.length ? read + (await super.read(into.subarray(read), offset + read)) : read;
    } finally {
      alignedPieces.give(piece);
    }
  }

  override async close(): Promise<void> {
    await this.direct.close();
    await super.close();
  }
}

const orNone = (error: unknown): { readonly bytesRead: number } => {
  if (hasErrorCode(error, 'EINVAL', 'ENOTSUP')) return { bytesRead: 0 };
  throw error;
};

const openScanned = async (path: string): Promise<OpenFile> => {
  const cached = await open(path, flags.read);
  const direct = O_DIRECT && (await open(path, flags.read | O_DIRECT).catch(() => undefined));
  return direct ? new ScannedFile(cached, direct) : new SystemFile(cached);
};

const openDirect = async (path: string): Promise<OpenFile> => {
  if (!O_DIRECT)
    throw Object.assign(new Error('there is no direct writing on this system'), { code: 'EINVAL' });
  return new SystemFile(await open(path, flags.write | O_DIRECT));
};

/** What is left of some bytes after the first of them. */
const behind = (parts: readonly Uint8Array[], taken: number): Uint8Array[] => {
  let skipped = 0;
  const left: Uint8Array[] = [];
  for (const part of parts) {
    const from = Math.min(part.length, taken - skipped);
    if (from < part.length) left.push(part.subarray(from));
    skipped += from;
  }
  return left;
};

/** The operating system's files. */
export const systemFiles: Files = {
  open: async (path, mode) => {
    if (mode === 'scan') return openScanned(path);
    if (mode === 'direct') return openDirect(path);
    return new SystemFile(await open(path, flags[mode], 0o640));
  },
  list: async (directory) => (await readdir(directory)).sort(),
  makeDirectory: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o750 });
  },
  rename,
  remove: unlink,
  flushDirectory: async (path) => {
    const directory = await open(path, constants.O_RDONLY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
};

/** Gives a file a second name, without taking room; copies it where the other name is on another file system. */
export const shareOrCopy = async (from: string, to: string): Promise<void> => {
  try {
    await link(from, to);
  } catch (error) {
    if (!hasErrorCode(error, 'EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK')) throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const copy = await open(to, constants.O_RDONLY);
    try {
      await copy.sync();
    } finally {
      await copy.close();
    }
  }
};
