import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  append,
  EMPTY,
  frontierPlaces,
  type Frontier,
  type Hash,
  type NodePlace,
} from '../domain/integrity/merkle.js';
import { hasErrorCode, type Files, type OpenFile } from '../platform/files.js';

/**
 * The hashes of a growing Merkle tree in a file: a header, then every complete subtree's hash in the order in which
 * they were completed, 32 bytes each. It only ever grows, and two hashes are all that a leaf takes. Little-endian:
 *
 *   header = magic u32, version u32, size u64, mark 32 bytes, 12 zeros, CRC-32 u32: 64 bytes
 *
 * `size` counts leaves whose hashes were flushed before it was written; what follows them is worth nothing. `mark` is
 * the source's own word for where it stood then. The file can be made again from the log.
 */
const HEADER_BYTES = 64;
const HASH_BYTES = 32;
const MAGIC = 0x746d5350; // "PSmt"
const VERSION = 1;

/** Hashes as trees want it. */
export const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

/** How many subtrees the first `leaves` leaves complete: the sum of floor(leaves / 2^k). */
const completedBy = (leaves: number): number => {
  let count = 0;
  for (let left = leaves; left > 0; left = Math.floor(left / 2)) count += left;
  return count;
};

/** Where a subtree's hash stands: behind all that were completed before it, those below it last. */
const offsetOf = ({ level, index }: NodePlace): number => {
  const lastLeaf = (index + 1) * 2 ** level - 1;
  return HEADER_BYTES + HASH_BYTES * (completedBy(lastLeaf) + level);
};

export class TreeFile {
  #frontier: Frontier;
  #mark: Buffer;

  private constructor(
    private readonly file: OpenFile,
    frontier: Frontier,
    mark: Buffer,
  ) {
    this.#frontier = frontier;
    this.#mark = mark;
  }

  /** Opens the file; one that is missing or does not check out is begun anew. */
  static async open(files: Files, path: string): Promise<TreeFile> {
    const file = await files.open(path, 'write').catch((error: unknown) => {
      if (hasErrorCode(error, 'ENOENT')) return files.open(path, 'create');
      throw error;
    });
    try {
      const header = Buffer.alloc(HEADER_BYTES);
      await file.read(header, 0);
      const { size, mark } = readHeader(header) ?? { size: 0, mark: Buffer.alloc(HASH_BYTES) };
      const opened = new TreeFile(file, EMPTY, mark);
      const whole = (await file.size()) >= HEADER_BYTES + HASH_BYTES * completedBy(size);
      if (!whole) return opened;
      const roots = await Promise.all(frontierPlaces(size).map((place) => opened.#node(place, size)));
      opened.#frontier = { size, roots };
      return opened;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get frontier(): Frontier {
    return this.#frontier;
  }

  get mark(): Buffer {
    return this.#mark;
  }

  /** Adds leaf hashes, durably. Where it rejects nothing was added. */
  async append(leaves: readonly Hash[], mark: Buffer): Promise<void> {
    const { size } = this.#frontier;
    const nodes: Hash[] = [];
    const grown = leaves.reduce(
      (tree, leaf) => append(sha256, tree, leaf, (node) => nodes.push(node)),
      this.#frontier,
    );
    await this.file.write(Buffer.concat(nodes), HEADER_BYTES + HASH_BYTES * completedBy(size));
    await this.file.flush();
    await this.file.write(writeHeader(grown.size, mark), 0);
    this.#frontier = grown;
    this.#mark = mark;
  }

  /** Begins anew. */
  async clear(): Promise<void> {
    const mark = Buffer.alloc(HASH_BYTES);
    await this.file.write(writeHeader(0, mark), 0);
    this.#frontier = EMPTY;
    this.#mark = mark;
  }

  /** The hashes of complete subtrees. Rejects with a RangeError for one that is not complete. */
  nodes(places: readonly NodePlace[]): Promise<Hash[]> {
    return Promise.all(places.map((place) => this.#node(place, this.#frontier.size)));
  }

  async #node(place: NodePlace, size: number): Promise<Hash> {
    const { level, index } = place;
    if ((index + 1) * 2 ** level > size)
      throw new RangeError(`subtree ${index} of level ${level} is not complete`);
    const bytes = Buffer.alloc(HASH_BYTES);
    const length = await this.file.read(bytes, offsetOf(place));
    if (length < HASH_BYTES) throw new RangeError(`the file ends before subtree ${index} of level ${level}`);
    return bytes;
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

const writeHeader = (size: number, mark: Buffer): Buffer => {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(VERSION, 4);
  bytes.writeUIntLE(size, 8, 6);
  mark.copy(bytes, 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4);
  return bytes;
};

const readHeader = (bytes: Buffer): { readonly size: number; readonly mark: Buffer } | undefined => {
  if (bytes.readUInt32LE(0) !== MAGIC || bytes.readUInt32LE(4) !== VERSION) return undefined;
  if (bytes.readUInt32LE(HEADER_BYTES - 4) !== crc32(bytes.subarray(0, HEADER_BYTES - 4))) return undefined;
  return { size: bytes.readUIntLE(8, 6), mark: Buffer.from(bytes.subarray(16, 16 + HASH_BYTES)) };
};
