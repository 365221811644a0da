import { createHash } from 'node:crypto';
import type { TenantId } from '../../domain/ids.js';
import type { IndexValue, Place, Query } from '../read-store.js';

/*
 * Keys compare as bytes. A key is a row of parts that each end themselves, so that parts compare one after the other
 * and none can reach into the next: no id looks like another tenant's key. The first byte tells documents from
 * index entries.
 */
const DOCUMENT = 0x01;
const ENTRY = 0x02;

/** Types follow each other as in MongoDB: numbers, strings, booleans. */
const NUMBER = 0x10;
const TEXT = 0x20;
const BOOLEAN = 0x30;

/** Above every part's first byte: ends the range of all keys with the same beginning. */
const ABOVE = Buffer.from([0xff]);
const NOTHING = Buffer.alloc(0);

/**
 * LMDB takes keys up to 1,978 bytes. Of a longer text the beginning and a hash stand in the key: it is found and told
 * apart as before, but among texts that agree in so many bytes the order is that of the hashes.
 */
const LONGEST_TEXT = 200;
const KEPT = 166;
const ENDED = Buffer.from([0x00, 0x01]);
const CUT = Buffer.from([0x00, 0x02]);

/** UTF-8 with 00 written as 00 FF, so that 00 01 ends it before any that goes on. */
const escaped = (text: string): Buffer => {
  const bytes = Buffer.from(text);
  if (!bytes.includes(0)) return bytes;
  return Buffer.from([...bytes].flatMap((byte) => (byte === 0 ? [0x00, 0xff] : [byte])));
};

const unescaped = (bytes: Buffer): string =>
  (bytes.includes(0)
    ? Buffer.from(bytes.filter((byte, at) => byte !== 0xff || bytes[at - 1] !== 0))
    : bytes
  ).toString();

const textPart = (text: string): Buffer => {
  const bytes = escaped(text);
  if (bytes.length <= LONGEST_TEXT) return Buffer.concat([Buffer.from([TEXT]), bytes, ENDED]);
  const kept = bytes.subarray(0, bytes[KEPT - 1] === 0 ? KEPT - 1 : KEPT);
  return Buffer.concat([Buffer.from([TEXT]), kept, CUT, createHash('sha256').update(bytes).digest()]);
};

/** The bits of a double in an order that compares as the numbers do: negative ones inverted, the others above them. */
const numberPart = (value: number): Buffer => {
  if (!Number.isFinite(value)) throw new Error(`${value} has no place in an index.`);
  const bytes = Buffer.allocUnsafe(9);
  bytes[0] = NUMBER;
  bytes.writeDoubleBE(value === 0 ? 0 : value, 1);
  const sign = bytes.readUInt8(1);
  if (sign < 0x80) bytes[1] = sign | 0x80;
  else for (let at = 1; at < 9; at += 1) bytes[at] = ~bytes.readUInt8(at) & 0xff;
  return bytes;
};

const valuePart = (value: IndexValue): Buffer => {
  if (typeof value === 'number') return numberPart(value);
  return typeof value === 'string' ? textPart(value) : Buffer.from([BOOLEAN, value ? 1 : 0]);
};

const typeOf = (value: IndexValue): number => {
  if (typeof value === 'number') return NUMBER;
  return typeof value === 'string' ? TEXT : BOOLEAN;
};

export const documentKey = (tenant: TenantId, id: string): Buffer =>
  Buffer.concat([Buffer.from([DOCUMENT]), tenantPart(tenant), textPart(id)]);

/** All documents of a collection. */
export const DOCUMENTS = { low: Buffer.from([DOCUMENT]), high: Buffer.from([DOCUMENT + 1]) };

/** Tenants stand whole in the key, which is the only place that says whose a document is. */
const tenantPart = (tenant: TenantId): Buffer => {
  if (escaped(tenant).length > LONGEST_TEXT)
    throw new Error(`A tenant’s id has at most ${LONGEST_TEXT} bytes.`);
  return textPart(tenant);
};

/** Whose document a key is. */
export const tenantOf = (key: Buffer): TenantId =>
  unescaped(key.subarray(2, key.indexOf(ENDED, 2))) as TenantId;

/** An entry of the collection's n-th index. */
export const entryKey = (index: number, tenant: TenantId, { values, id }: Place): Buffer =>
  Buffer.concat([walkPrefix(index, tenant, values), textPart(id)]);

const walkPrefix = (index: number, tenant: TenantId, values: readonly IndexValue[]): Buffer =>
  Buffer.concat([Buffer.from([ENTRY, index]), tenantPart(tenant), ...values.map(valuePart)]);

/** A range stays within its values' type, as it does in MongoDB. */
const lowest = (from?: IndexValue, to?: IndexValue): Buffer => {
  if (from !== undefined) return valuePart(from);
  return to === undefined ? NOTHING : Buffer.from([typeOf(to)]);
};
const highest = (from?: IndexValue, to?: IndexValue): Buffer => {
  if (to !== undefined) return Buffer.concat([valuePart(to), ABOVE]);
  return from === undefined ? ABOVE : Buffer.from([typeOf(from) + 1]);
};

/** Where a walk begins and ends, the ends left out. */
export const walkBounds = (
  index: number,
  tenant: TenantId,
  { equals = [], range, order = 'ascending', after }: Query,
): { readonly low: Buffer; readonly high: Buffer } => {
  const prefix = walkPrefix(index, tenant, equals);
  const { from, to } = range ?? {};
  const low = Buffer.concat([prefix, lowest(from, to)]);
  const high = Buffer.concat([prefix, highest(from, to)]);
  if (!after) return { low, high };
  const behind = entryKey(index, tenant, after);
  return order === 'ascending'
    ? { low: Buffer.compare(low, behind) < 0 ? behind : low, high }
    : { low, high: Buffer.compare(high, behind) > 0 ? behind : high };
};
