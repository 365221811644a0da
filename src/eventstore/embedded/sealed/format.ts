import { crc32 } from 'node:zlib';

/**
 * The shape of a sealed segment file. Stored format: every number here is on disk for good. Little-endian throughout.
 *
 *   file      = header, block*, directory
 *   header    = magic u32, version u32, first u64, last u64, raw u64, directory offset u64, blocks u32, 0 u32,
 *               chain before 32 bytes, chain after 32 bytes, dropped u64, 4 zeros, CRC-32 u32: 128 bytes
 *   block     = length u32, CRC-32 u32 of the content, content (block.ts)
 *   directory = for each block: number of its first record u64, offset u64, length u32, 0 u32, chain after
 *               it 32 bytes; then CRC-32 u32
 *
 * `first` and `last` are the numbers of its records, `raw` the bytes that they took before. A block holds whole
 * commits; numbers and chains are those of the segment that it was made of, and so is its name.
 *
 * Version 2 differs from version 1 in that records may be dropped (encode-block.ts), and in `dropped`: the number of
 * the newest record of the log that says which. What is of version 1 has none, and a zero there. Version 3 differs in
 * that events may be cut out of records; `dropped` then is the newest record that says either.
 */
export const SEALED_HEADER_BYTES = 128;
export const BLOCK_HEAD_BYTES = 8;
const ENTRY_BYTES = 56;
const CHECKSUM_BYTES = 4;
const MAGIC = 0x6c735350; // "PSsl"

export interface SealedHeader {
  readonly first: number;
  readonly last: number;
  /** Bytes that the records took in the segment's raw form. */
  readonly raw: number;
  readonly directory: number;
  readonly blocks: number;
  /** The number of the newest record that says what is dropped or cut out; 0 where nothing is. */
  readonly dropped: number;
  readonly before: Buffer;
  readonly after: Buffer;
}

/** Where a block is. */
export interface BlockPlace {
  /** The number of its first record. */
  readonly number: number;
  readonly offset: number;
  /** Of its content. */
  readonly length: number;
  /** The log's chain after it. */
  readonly chain: Buffer;
}

const writeNumber = (into: Buffer, value: number, at: number): void => {
  into.writeUIntLE(value, at, 6);
};

/** `cut`: whether events are cut out of some of its records. */
export const writeSealedHeader = (header: SealedHeader, cut: boolean): Buffer => {
  const bytes = Buffer.alloc(SEALED_HEADER_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(cut ? 3 : header.dropped > 0 ? 2 : 1, 4);
  writeNumber(bytes, header.first, 8);
  writeNumber(bytes, header.last, 16);
  writeNumber(bytes, header.raw, 24);
  writeNumber(bytes, header.directory, 32);
  bytes.writeUInt32LE(header.blocks, 40);
  header.before.copy(bytes, 48);
  header.after.copy(bytes, 80);
  writeNumber(bytes, header.dropped, 112);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 124)), 124);
  return bytes;
};

/** Reads the header of a sealed segment; undefined where the bytes do not begin with one that checks out. */
export const readSealedHeader = (bytes: Buffer): SealedHeader | undefined => {
  if (bytes.length < SEALED_HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  const version = bytes.readUInt32LE(4);
  if (bytes.readUInt32LE(124) !== crc32(bytes.subarray(0, 124)) || version < 1 || version > 3)
    return undefined;
  return {
    first: bytes.readUIntLE(8, 6),
    last: bytes.readUIntLE(16, 6),
    raw: bytes.readUIntLE(24, 6),
    directory: bytes.readUIntLE(32, 6),
    blocks: bytes.readUInt32LE(40),
    dropped: bytes.readUIntLE(112, 6),
    before: Buffer.from(bytes.subarray(48, 80)),
    after: Buffer.from(bytes.subarray(80, 112)),
  };
};

/** Whether a file's first bytes are those of a sealed segment, whole or damaged. */
export const isSealed = (bytes: Buffer): boolean => bytes.length >= 4 && bytes.readUInt32LE(0) === MAGIC;

export const writeDirectory = (places: readonly BlockPlace[]): Buffer => {
  const bytes = Buffer.alloc(directoryBytes(places.length));
  places.forEach(({ number, offset, length, chain }, i) => {
    writeNumber(bytes, number, i * ENTRY_BYTES);
    writeNumber(bytes, offset, i * ENTRY_BYTES + 8);
    bytes.writeUInt32LE(length, i * ENTRY_BYTES + 16);
    chain.copy(bytes, i * ENTRY_BYTES + 24);
  });
  const end = places.length * ENTRY_BYTES;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end)), end);
  return bytes;
};

/** How many bytes a directory of so many blocks has. */
export const directoryBytes = (blocks: number): number => blocks * ENTRY_BYTES + CHECKSUM_BYTES;

/** Undefined where the bytes do not check out. */
export const readDirectory = (bytes: Buffer): readonly BlockPlace[] | undefined => {
  const end = bytes.length - CHECKSUM_BYTES;
  if (bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) return undefined;
  return Array.from({ length: end / ENTRY_BYTES }, (_, i) => ({
    number: bytes.readUIntLE(i * ENTRY_BYTES, 6),
    offset: bytes.readUIntLE(i * ENTRY_BYTES + 8, 6),
    length: bytes.readUInt32LE(i * ENTRY_BYTES + 16),
    chain: Buffer.from(bytes.subarray(i * ENTRY_BYTES + 24, (i + 1) * ENTRY_BYTES)),
  }));
};

/** A block as it is written: its head and its content. */
export const frameBlock = (content: Uint8Array): Buffer => {
  const head = Buffer.alloc(BLOCK_HEAD_BYTES);
  head.writeUInt32LE(content.length, 0);
  head.writeUInt32LE(crc32(content), 4);
  return Buffer.concat([head, content]);
};

/** The content of a block of so many bytes; undefined where it does not check out. */
export const contentOf = (block: Buffer, length: number): Buffer | undefined => {
  const content = block.subarray(BLOCK_HEAD_BYTES);
  const isWhole = content.length === length && block.readUInt32LE(0) === length;
  return isWhole && block.readUInt32LE(4) === crc32(content) ? content : undefined;
};
