import { crc32 } from 'node:zlib';

/** A checksum of bytes, gone on with from one before where that is given. */
export type Checksum = (bytes: Uint8Array, seed?: number) => number;

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), reflected. */
const crc32c: Checksum = (bytes, seed = 0) => {
  let crc = ~seed;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
};

const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** Which checksum a segment's format has. */
export const checksums: ReadonlyMap<number, Checksum> = new Map([
  [1, crc32c],
  [2, (bytes, seed) => crc32(bytes, seed)],
]);
