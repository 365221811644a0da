import { crc32 } from 'node:zlib';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Position } from '../../eventstore/event-store.js';
import { HASH_WORDS, type HashKey } from './hash.js';
import { ADDRESS_BYTES } from './holder.js';

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

/** Ids in a bucket, on average: what one look-up reads. */
const BUCKET_IDS = 64;
/** Ids between two pauses while a run is made. */
const STRETCH = 8_192;

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

/** An id to put into a run, at an offset of a buffer of such. */
export const writeEntry = (
  entries: Buffer,
  offset: number,
  hashes: Uint32Array,
  at: number,
  recorded_at: number,
): number => {
  for (let i = 0; i < HASH_WORDS; i += 1) entries.writeUInt32LE(hashes[at + i] ?? 0, offset + i * 4);
  entries.writeUIntLE(recorded_at, offset + HASH_BYTES + ADDRESS_BYTES, TIME_BYTES);
  return offset + HASH_BYTES;
};

export const recordedAt = (entries: Buffer, offset: number): number =>
  entries.readUIntLE(offset + HASH_BYTES + ADDRESS_BYTES, TIME_BYTES);

/** Where an entry's address begins. */
export const addressAt = (offset: number): number => offset + HASH_BYTES;

export const hashWord = (entries: Buffer, offset: number, word: number): number =>
  entries.readUInt32LE(offset + word * 4);

/** The bucket of a hash by its first word. */
export const bucketOf = (word: number, bits: number): number => (bits === 0 ? 0 : word >>> (32 - bits));

/** Makes a run's file of entries in any order. Gives way to other work in between. */
export const encodeRun = async (
  entries: Buffer,
  { key, checkpoint }: Pick<RunHeader, 'key' | 'checkpoint'>,
): Promise<Buffer> => {
  const count = entries.length / ENTRY_BYTES;
  const bits = Math.max(0, Math.ceil(Math.log2(count / BUCKET_IDS)));
  const buckets = 2 ** bits;
  const ends = new Uint32Array(buckets + 1);
  let oldest = Infinity;
  let newest = 0;
  for (let i = 0; i < count; i += 1) {
    if (i % STRETCH === STRETCH - 1) await nextTurn();
    const bucket = bucketOf(hashWord(entries, i * ENTRY_BYTES, 0), bits);
    ends[bucket + 1] = (ends[bucket + 1] ?? 0) + 1;
    const time = recordedAt(entries, i * ENTRY_BYTES);
    oldest = Math.min(oldest, time);
    newest = Math.max(newest, time);
  }
  for (let bucket = 0; bucket < buckets; bucket += 1)
    ends[bucket + 1] = (ends[bucket + 1] ?? 0) + (ends[bucket] ?? 0);

  const directory_bytes = (buckets + 1) * 4;
  const file = Buffer.allocUnsafe(HEADER_BYTES + directory_bytes + entries.length);
  for (let i = 0; i <= buckets; i += 1) file.writeUInt32LE(ends[i] ?? 0, HEADER_BYTES + i * 4);
  const next = ends.slice(0, buckets);
  for (let i = 0; i < count; i += 1) {
    if (i % STRETCH === STRETCH - 1) await nextTurn();
    const offset = i * ENTRY_BYTES;
    const bucket = bucketOf(hashWord(entries, offset, 0), bits);
    const place = next[bucket] ?? 0;
    next[bucket] = place + 1;
    // Byte by byte: for so few a call costs more than what it does.
    const to = HEADER_BYTES + directory_bytes + place * ENTRY_BYTES;
    for (let byte = 0; byte < ENTRY_BYTES; byte += 1) file[to + byte] = entries[offset + byte] ?? 0;
  }

  MAGIC.copy(file);
  let at = file.writeUInt32LE(bits, FIELDS_AT);
  at = file.writeUInt32LE(count, at);
  for (const word of key) at = file.writeUInt32LE(word, at);
  at = file.writeDoubleLE(count === 0 ? 0 : oldest, at);
  at = file.writeDoubleLE(newest, at);
  file.write(checkpoint, at, 'latin1');
  file.writeUInt32LE(crc32(file.subarray(FIELDS_AT)), CRC_AT);
  return file;
};

/** Reads a run's file; undefined where it is none, or not whole. */
export const decodeRun = (
  file: Buffer,
): { readonly header: RunHeader; readonly directory: Uint32Array; readonly entries: Buffer } | undefined => {
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
