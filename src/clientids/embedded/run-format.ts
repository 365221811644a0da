import { crc32 } from 'node:zlib';
import type { Position } from '../../eventstore/event-store.js';
import { HASH_WORDS, type HashKey } from './hash.js';
import { ADDRESS_BYTES } from './holder.js';
import { HOLDER, ID_WORDS, PLACE, type RecentIds } from './id-table.js';

/*
 * A run is a file that is written once: a header, a directory, and the ids that were stored in some stretch of the log,
 * in buckets by the first bits of their hashes. All numbers are little-endian.
 *
 *   header     magic 8 · CRC-32 of all that follows 4 · bits 4 · count 4 · key 8 · oldest 8 · newest 8 · checkpoint 16
 *   directory  for each of the 2^bits buckets, and for the end, the number of the first id: 4
 *   ids        hash 16 · address 16 · recorded at 6
 */
const MAGIC = Buffer.from('PSIDS\x00\x00\x01', 'latin1');
const CRC_AT = 8;
const FIELDS_AT = 12;
export const HEADER_BYTES = 60;
const HASH_BYTES = HASH_WORDS * 4;
const TIME_BYTES = 6;
export const ENTRY_BYTES = HASH_BYTES + ADDRESS_BYTES + TIME_BYTES;
const TIME_AT = HASH_BYTES + ADDRESS_BYTES;
/** Whole words of 32 bits in an entry; two bytes are left. */
const ENTRY_WORDS = ENTRY_BYTES >>> 2;

/** Ids in a bucket, on average: what one look-up reads. */
const BUCKET_IDS = 64;

/** What a run is, without its ids. */
export interface RunHeader {
  /** The buckets are numbered by so many bits. */
  readonly bits: number;
  readonly count: number;
  /** The secret that all hashes were made with. */
  readonly key: HashKey;
  /** Epoch milliseconds of recording of its oldest and newest id. */
  readonly oldest: number;
  readonly newest: number;
  /** Up to this position all ids of the log are in this run or in an earlier one. */
  readonly checkpoint: Position;
}

/** The ids of a table that were recorded after a time, as a run has them. */
export const entriesOf = ({ ids, recorded, addresses }: RecentIds, after: number): Buffer => {
  const entries = Buffer.allocUnsafe((ids.length / ID_WORDS) * ENTRY_BYTES);
  const to = viewOf(entries);
  const from = viewOf(addresses);
  let end = 0;
  for (let id = 0; id < ids.length; id += ID_WORDS) {
    const holder = (ids[id + HOLDER] ?? 0) - 1;
    const time = recorded[holder] ?? 0;
    if (time <= after) continue;
    for (let word = 0; word < HASH_WORDS; word += 1) to.setUint32(end + word * 4, ids[id + word] ?? 0, true);
    const address = holder * ADDRESS_BYTES;
    const last = ADDRESS_BYTES - 4;
    for (let at = 0; at < last; at += 4)
      to.setUint32(end + HASH_BYTES + at, from.getUint32(address + at, true), true);
    to.setUint32(end + HASH_BYTES + last, from.getUint32(address + last) + (ids[id + PLACE] ?? 0));
    to.setUint32(end + TIME_AT, time % 2 ** 32, true);
    to.setUint16(end + TIME_AT + 4, time / 2 ** 32, true);
    end += ENTRY_BYTES;
  }
  return entries.subarray(0, end);
};

export const recordedAt = (entries: Buffer, offset: number): number =>
  entries.readUIntLE(offset + TIME_AT, TIME_BYTES);

/** Where an entry's address begins. */
export const addressAt = (offset: number): number => offset + HASH_BYTES;

export const hashWord = (entries: Buffer, offset: number, word: number): number =>
  entries.readUInt32LE(offset + word * 4);

/** The bucket of a hash by its first word. */
export const bucketOf = (word: number, bits: number): number => (bits === 0 ? 0 : word >>> (32 - bits));

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** As {@link recordedAt}; a view answers several times as fast. */
const timeAt = (entries: DataView, offset: number): number =>
  entries.getUint32(offset + TIME_AT, true) + entries.getUint16(offset + TIME_AT + 4, true) * 2 ** 32;

