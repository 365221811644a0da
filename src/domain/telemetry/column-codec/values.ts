import { ByteWriter } from './bytes.js';
import { encodeIntegers } from './integers.js';
import {
  MAX_FRACTION,
  MAX_SCALE,
  scaledDecimal,
  scaledTime,
  scaleOf,
  TIME_LENGTH,
  timeLength,
} from './numerals.js';

/**
 * How a column of texts is stored. Stored format: the numbers and the order of what follows are on disk for good.
 *
 *   text        lengths (integers), then a blob of all characters
 *   dictionary  count varint, a column of the different texts, then for each value which of them (integers)
 *   decimal     prefix and suffix (latin1), scale u8, then each number times 10^scale (integers)
 *   time        digits after the second u8, what follows them (latin1), then the times in units of the last digit
 *   hex         a value as a template (latin1), a bit for each of its characters that changes (sized), 1 for upper
 *               case or 0, then a blob of the changing characters, four bits each, each value in bytes of its own
 *   exceptions  count varint, their places (integers), a column of them, a column of the others
 */
export const kind = { text: 0, dictionary: 1, decimal: 2, time: 3, hex: 4, exceptions: 5 } as const;

/** The share of values that may be unlike the others. */
const MOST_EXCEPTIONS = 1 / 8;
/** After this many values a dictionary is given up where nearly all of them differ. */
const DICTIONARY_TRIAL = 512;
const MOST_DIFFERENT = 0.8;

/** Writes a column in the way that takes the least room. The reader must know how many values there are. */
export const encodeColumn = (values: readonly string[], out: ByteWriter, repeats = true): void => {
  const { compression } = out;
  const candidates: Uint8Array[] = [];
  const tryOut = (write: (into: ByteWriter) => void): void => {
    const candidate = new ByteWriter(compression);
    write(candidate);
    candidates.push(candidate.bytes());
  };
  const dictionary = repeats ? dictionaryOf(values) : undefined;
  if (dictionary)
    tryOut((into) => {
      encodeDictionary(dictionary, into);
    });
  // One text for all takes a few bytes.
  if (dictionary?.texts.length !== 1) {
    const special = values.length > 1 ? specialOf(values) : undefined;
    tryOut(
      special
        ? (into) => {
            encodeSpecial(values, special, into);
          }
        : (into) => {
            encodeText(values, into);
          },
    );
  }
  out.put(candidates.reduce((least, candidate) => (candidate.length < least.length ? candidate : least)));
};

interface Dictionary {
  readonly texts: readonly string[];
  readonly ids: readonly number[];
}

const dictionaryOf = (values: readonly string[]): Dictionary | undefined => {
  const known = new Map<string, number>();
  const ids: number[] = [];
  for (const value of values) {
    let id = known.get(value);
    if (id === undefined) {
      id = known.size;
      known.set(value, id);
    }
    ids.push(id);
    if (ids.length >= DICTIONARY_TRIAL && known.size > ids.length * MOST_DIFFERENT) return undefined;
  }
  return { texts: [...known.keys()], ids };
};

const encodeDictionary = ({ texts, ids }: Dictionary, out: ByteWriter): void => {
  out.byte(kind.dictionary);
  out.varint(texts.length);
  encodeColumn(texts, out, false);
  encodeIntegers(ids, out);
};

const encodeText = (values: readonly string[], out: ByteWriter): void => {
  out.byte(kind.text);
  encodeIntegers(
    values.map(({ length }) => length),
    out,
  );
  out.blob(bytesOf(values.join('')));
};

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** Values that share a form; undefined stands for one that does not. */
interface Special {
  readonly fitting: readonly (number | undefined)[] | readonly (string | undefined)[];
  readonly encode: (out: ByteWriter) => void;
}

/** The form that nearly all values share. */
const specialOf = (values: readonly string[]): Special | undefined => {
  const sample = values[values.length >> 1] ?? '';
  return [timesLike, decimalsLike, hexLike]
    .map((attempt) => attempt(sample, values))
    .find((special) => special && exceptionsOf(special).length <= values.length * MOST_EXCEPTIONS);
};

const exceptionsOf = ({ fitting }: Special): number[] => {
  const places: number[] = [];
  for (let i = 0; i < fitting.length; i += 1) if (fitting[i] === undefined) places.push(i);
  return places;
};

