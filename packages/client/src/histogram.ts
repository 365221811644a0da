/**
 * Durations in the buckets of PulseStream's own histograms: 64 to each power of two from 2^-10 to 2^31 milliseconds.
 * A bucket is sent as the value that stands for it, off by at most 0.8 %, which the server counts in that very bucket:
 * adding up here loses nothing that would not be lost there.
 */
const SUB_BITS = 6;
const MIN_EXPONENT = -10;
const MAX_EXPONENT = 30;
const BASE = (1023 + MIN_EXPONENT) << SUB_BITS;
export const BUCKETS = ((MAX_EXPONENT - MIN_EXPONENT + 1) << SUB_BITS) + 1;

const bits = new DataView(new ArrayBuffer(8));

/** The bucket of a duration in milliseconds; what is below a microsecond is nothing. */
export const bucketOf = (duration: number): number => {
  if (!(duration >= 2 ** MIN_EXPONENT)) return 0;
  bits.setFloat64(0, duration);
  return Math.min(BUCKETS - 1, (bits.getUint32(0) >>> (20 - SUB_BITS)) - BASE + 1);
};

const lowerEnd = (bucket: number): number => {
  bits.setUint32(0, (BASE + bucket - 1) << (20 - SUB_BITS));
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
};

/** Digits that tell a bucket from its neighbours with room to spare. */
const DIGITS = 6;

/** The milliseconds that stand for a bucket. */
export const valueOf = (bucket: number): number => {
  if (bucket === 0) return 0;
  const low = lowerEnd(bucket);
  const high = lowerEnd(bucket + 1);
  return Number(((2 * low * high) / (low + high)).toPrecision(DIGITS));
};