const copyEntry = (from: DataView, offset: number, to: DataView, at: number): void => {
  for (let word = 0; word < ENTRY_WORDS; word += 1)
    to.setInt32(at + word * 4, from.getInt32(offset + word * 4, true), true);
  to.setInt16(at + ENTRY_WORDS * 4, from.getInt16(offset + ENTRY_WORDS * 4, true), true);
};

/** A run as it is in its file. */
export interface RunContents {
  readonly header: RunHeader;
  /** For each bucket, and for the end, the number of its first id. */
  readonly directory: Uint32Array;
  readonly entries: Buffer;
}

/** Makes a run of those entries, in any order, that were recorded after a time. */
export const encodeRun = (
  parts: readonly Buffer[],
  { key, checkpoint }: Pick<RunHeader, 'key' | 'checkpoint'>,
  after: number,
): RunContents & { readonly file: Buffer } => {
  const most = parts.reduce((sum, { length }) => sum + length, 0) / ENTRY_BYTES;
  const bits = Math.max(0, Math.ceil(Math.log2(most / BUCKET_IDS)));
  const buckets = 2 ** bits;
  const directory = new Uint32Array(buckets + 1);
  let count = 0;
  let oldest = Infinity;
  let newest = 0;
  const views = parts.map(viewOf);
  for (const entries of views)
    for (let offset = 0; offset < entries.byteLength; offset += ENTRY_BYTES) {
      const time = timeAt(entries, offset);
      if (time <= after) continue;
      const bucket = bucketOf(entries.getUint32(offset, true), bits);
      directory[bucket + 1] = (directory[bucket + 1] ?? 0) + 1;
      count += 1;
      if (time < oldest) oldest = time;
      if (time > newest) newest = time;
    }
  for (let bucket = 0; bucket < buckets; bucket += 1)
    directory[bucket + 1] = (directory[bucket + 1] ?? 0) + (directory[bucket] ?? 0);

  const start = HEADER_BYTES + directory.byteLength;
  const file = Buffer.allocUnsafe(start + count * ENTRY_BYTES);
  const view = viewOf(file);
  for (let i = 0; i <= buckets; i += 1) view.setUint32(HEADER_BYTES + i * 4, directory[i] ?? 0, true);
  const next = directory.slice(0, buckets);
  for (const entries of views)
    for (let offset = 0; offset < entries.byteLength; offset += ENTRY_BYTES) {
      if (timeAt(entries, offset) <= after) continue;
      const bucket = bucketOf(entries.getUint32(offset, true), bits);
      const place = next[bucket] ?? 0;
      next[bucket] = place + 1;
      copyEntry(entries, offset, view, start + place * ENTRY_BYTES);
    }

  const header: RunHeader = { bits, count, key, oldest: count === 0 ? 0 : oldest, newest, checkpoint };
  MAGIC.copy(file);
  let at = file.writeUInt32LE(bits, FIELDS_AT);
  at = file.writeUInt32LE(count, at);
  for (const word of key) at = file.writeUInt32LE(word, at);
  at = file.writeDoubleLE(header.oldest, at);
  at = file.writeDoubleLE(newest, at);
  file.write(checkpoint, at, 'latin1');
  file.writeUInt32LE(crc32(file.subarray(FIELDS_AT)), CRC_AT);
  return { header, directory, entries: file.subarray(start), file };
};

/** Reads a run's file; undefined where it is none, or not whole. */
export const decodeRun = (file: Buffer): RunContents | undefined => {
  if (file.length < HEADER_BYTES || !file.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (crc32(file.subarray(FIELDS_AT)) !== file.readUInt32LE(CRC_AT)) return undefined;
  const bits = file.readUInt32LE(FIELDS_AT);
  const count = file.readUInt32LE(FIELDS_AT + 4);
  const header: RunHeader = {
    bits,
    count,
    key: [file.readUInt32LE(FIELDS_AT + 8), file.readUInt32LE(FIELDS_AT + 12)],
    oldest: file.readDoubleLE(FIELDS_AT + 16),
    newest: file.readDoubleLE(FIELDS_AT + 24),
    checkpoint: file.toString('latin1', FIELDS_AT + 32, HEADER_BYTES) as Position,
  };
  const directory = Uint32Array.from({ length: 2 ** bits + 1 }, (_, i) =>
    file.readUInt32LE(HEADER_BYTES + i * 4),
  );
  const start = HEADER_BYTES + directory.length * 4;
  return { header, directory, entries: file.subarray(start, start + count * ENTRY_BYTES) };
};
