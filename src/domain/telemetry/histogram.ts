/**
 * Counts of durations in log-linear buckets: 64 to each power of two, so that a bucket is at most 1/64 wider than its
 * lower end and the value that stands for it is off by at most 0.8 %. Below a microsecond counts as zero; the top is
 * 2^31 ms. A histogram is its own stored form, and adding two gives the same as counting everything in one, whatever
 * the order (a commutative monoid), which is what lets minutes become hours and ranges of the log fold in parallel.
 *
 * Counts are whole, or multiples of {@link COUNT_UNIT} where one was added that is not whole.
 *
 * Stored format: empty, or [bytes of a count: 1, 2, 4 or 8] [bits of a count's fraction: 0 or 10] [first bucket, 16
 * bits] [count, count, …], all little endian; from the first bucket that is not zero to the last one, in the fewest
 * bytes that the greatest count needs.
 */
export type Histogram = Uint8Array;

const FRACTION_BITS = 10;
/** What counts are made of: sums of multiples of it are exact in a double up to eight million million. */
export const COUNT_UNIT = 2 ** -FRACTION_BITS;

const SUB_BITS = 6;
const MIN_EXPONENT = -10;
const MAX_EXPONENT = 30;
const BASE = (1023 + MIN_EXPONENT) << SUB_BITS;
export const BUCKETS = ((MAX_EXPONENT - MIN_EXPONENT + 1) << SUB_BITS) + 1;

const HEADER = 4;
const bits = new DataView(new ArrayBuffer(8));

/** The bucket of a duration in milliseconds. */
export const bucketOf = (value: number): number => {
  if (!(value >= 2 ** MIN_EXPONENT)) return 0;
  bits.setFloat64(0, value);
  const bucket = (bits.getUint32(0) >>> (20 - SUB_BITS)) - BASE + 1;
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
};

const lowerEnd = (bucket: number): number => {
  bits.setUint32(0, (BASE + bucket - 1) << (20 - SUB_BITS));
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
};

/** The value that stands for a bucket: the one whose relative distance to both ends is the same. */
export const valueOf = (bucket: number): number => {
  if (bucket === 0) return 0;
  const low = lowerEnd(bucket);
  const high = lowerEnd(bucket + 1);
  return (2 * low * high) / (low + high);
};

export const emptyHistogram = (): Histogram => new Uint8Array(0);

const firstBucket = (histogram: Histogram): number => (histogram[2] ?? 0) | ((histogram[3] ?? 0) << 8);

const slotsOf = (histogram: Histogram): number => (histogram.length - HEADER) / (histogram[0] ?? 1);

const widthFor = (count: number): number =>
  count <= 0xff ? 1 : count <= 0xffff ? 2 : count <= 0xffffffff ? 4 : 8;

const readCount = (histogram: Histogram, width: number, slot: number): number => {
  const at = HEADER + slot * width;
  if (width === 1) return histogram[at] ?? 0;
  if (width === 2) return (histogram[at] ?? 0) | ((histogram[at + 1] ?? 0) << 8);
  let count = 0;
  for (let i = at + width - 1; i >= at; i -= 1) count = count * 256 + (histogram[i] ?? 0);
  return count;
};