const encodeSpecial = (values: readonly string[], special: Special, out: ByteWriter): void => {
  const places = exceptionsOf(special);
  if (places.length > 0) {
    out.byte(kind.exceptions);
    out.varint(places.length);
    encodeIntegers(places, out);
    encodeColumn(
      places.map((place) => values[place] ?? ''),
      out,
    );
  }
  special.encode(out);
};

const isThere = <T>(value: T | undefined): value is T => value !== undefined;

const timesLike = (sample: string, values: readonly string[]): Special | undefined => {
  let fraction = 0;
  while (sample.charCodeAt(TIME_LENGTH + 1 + fraction) - 0x30 <= 9 && sample[TIME_LENGTH] === '.')
    fraction += 1;
  fraction = Math.min(fraction, MAX_FRACTION);
  if (scaledTime(sample, fraction) === undefined) return undefined;
  const length = timeLength(fraction);
  const suffix = sample.slice(length);
  const fitting = values.map((value) =>
    value.length === length + suffix.length && value.endsWith(suffix)
      ? scaledTime(value, fraction)
      : undefined,
  );
  return {
    fitting,
    encode: (out) => {
      out.byte(kind.time);
      out.byte(fraction);
      out.latin1(suffix);
      encodeIntegers(fitting.filter(isThere), out);
    },
  };
};

/** What stands before the digits, the digits, and what stands behind them. */
const NUMBERED = /^([^\d-]*)(-?\d[\d.]*)(\D*)$/s;

const decimalsLike = (sample: string, values: readonly string[]): Special | undefined => {
  const [, prefix, , suffix] = NUMBERED.exec(sample) ?? [];
  if (prefix === undefined || suffix === undefined) return undefined;
  const scales = values.map((value) =>
    value.startsWith(prefix) && value.endsWith(suffix)
      ? scaleOf(value, prefix.length, value.length - suffix.length)
      : undefined,
  );
  const scale = scales.reduce<number>(
    (most, each = 0) => (each <= MAX_SCALE ? Math.max(most, each) : most),
    0,
  );
  const fitting = values.map((value, i) => {
    const own = scales[i];
    return own === undefined || own > scale
      ? undefined
      : scaledDecimal(value, prefix.length, value.length - suffix.length, scale);
  });
  return {
    fitting,
    encode: (out) => {
      out.byte(kind.decimal);
      out.latin1(prefix);
      out.latin1(suffix);
      out.byte(scale);
      encodeIntegers(fitting.filter(isThere), out);
    },
  };
};

const LOWER = '0123456789abcdef';
const UPPER = '0123456789ABCDEF';

/** Texts of one length whose characters are either the same in all, or hexadecimal digits. */
const hexLike = (sample: string, values: readonly string[]): Special | undefined => {
  const fitting = values.map((value) => (value.length === sample.length ? value : undefined));
  if (fitting.filter(isThere).length < values.length * (1 - MOST_EXCEPTIONS)) return undefined;
  const changing: number[] = [];
  let digits = LOWER;
  for (let at = 0; at < sample.length; at += 1) {
    const code = sample.charCodeAt(at);
    if (fitting.every((value) => value === undefined || value.charCodeAt(at) === code)) continue;
    changing.push(at);
    const isDigit = (value: string | undefined): boolean =>
      value === undefined || digits.includes(value[at] ?? '');
    if (fitting.every(isDigit)) continue;
    digits = UPPER;
    for (const place of changing)
      if (!fitting.every((value) => value === undefined || digits.includes(value[place] ?? '')))
        return undefined;
  }
  return {
    fitting,
    encode: (out) => {
      out.byte(kind.hex);
      out.latin1(sample);
      out.sized(bitsAt(changing, sample.length));
      out.byte(digits === UPPER ? 1 : 0);
      out.blob(nibblesOf(fitting.filter(isThere), changing));
    },
  };
};

const bitsAt = (places: readonly number[], length: number): Uint8Array => {
  const bits = new Uint8Array(Math.ceil(length / 8));
  for (const place of places) bits[place >> 3] = (bits[place >> 3] ?? 0) | (1 << (place & 7));
  return bits;
};

const nibblesOf = (values: readonly string[], places: readonly number[]): Uint8Array => {
  const stride = Math.ceil(places.length / 2);
  const bytes = new Uint8Array(values.length * stride);
  values.forEach((value, i) => {
    places.forEach((place, k) => {
      const at = i * stride + (k >> 1);
      const digit = digitOf(value.charCodeAt(place));
      bytes[at] = (bytes[at] ?? 0) | (k % 2 === 0 ? digit << 4 : digit);
    });
  });
  return bytes;
};

const digitOf = (code: number): number => (code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57);
