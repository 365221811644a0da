import { createHash, hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { crc32c } from './crc32c.js';

/**
 * The shape of a segment file. Stored format: every number here is on disk for good. Little-endian throughout.
 *
 *   segment = segment header, commit*, zeros (room made ahead)
 *   commit  = commit header, frame*, zeros up to a multiple of 64
 *   frame   = length u32, CRC u32 of all that follows, codec u8, 7 zeros, payload (record.ts)
 *
 * Both headers are 64 bytes at a multiple of 64, so that none lies across two disk sectors: a header is on disk
 * whole or not at all. A commit is written and flushed before the next is begun; zeros may be written behind it, and
 * the block that it begins in may be written again as it was (docs/decisions/direct-writes.md). A commit of no records
 * is a mark: it says no more than that the commit before it was flushed.
 *
 *   header  = magic u32, format u32, number u64, count u32, length u32, chain 32 bytes, salt u32, CRC u32
 *
 * `number` is the first record's running number over the whole log; in a segment header it is that of the first
 * record to come, and `chain` the chain before it. The chain after a commit is SHA-256(chain before, leaf hashes).
 * The header's CRC starts from the segment's random salt, so that no header can be smuggled in as event data.
 *
 * All of a segment has one format, and they differ in the CRC alone: CRC-32C in format 1, CRC-32 in format 2
 * (docs/decisions/log-format.md). Segments are begun in format 2; one of format 1 is read, and not written to.
 */
export const HEADER_BYTES = 64;
export const FRAME_BYTES = 16;
export const SECTOR_BYTES = 512;

export type Format = 1 | 2;
/** That of new segments. */
export const FORMAT: Format = 2;

type Checksum = (bytes: Buffer, start: number, end: number, seed?: number) => number;

const checksums: Readonly<Record<Format, Checksum>> = {
  1: crc32c,
  2: (bytes, start, end, seed) => crc32(bytes.subarray(start, end), seed),
};

const isFormat = (value: number): value is Format => value in checksums;

const magic = { segment: 0x67735350, commit: 0x6d635350 } as const; // "PSsg", "PScm"

export interface Header {
  readonly kind: 'segment' | 'commit';
  readonly format: Format;
  readonly number: number;
  readonly count: number;
  /** Bytes of the frames that follow, without padding. */
  readonly length: number;
  readonly chain: Buffer;
  readonly salt: number;
}

/** Before the first record. */
export const GENESIS = Buffer.alloc(32);

export const aligned = (length: number): number => Math.ceil(length / HEADER_BYTES) * HEADER_BYTES;

/** How many bytes a commit takes whose frames take `length`. */
export const commitBytes = (length: number): number => HEADER_BYTES + aligned(length);

export const writeHeader = (into: Buffer, at: number, header: Header): void => {
  into.writeUInt32LE(magic[header.kind], at);
  into.writeUInt32LE(header.format, at + 4);
  into.writeUIntLE(header.number, at + 8, 6);
  into.writeUInt16LE(0, at + 14);
  into.writeUInt32LE(header.count, at + 16);
  into.writeUInt32LE(header.length, at + 20);
  header.chain.copy(into, at + 24);
  into.writeUInt32LE(header.salt, at + 56);
  into.writeUInt32LE(checksums[header.format](into, at, at + 60, header.salt), at + 60);
};

/** Reads a header; undefined where it does not check out, or was not made with that salt. */
export const readHeader = (
  from: Buffer,
  at: number,
  kind: Header['kind'],
  salt?: number,
): Header | undefined => {
  if (from.length < at + HEADER_BYTES || from.readUInt32LE(at) !== magic[kind]) return undefined;
  const format = from.readUInt32LE(at + 4);
  const actual = from.readUInt32LE(at + 56);
  if (!isFormat(format) || (salt !== undefined && actual !== salt)) return undefined;
  if (from.readUInt32LE(at + 60) !== checksums[format](from, at, at + 60, actual)) return undefined;
  return {
    kind,
    format,
    number: from.readUIntLE(at + 8, 6),
    count: from.readUInt32LE(at + 16),
    length: from.readUInt32LE(at + 20),
    chain: Buffer.from(from.subarray(at + 24, at + 56)),
    salt: actual,
  };
};

/** The chain after a commit: `leaves` are its records' leaf hashes in a row. */
export const chainAfter = (before: Buffer, leaves: readonly Buffer[]): Buffer =>
  hash('sha256', Buffer.concat([before, ...leaves]), 'buffer');

/** Begins a frame of a payload of `length` bytes that stands, or will stand, after `at + FRAME_BYTES`. */
export const openFrame = (into: Buffer, at: number, length: number): void => {
  into.writeUInt32LE(length, at);
  into.fill(0, at + 4, at + FRAME_BYTES);
};

/** Closes a frame whose payload is there. */
export const sealFrame = (into: Buffer, at: number): void => {
  const end = at + FRAME_BYTES + into.readUInt32LE(at);
  into.writeUInt32LE(checksums[FORMAT](into, at + 8, end), at + 4);
};

/**
 * A record's leaf hash as RFC 6962 §2.1 has it: SHA-256(0x00, payload). The frame's last byte is that zero.
 * Over the payload as acknowledged: a segment that is encoded anew keeps every leaf.
 */
export const leafHash = (from: Buffer, at: number): Buffer =>
  hash('sha256', from.subarray(at + FRAME_BYTES - 1, at + FRAME_BYTES + from.readUInt32LE(at)), 'buffer');

/** The leaf hash of a payload that stands in no frame. */
export const leafOf = (payload: Buffer): Buffer =>
  createHash('sha256').update(LEAF_PREFIX).update(payload).digest();
const LEAF_PREFIX = Buffer.from([0]);

/** Where each frame of a commit starts; undefined where a frame does not check out or they do not fill the commit. */
export const frameOffsets = (
  from: Buffer,
  at: number,
  { count, length, format }: Pick<Header, 'count' | 'length' | 'format'>,
): Uint32Array | undefined => {
  const end = at + length;
  if (end > from.length) return undefined;
  const checksum = checksums[format];
  const offsets = new Uint32Array(count);
  let next = at;
  for (let i = 0; i < count; i += 1) {
    if (next + FRAME_BYTES > end) return undefined;
    const stop = next + FRAME_BYTES + from.readUInt32LE(next);
    if (stop > end) return undefined;
    if (from.readUInt32LE(next + 4) !== checksum(from, next + 8, stop)) return undefined;
    offsets[i] = next;
    next = stop;
  }
  return next === end ? offsets : undefined;
};

export const isZero = (bytes: Buffer, start = 0, end = bytes.length): boolean => {
  for (let at = start; at < end; at += zeros.length) {
    const stop = Math.min(end, at + zeros.length);
    if (bytes.compare(zeros, 0, stop - at, at, stop) !== 0) return false;
  }
  return true;
};
const zeros = Buffer.alloc(65_536);
