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
const ABOVE = 0xff;

/**
 * LMDB takes keys up to 1,978 bytes. Of a longer text the beginning and a hash stand in the key: it is found and told
 * apart as before, but among texts that agree in so many bytes the order is that of the hashes.
 */
const LONGEST_TEXT = 200;
const KEPT = 166;
/** A tenant's type byte, its bytes and its end. */
const LONGEST_TENANT = 1 + KEPT + 2;
const ENDED = Buffer.from([0x00, 0x01]);
const CUT = Buffer.from([0x00, 0x02]);

/** UTF-8 with 00 written as 00 FF, so that 00 01 ends it before any that goes on. */
const escaped = (text: string): Buffer =>
  Buffer.from([...Buffer.from(text)].flatMap((byte) => (byte === 0 ? [0x00, 0xff] : [byte])));

const unescaped = (bytes: Buffer): string =>
  (bytes.includes(0)
    ? Buffer.from(bytes.filter((byte, at) => byte !== 0xff || bytes[at - 1] !== 0))
    : bytes
  ).toString();

/** Keys are put together here: several a document, so that it shows in every batch when each part is a buffer. */
const scratch = Buffer.alloc(8192);
let used = 0;

/** The key made of what `write` puts into the scratch buffer. */
const keyOf = (write: () => void): Buffer => {
  used = 0;
  write();
  return Buffer.from(scratch.subarray(0, used));
};

const putByte = (byte: number): void => {
  scratch[used] = byte;
  used += 1;
};

const putBytes = (bytes: Buffer): void => {
  used += bytes.copy(scratch, used);
};

const putText = (text: string): void => {
  putByte(TEXT);
  const length =
    text.length <= LONGEST_TEXT && !text.includes('\u0000') ? scratch.write(text, used) : Infinity;
  if (length <= LONGEST_TEXT) {
    used += length;
    putBytes(ENDED);
    return;
  }
  const bytes = escaped(text);
  if (bytes.length <= LONGEST_TEXT) {
    putBytes(bytes);
    putBytes(ENDED);
    return;
  }
  putBytes(bytes.subarray(0, bytes[KEPT - 1] === 0 ? KEPT - 1 : KEPT));
  putBytes(CUT);
  putBytes(createHash('sha256').update(bytes).digest());
};

/** The bits of a double in an order that compares as the numbers do: negative ones inverted, the others above them. */
const putNumber = (value: number): void => {
  if (!Number.isFinite(value)) throw new Error(`${value} has no place in an index.`);
  putByte(NUMBER);
  const start = used;
  used = scratch.writeDoubleBE(value === 0 ? 0 : value, start);
  const sign = scratch.readUInt8(start);
  if (sign < 0x80) scratch[start] = sign | 0x80;
  else for (let at = start; at < used; at += 1) scratch[at] = ~scratch.readUInt8(at) & 0xff;
};

const putValue = (value: IndexValue): void => {
  if (typeof value === 'number') {
    putNumber(value);
  } else if (typeof value === 'string') {
    putText(value);
  } else {
    putByte(BOOLEAN);
    putByte(value ? 1 : 0);
  }
};

const typeOf = (value: IndexValue): number => {
  if (typeof value === 'number') return NUMBER;
  return typeof value === 'string' ? TEXT : BOOLEAN;
};

export const documentKey = (tenant: TenantId, id: string): Buffer =>
  keyOf(() => {
    putByte(DOCUMENT);
    putTenant(tenant);
    putText(id);
  });

/** Where the documents of a collection begin and end, or those of a tenant. */
export const documentBounds = (tenant?: TenantId): { readonly low: Buffer; readonly high: Buffer } => {
  if (tenant === undefined) return { low: Buffer.from([DOCUMENT]), high: Buffer.from([DOCUMENT + 1]) };
  const low = keyOf(() => {
    putByte(DOCUMENT);
    putTenant(tenant);
  });
  return { low, high: Buffer.concat([low, Buffer.from([ABOVE])]) };
};

/** Tenants stand whole in the key, which is the only place that says whose a document is. */
const putTenant = (tenant: TenantId): void => {
  const start = used;
  putText(tenant);
  if (used - start > LONGEST_TENANT) throw new Error(`A tenant’s id has at most ${KEPT} bytes.`);
};

/** Whose document a key is. */
export const tenantOf = (key: Buffer): TenantId =>
  unescaped(key.subarray(2, key.indexOf(ENDED, 2))) as TenantId;

/** An entry of the collection's n-th index. */
export const entryKey = (index: number, tenant: TenantId, { values, id }: Place): Buffer =>
  keyOf(() => {
    putWalk(index, tenant, values);
    putText(id);
  });

const putWalk = (index: number, tenant: TenantId, values: readonly IndexValue[]): void => {
  putByte(ENTRY);
  putByte(index);
  putTenant(tenant);
  values.forEach(putValue);
};

/** Where a walk begins and ends, the ends left out. A range stays within its values' type, as it does in MongoDB. */
export const walkBounds = (
  index: number,
  tenant: TenantId,
  { equals = [], range: { from, to } = {}, order = 'ascending', after }: Query,
): { readonly low: Buffer; readonly high: Buffer } => {
  const low = keyOf(() => {
    putWalk(index, tenant, equals);
    if (from !== undefined) putValue(from);
    else if (to !== undefined) putByte(typeOf(to));
  });
  const high = keyOf(() => {
    putWalk(index, tenant, equals);
    if (to !== undefined) putValue(to);
    putByte(to === undefined && from !== undefined ? typeOf(from) + 1 : ABOVE);
  });
  if (!after) return { low, high };
  const behind = entryKey(index, tenant, after);
  return order === 'ascending'
    ? { low: Buffer.compare(low, behind) < 0 ? behind : low, high }
    : { low, high: Buffer.compare(high, behind) > 0 ? behind : high };
};
