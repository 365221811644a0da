import { ByteWriter, UndecodableColumns, type ByteReader } from './bytes.js';

/**
 * Sequences of whole numbers, their differences safe integers. Stored format: every number here is on disk for good.
 *
 *   mode u8  how the numbers stand, plus 4 where each but the first is a difference to the one before
 *   first    signed varint, where they are differences
 *   least    signed varint; what follows is added to it
 *   constant nothing
 *   packed   width u8, then each number in so many bits, the lowest first; what is wider than 24 bits as two
 *            sequences, of the low 24 bits and of the others
 *   planes   count u8, then a blob of each byte of all numbers, the lowest first
 */
const form = { constant: 0, packed: 1, planes: 2 } as const;
const FORM_MASK = 3;
const DIFFERENCES = 4;
const LOW_BITS = 24;
const LOW = 2 ** LOW_BITS;
const MAX_PACKED_BITS = 48;
const MAX_PLANES = 7;

/** Planes are slower to read than packed bits: they are to save something. */
const PLANES_ADVANTAGE = 0.9;
const FEWEST_FOR_PLANES = 32;

interface Bounds {
  readonly least: number;
  readonly range: number;
}

/** Writes numbers in the form that takes the least room; how many there are is for the reader to know. */
export const encodeIntegers = (values: readonly number[], out: ByteWriter): void => {
  const bounds = boundsOf(values);
  const differences = values.length > 1 ? differencesOf(values) : [];
  const steps = boundsOf(differences);
  if (differences.length > 0 && bitsOf(steps.range) < bitsOf(bounds.range)) {
    const [mode, body] = encodeOffsets(differences, steps, out);
    out.byte(mode | DIFFERENCES);
    out.signed(values[0] ?? 0);
    out.put(body);
  } else {
    const [mode, body] = encodeOffsets(values, bounds, out);
    out.byte(mode);
    out.put(body);
  }
};

/** Reads so many numbers. */
export const decodeIntegers = (from: ByteReader, count: number): Float64Array => {
  const mode = from.byte();
  const values = new Float64Array(count);
  if (!(mode & DIFFERENCES)) {
    decodeOffsets(from, mode, values);
    return values;
  }
  const first = from.signed();
  if (count === 0) return values;
  decodeOffsets(from, mode, values.subarray(1));
  values[0] = first;
  let sum = first;
  for (let i = 1; i < count; i += 1) {
    sum += values[i] as number;
    values[i] = sum;
  }
  return values;
};

/** Whether all numbers can be indexes of so many things. */
export const areBelow = (values: Float64Array, count: number): boolean => {
  for (const value of values) if (!(value >= 0 && value < count)) return false;
  return true;
};

const boundsOf = (values: readonly number[]): Bounds => {
  let least = values[0] ?? 0;
  let greatest = least;
  for (const value of values) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return { least, range: greatest - least };
};

const differencesOf = (values: readonly number[]): number[] => {
  const differences: number[] = [];
  for (let i = 1; i < values.length; i += 1)
    differences.push((values[i] as number) - (values[i - 1] as number));
  return differences;
};

/** How many bits a whole number takes. */
const bitsOf = (value: number): number => (value === 0 ? 0 : value.toString(2).length);

const encodeOffsets = (
  values: readonly number[],
  { least, range }: Bounds,
  { compression }: ByteWriter,
): readonly [mode: number, body: Uint8Array] => {
  const body = new ByteWriter(compression);
  body.signed(least);
  if (range === 0) return [form.constant, body.bytes()];

  const bits = bitsOf(range);
  const packed = Math.ceil((values.length * bits) / 8);
  if (bits > MAX_PACKED_BITS || values.length >= FEWEST_FOR_PLANES) {
    const planes = encodePlanes(values, least, Math.ceil(bits / 8), compression);
    if (bits > MAX_PACKED_BITS || planes.length < packed * PLANES_ADVANTAGE) {
      body.put(planes);
      return [form.planes, body.bytes()];
    }
  }
  const low = Math.min(bits, LOW_BITS);
  body.byte(bits);
  body.put(pack(values, low, least, 1));
  if (bits > low) body.put(pack(values, bits - low, least, LOW));
  return [form.packed, body.bytes()];
};

const encodePlanes = (
  values: readonly number[],
  least: number,
  count: number,
  compression: ByteWriter['compression'],
): Uint8Array => {
  const out = new ByteWriter(compression);
  out.byte(count);
  for (let plane = 0, unit = 1; plane < count; plane += 1, unit *= 256) {
    const bytes = new Uint8Array(values.length);
    for (let i = 0; i < values.length; i += 1)
      bytes[i] = Math.floor(((values[i] as number) - least) / unit) % 256;
    out.blob(bytes);
  }
  return out.bytes();
};

/** The bits of numbers from `unit` on, `width` of them, at most 24. */
const pack = (values: readonly number[], width: number, least: number, unit: number): Uint8Array => {
  const packed = new Uint8Array(Math.ceil((values.length * width) / 8));
  const limit = 2 ** width;
  let at = 0;
  let bits = 0;
  let held = 0;
  for (const value of values) {
    bits |= (Math.floor((value - least) / unit) % limit) << held;
    held += width;
    for (; held >= 8; held -= 8) {
      packed[at++] = bits & 0xff;
      bits >>>= 8;
    }
  }
  if (held > 0) packed[at] = bits;
  return packed;
};

const decodeOffsets = (from: ByteReader, mode: number, into: Float64Array): void => {
  const least = from.signed();
  into.fill(least);
  switch (mode & FORM_MASK) {
    case form.constant:
      return;
    case form.packed: {
      const bits = from.byte();
      if (bits === 0 || bits > MAX_PACKED_BITS) throw new UndecodableColumns('numbers of a strange width');
      const low = Math.min(bits, LOW_BITS);
      unpack(from.take(Math.ceil((into.length * low) / 8)), low, 1, into);
      if (bits > low) unpack(from.take(Math.ceil((into.length * (bits - low)) / 8)), bits - low, LOW, into);
      return;
    }
    case form.planes: {
      const count = from.byte();
      if (count > MAX_PLANES) throw new UndecodableColumns('numbers of too many bytes');
      for (let plane = 0, unit = 1; plane < count; plane += 1, unit *= 256) {
        const bytes = from.blob();
        if (bytes.length !== into.length) throw new UndecodableColumns('too few numbers');
        for (let i = 0; i < bytes.length; i += 1) into[i] = (into[i] as number) + (bytes[i] as number) * unit;
      }
      return;
    }
    default:
      throw new UndecodableColumns('numbers in an unknown form');
  }
};

// The casts are of indexes below the length: no value is missing, and a check for each would cost a third.
const unpack = (packed: Uint8Array, width: number, unit: number, into: Float64Array): void => {
  const mask = 2 ** width - 1;
  let at = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < into.length; i += 1) {
    for (; held < width; held += 8) bits |= (packed[at++] as number) << held;
    into[i] = (into[i] as number) + (bits & mask) * unit;
    bits >>>= width;
    held -= width;
  }
};
