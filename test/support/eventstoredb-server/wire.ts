import type { StoredRecord } from './database.js';

/**
 * Writes the one message of which there are millions, an event read, straight as protobuf bytes: several times faster
 * than the generated classes. Field numbers as in streams.proto.
 */
const bytesField = (field: number, ...parts: readonly Uint8Array[]): Buffer => {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  return Buffer.concat([varint(field * 8 + 2), varint(length), ...parts]);
};

const makeVarint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
};

/** Most numbers are tags and short lengths. */
const small = Array.from({ length: 2_048 }, (_, value) => makeVarint(value));
const varint = (value: number): Buffer => small[value] ?? makeVarint(value);

/** 2^63 - 1. */
const TOMBSTONE_REVISION = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
const TICKS_A_MILLISECOND = 10_000n;

const number = (field: number, value: number): Buffer[] => [
  varint(field * 8),
  value === Infinity ? TOMBSTONE_REVISION : varint(value),
];
const entry = (field: number, key: string, value: string): Buffer =>
  bytesField(field, bytesField(1, Buffer.from(key)), bytesField(2, Buffer.from(value)));

const fixed = new Map<string, Buffer>();
/** The parts that most events of a stream share. */
const sharedParts = ({ stream, type, json }: StoredRecord): Buffer => {
  const key = `${String(json)} ${type} ${stream}`;
  let parts = fixed.get(key);
  if (!parts) {
    const contentType = json ? 'application/json' : 'application/octet-stream';
    parts = Buffer.concat([
      bytesField(2, bytesField(3, Buffer.from(stream))),
      entry(6, 'type', type),
      entry(6, 'content-type', contentType),
    ]);
    if (fixed.size > 1_000) fixed.clear();
    fixed.set(key, parts);
  }
  return parts;
};

/** A ReadResp with one event. */
export const encodeEvent = (record: StoredRecord): Buffer => {
  const position = varint(record.position);
  const event = [
    bytesField(1, bytesField(2, Buffer.from(record.id))),
    sharedParts(record),
    ...number(3, record.revision),
    varint(4 * 8),
    position,
    varint(5 * 8),
    position,
    entry(6, 'created', String(BigInt(record.created) * TICKS_A_MILLISECOND)),
    bytesField(7, record.metadata),
    bytesField(8, record.data),
  ];
  return bytesField(1, bytesField(1, ...event), varint(3 * 8), position);
};