const writeCount = (histogram: Histogram, width: number, slot: number, count: number): void => {
  if (width <= 2) {
    histogram[HEADER + slot * width] = count & 0xff;
    if (width === 2) histogram[HEADER + slot * width + 1] = count >>> 8;
    return;
  }
  let rest = count;
  for (let i = HEADER + slot * width; i < HEADER + (slot + 1) * width; i += 1) {
    histogram[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
};

/** How many of a histogram's own units make one. */
const scaleOf = (histogram: Histogram): number => 2 ** (histogram[1] ?? 0);

const bitsFor = (count: number): number => (Number.isInteger(count) ? 0 : FRACTION_BITS);

const blank = (width: number, fraction_bits: number, first: number, slots: number): Histogram => {
  const histogram = new Uint8Array(HEADER + width * slots);
  histogram[0] = width;
  histogram[1] = fraction_bits;
  histogram[2] = first & 0xff;
  histogram[3] = first >>> 8;
  return histogram;
};

const resized = (histogram: Histogram, width: number, first: number, slots: number): Histogram => {
  const grown = blank(width, histogram[1] ?? 0, first, slots);
  const old_width = histogram[0] ?? 1;
  const shift = firstBucket(histogram) - first;
  if (old_width === width) grown.set(histogram.subarray(HEADER), HEADER + shift * width);
  else
    for (let slot = 0; slot < slotsOf(histogram); slot += 1)
      writeCount(grown, width, slot + shift, readCount(histogram, old_width, slot));
  return grown;
};

/** The same counts in units small enough for fractions. */
const withFractions = (histogram: Histogram): Histogram => {
  const width = histogram[0] ?? 1;
  const counts = Array.from({ length: slotsOf(histogram) }, (_, slot) => readCount(histogram, width, slot));
  const greatest = counts.reduce((most, count) => Math.max(most, count), 0);
  const fine = blank(widthFor(greatest / COUNT_UNIT), FRACTION_BITS, firstBucket(histogram), counts.length);
  for (const [slot, count] of counts.entries()) writeCount(fine, fine[0] ?? 1, slot, count / COUNT_UNIT);
  return fine;
};

/**
 * Adds to one bucket, a multiple of {@link COUNT_UNIT}: changes the histogram in place where it has room, and gives
 * back the one to go on with.
 */
export const addToBucket = (histogram: Histogram, bucket: number, count: number): Histogram => {
  if (count === 0) return histogram;
  const bits_needed = bitsFor(count);
  if (histogram.length === 0) {
    const times = count * 2 ** bits_needed;
    const made = blank(widthFor(times), bits_needed, bucket, 1);
    writeCount(made, made[0] ?? 1, 0, times);
    return made;
  }
  return bits_needed > (histogram[1] ?? 0)
    ? addUnits(withFractions(histogram), bucket, count / COUNT_UNIT)
    : addUnits(histogram, bucket, count * scaleOf(histogram));
};

/** {@link addToBucket} in the histogram's own units, for one that is not empty. */
const addUnits = (histogram: Histogram, bucket: number, times: number): Histogram => {
  const first = firstBucket(histogram);
  const slots = slotsOf(histogram);
  let changed = histogram;
  if (bucket < first) changed = resized(histogram, histogram[0] ?? 1, bucket, slots + first - bucket);
  else if (bucket >= first + slots)
    changed = resized(histogram, histogram[0] ?? 1, first, bucket - first + 1);

  const width = changed[0] ?? 1;
  const slot = bucket - Math.min(first, bucket);
  const count = readCount(changed, width, slot) + times;
  const needed = widthFor(count);
  if (needed > width) changed = resized(changed, needed, firstBucket(changed), slotsOf(changed));
  writeCount(changed, Math.max(width, needed), slot, count);
  return changed;
};

/** Adds one to each bucket of a list, from one place in it up to another, as {@link addToBucket} does. */
export const addToBuckets = (
  histogram: Histogram,
  buckets: Uint16Array,
  from: number,
  to: number,
): Histogram => {
  let changed = histogram;
  let width = changed[0] ?? 0;
  let first = firstBucket(changed);
  const is_fine = (changed[1] ?? 0) > 0;
  for (let i = from; i < to; i += 1) {
    const bucket = buckets[i] ?? 0;
    const at = HEADER + (bucket - first) * width;
    const low = changed[at] ?? 0xff;
    // Most often the bucket is there and its lowest byte has room, whatever the width.
    if (!is_fine && at >= HEADER && low < 0xff) changed[at] = low + 1;
    else {
      changed = addToBucket(changed, bucket, 1);
      width = changed[0] ?? 0;
      first = firstBucket(changed);
    }
  }
  return changed;
};

/**
 * A new histogram without some of what was counted in it, so many times in each of some buckets. Undefined where they
 * are not in it, and where fractions were counted: nobody can tell then how it would be written without them.
 */
export const takenOut = (
  histogram: Histogram,
  taken: Iterable<{ readonly bucket: number; readonly times: number }>,
): Histogram | undefined => {
  if (histogram[1]) return undefined;
  const width = histogram[0] ?? 1;
  const first = firstBucket(histogram);
  const slots = histogram.length === 0 ? 0 : slotsOf(histogram);
  const counts = Array.from({ length: slots }, (_, slot) => readCount(histogram, width, slot));
  for (const { bucket, times } of taken) {
    const left = (counts[bucket - first] ?? 0) - times;
    if (!(left >= 0) || !Number.isInteger(left)) return undefined;
    counts[bucket - first] = left;
  }
  const start = counts.findIndex((count) => count > 0);
  if (start < 0) return emptyHistogram();
  const kept = counts.slice(start, counts.findLastIndex((count) => count > 0) + 1);
  const greatest = kept.reduce((most, count) => Math.max(most, count), 0);
  const made = blank(widthFor(greatest), 0, first + start, kept.length);
  for (const [slot, count] of kept.entries()) writeCount(made, made[0] ?? 1, slot, count);
  return made;
};

/** Counts a duration in milliseconds; in place where there is room. */
export const record = (histogram: Histogram, value: number): Histogram =>
  addToBucket(histogram, bucketOf(value), 1);

/** A new histogram of everything in both. */
export const merge = (one: Histogram, other: Histogram): Histogram =>
  new HistogramSum().add(one).add(other).histogram();

/** The value at a quantile (0 to 1) by nearest rank; undefined where nothing was counted. */
export const quantile = (histogram: Histogram, q: number): number | undefined =>
  new HistogramSum().add(histogram).quantile(q);

/** Adds many histograms up, for queries. */
export class HistogramSum {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #first = BUCKETS;
  #last = -1;
  #fraction_bits = 0;

  get total(): number {
    return this.#total;
  }

  /** Forgets everything: one sum can serve many groups in turn. */
  clear(): this {
    this.#counts.fill(0, this.#first, this.#last + 1);
    this.#total = 0;
    this.#first = BUCKETS;
    this.#last = -1;
    this.#fraction_bits = 0;
    return this;
  }

  add(histogram: Histogram): this {
    if (histogram.length === 0) return this;
    const width = histogram[0] ?? 1;
    const first = firstBucket(histogram);
    const slots = slotsOf(histogram);
    const unit = histogram[1] ? COUNT_UNIT : 1;
    const counts = this.#counts;
    let total = 0;
    if (width === 1 && unit === 1)
      // Nearly all are of this kind. Slots are not asked whether they are empty: adding nothing is faster.
      for (let slot = 0; slot < slots; slot += 1) {
        const count = histogram[HEADER + slot] ?? 0;
        counts[first + slot] = (counts[first + slot] ?? 0) + count;
        total += count;
      }
    else
      for (let slot = 0; slot < slots; slot += 1) {
        const count = readCount(histogram, width, slot) * unit;
        counts[first + slot] = (counts[first + slot] ?? 0) + count;
        total += count;
      }
    this.#total += total;
    this.#first = Math.min(this.#first, first);
    this.#last = Math.max(this.#last, first + slots - 1);
    this.#fraction_bits = Math.max(this.#fraction_bits, histogram[1] ?? 0);
    return this;
  }

  quantile(q: number): number | undefined {
    if (this.#total === 0) return undefined;
    const unit = 2 ** -this.#fraction_bits;
    const rank = Math.max(1, Math.ceil((q * this.#total) / unit)) * unit;
    let seen = 0;
    for (let bucket = this.#first; bucket <= this.#last; bucket += 1) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) return valueOf(bucket);
    }
    return valueOf(this.#last);
  }

  histogram(): Histogram {
    if (this.#total === 0) return emptyHistogram();
    let greatest = 0;
    for (let bucket = this.#first; bucket <= this.#last; bucket += 1)
      greatest = Math.max(greatest, this.#counts[bucket] ?? 0);
    const scale = 2 ** this.#fraction_bits;
    const width = widthFor(greatest * scale);
    const made = blank(width, this.#fraction_bits, this.#first, this.#last - this.#first + 1);
    for (let bucket = this.#first; bucket <= this.#last; bucket += 1)
      writeCount(made, width, bucket - this.#first, (this.#counts[bucket] ?? 0) * scale);
    return made;
  }
}
