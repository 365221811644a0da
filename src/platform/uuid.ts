import { createHash } from 'node:crypto';
import type { Clock } from './clock.js';
import type { Random } from './random.js';

const format = (bytes: Buffer, version: number): string => {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};

/** A UUID version 7 (RFC 9562 §5.7): 48 bits of milliseconds, then random. */
export const uuidV7 = (clock: Pick<Clock, 'now'>, random: Random): string => {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeUIntBE(clock.now(), 0, 6);
  random.bytes(10).copy(bytes, 6);
  return format(bytes, 7);
};

/** A UUID made from names (RFC 9562 §5.8, version 8): the same names give the same id, for ever. */
export const uuidFrom = (...names: readonly string[]): string =>
  format(createHash('sha256').update(JSON.stringify(names)).digest(), 8);
