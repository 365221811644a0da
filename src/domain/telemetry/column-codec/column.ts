import { UndecodableColumns, type ByteReader } from './bytes.js';
import { areBelow, decodeIntegers } from './integers.js';
import { dateOf, POWERS, TIME_LENGTH, timeLength } from './numerals.js';
import {
  copy,
  copyText,
  emptyText,
  latin1,
  noTexts,
  Output,
  textOf,
  textsOf,
  type Text,
  type Texts,
} from './output.js';
import { kind } from './values.js';

/** What a number or a time takes at most, without what stands round it. */
const NUMERAL_BYTES = 32;

const none = new Uint8Array(0);

/**
 * A column of texts as it is read (values.ts says how it is stored). One class for all kinds and one long function to
 * write a value: an object and a call of its own for each kind took twice the time.
 */
export class Column {
  /** Of a dictionary which text, of numbers and times the number itself. */
  numbers: Float64Array = new Float64Array(0);
  /** Of hexadecimal values: what changes. */
  blob: Uint8Array = none;
  texts: Texts = noTexts;
  /** Of a dictionary its texts as they are stored. */
  different: Column | undefined;
  prefix: Text = emptyText;
  suffix: Text = emptyText;
  scale = 0;
  /** Of hexadecimal values: the characters that change. */
  changing: Uint32Array = new Uint32Array(0);
  pairs: Uint16Array = LOWER;
  /** Of each value where it is: its place among those that are alike, or below zero among the others. */
  places: Int32Array = new Int32Array(0);
  alike: Column | undefined;
  others: Column | undefined;
  /** The most bytes that a value can take. */
  longest = 0;

  #dictionary: readonly string[] | undefined;
  #scratch: Output | undefined;

  private constructor(
    readonly kind: number,
    readonly count: number,
  ) {}

  static read(from: ByteReader, count: number): Column {
    const column = new Column(from.byte(), count);
    column.#read(from);
    return column;
  }

  #read(from: ByteReader): void {
    const { count } = this;
    switch (this.kind) {
      case kind.text: {
        this.#setTexts(decodeIntegers(from, count), from.blob());
        return;
      }
      case kind.dictionary: {
        const texts = Column.read(from, from.varint());
        const { bytes, lengths } = texts.all();
        this.#setTexts(lengths, bytes);
        this.different = texts;
        this.numbers = decodeIntegers(from, count);
        if (!areBelow(this.numbers, texts.count))
          throw new UndecodableColumns('a value that is in no dictionary');
        return;
      }
      case kind.decimal:
        this.prefix = textOf(latin1(from.latin1()));
        this.suffix = textOf(latin1(from.latin1()));
        this.scale = from.byte();
        this.numbers = decodeIntegers(from, count);
        this.longest = this.prefix.length + this.suffix.length + NUMERAL_BYTES;
        if (this.scale >= POWERS.length) throw new UndecodableColumns('decimals of a strange scale');
        return;
      case kind.time:
        this.scale = from.byte();
        this.suffix = textOf(latin1(from.latin1()));
        this.numbers = decodeIntegers(from, count);
        this.longest = this.suffix.length + NUMERAL_BYTES;
        if (this.scale >= POWERS.length) throw new UndecodableColumns('times of a strange scale');
        return;
      case kind.hex: {
        this.prefix = textOf(latin1(from.latin1()));
        const bits = from.sized();
        this.changing = Uint32Array.from({ length: this.prefix.length }, (_, at) => at).filter(
          (at) => (bits[at >> 3] ?? 0) & (1 << (at & 7)),
        );
        this.pairs = from.byte() === 1 ? UPPER : LOWER;
        this.blob = from.blob();
        this.longest = this.prefix.length;
        if (this.blob.length !== count * ((this.changing.length + 1) >> 1))
          throw new UndecodableColumns('too few hexadecimal digits');
        return;
      }
      case kind.exceptions: {
        const exceptions = from.varint();
        this.places = new Int32Array(count);
        decodeIntegers(from, exceptions).forEach((place, i) => (this.places[place] = ~i));
        let alike = 0;
        for (let i = 0; i < count; i += 1) if (this.places[i] === 0) this.places[i] = alike++;
        this.others = Column.read(from, exceptions);
        this.alike = Column.read(from, count - exceptions);
        this.longest = Math.max(this.others.longest, this.alike.longest);
        return;
      }
      default:
        throw new UndecodableColumns('a column of an unknown kind');
    }
  }

  #setTexts(lengths: Float64Array, bytes: Uint8Array): void {
    this.texts = textsOf(bytes, lengths);
    for (const length of lengths) if (length > this.longest) this.longest = length;
  }

  /** The text that all values are; undefined where they differ. */
  only(): string | undefined {
    const { view, starts } = this.texts;
    return this.kind === kind.dictionary && starts.length === 2
      ? Buffer.from(view.buffer as ArrayBuffer, 0, starts[1]).toString('latin1')
      : undefined;
  }

  /** The texts of a dictionary, if it is one of at most so many, each with something before it. */
  joined(before: Uint8Array, most: number): Texts | undefined {
    const { view, starts } = this.texts;
    const count = starts.length - 1;
    if (this.kind !== kind.dictionary || count > most) return undefined;
    const bytes = new Uint8Array(view.buffer as ArrayBuffer);
    const parts = Array.from({ length: count }, (_, i) => [
      before,
      bytes.subarray(starts[i], starts[i + 1]),
    ]).flat();
    const lengths = Array.from(
      { length: count },
      (_, i) => before.length + (starts[i + 1] ?? 0) - (starts[i] ?? 0),
    );
    return textsOf(Buffer.concat(parts), lengths);
  }

  /** The texts of a dictionary; undefined where the column is none. */
  dictionary(): readonly string[] | undefined {
    if (this.kind !== kind.dictionary) return undefined;
    return (this.#dictionary ??= this.#decodeTexts());
  }

  #decodeTexts(): readonly string[] {
    const { view, starts } = this.texts;
    const bytes = Buffer.from(view.buffer as ArrayBuffer);
    return Array.from({ length: starts.length - 1 }, (_, i) =>
      bytes.toString('utf8', starts[i], starts[i + 1]),
    );
  }

  /** How many units of a time in universal time are a millisecond; 0 where the values are no such times. */
  get millisecond(): number {
    const zulu = this.suffix.length === 1 && this.suffix.view.getUint8(0) === 0x5a;
    return this.kind === kind.time && zulu ? 10 ** (this.scale - 3) : 0;
  }

  /** Whether all values are numbers and nothing else. */
  get isNumeric(): boolean {
    return this.kind === kind.decimal && this.prefix.length + this.suffix.length === 0;
  }

  /** A value that is stored as a number, as that; undefined where it is not. */
  numberAt(index: number): number | undefined {
    if (!this.isNumeric) return undefined;
    // Both are exact, so the quotient is the number nearest to the decimal, as it is where the text is parsed.
    return (this.numbers[index] as number) / (POWERS[this.scale] as number);
  }

  /** A value as text. */
  textAt(index: number): string {
    const out = (this.#scratch ??= new Output(this.longest));
    return Buffer.from(out.view.buffer as ArrayBuffer, 0, this.write(index, out.view, 0)).toString();
  }

  /** All values, one after another. */
  all(): { readonly bytes: Uint8Array; readonly lengths: Float64Array } {
    const lengths = new Float64Array(this.count);
    const out = new Output(1_024);
    let at = 0;
    for (let i = 0; i < this.count; i += 1) {
      out.makeRoom(at, this.longest);
      const end = this.write(i, out.view, at);
      lengths[i] = end - at;
      at = end;
    }
    return { bytes: out.bytes.subarray(0, at), lengths };
  }

  // The casts here are of indexes that reading has checked; a check for each byte would cost half of the speed.
  /** Writes a value where there is room for the longest and {@link MARGIN}, and says where it ends. */
  write(index: number, out: DataView, start: number): number {
    switch (this.kind) {
      case kind.text:
        return copyText(this.texts, index, out, start);
      case kind.dictionary:
        return copyText(this.texts, this.numbers[index] as number, out, start);
      case kind.decimal: {
        const at = copy(this.prefix, out, start);
        return copy(this.suffix, out, writeDecimal(this.numbers[index] as number, this.scale, out, at));
      }
      case kind.time:
        return copy(this.suffix, out, writeTime(this.numbers[index] as number, this.scale, out, start));
      case kind.hex:
        return this.#writeHex(index, out, start);
      default: {
        const place = this.places[index] as number;
        return place < 0
          ? (this.others as Column).write(~place, out, start)
          : (this.alike as Column).write(place, out, start);
      }
    }
  }

  #writeHex(index: number, out: DataView, start: number): number {
    const { prefix, changing, pairs, blob } = this;
    const count = changing.length;
    let from = index * ((count + 1) >> 1);
    if (count === prefix.length && count % 2 === 0) {
      for (let at = start; at < start + count; at += 2)
        out.setUint16(at, pairs[blob[from++] as number] as number);
      return start + count;
    }
    const end = copy(prefix, out, start);
    for (let k = 0; k < count; k += 2) {
      const pair = pairs[blob[from++] as number] as number;
      out.setUint8(start + (changing[k] as number), pair >> 8);
      if (k + 1 < count) out.setUint8(start + (changing[k + 1] as number), pair & 0xff);
    }
    return end;
  }
}

/** The two digits of each byte. */
const pairsOf = (digits: string): Uint16Array =>
  Uint16Array.from(
    { length: 256 },
    (_, byte) => (digits.charCodeAt(byte >> 4) << 8) | digits.charCodeAt(byte & 15),
  );
const LOWER = pairsOf('0123456789abcdef');
const UPPER = pairsOf('0123456789ABCDEF');

const ZERO = 0x30;

/** Writes a whole number with at least so many digits. */
const writeDigits = (value: number, least: number, out: DataView, at: number): number => {
  let count = least;
  while (value >= (POWERS[count] ?? Infinity)) count += 1;
  let rest = value;
  // Most fit into 31 bits, which divide faster.
  let i = at + count - 1;
  for (; rest > 0x7fffffff; i -= 1) {
    const next = Math.floor(rest / 10);
    out.setUint8(i, ZERO + (rest - next * 10));
    rest = next;
  }
  for (let small = rest | 0; i >= at; i -= 1) {
    const next = (small / 10) | 0;
    out.setUint8(i, ZERO + (small - next * 10));
    small = next;
  }
  return at + count;
};

/** Writes a number divided by 10^scale, without zeros at its end. */
const writeDecimal = (number: number, scale: number, out: DataView, start: number): number => {
  let at = start;
  let value = number;
  if (value < 0) {
    out.setUint8(at++, 0x2d);
    value = -value;
  }
  if (scale === 0) return writeDigits(value, 1, out, at);
  let unit = POWERS[scale] as number;
  let digits = scale;
  let fraction = value % unit;
  at = writeDigits((value - fraction) / unit, 1, out, at);
  if (fraction === 0) return at;
  while (fraction % 10 === 0) {
    fraction /= 10;
    digits -= 1;
    unit /= 10;
  }
  out.setUint8(at++, 0x2e);
  return writeDigits(fraction, digits, out, at);
};

/** The last day that was written: times that follow each other mostly share it. */
let known_days = NaN;
const known_date = textOf(latin1('0000-00-00T00:00:00'));

const writeTime = (number: number, fraction: number, out: DataView, at: number): number => {
  const unit = POWERS[fraction] as number;
  const seconds = Math.floor(number / unit);
  const days = Math.floor(seconds / 86_400);
  if (days !== known_days) {
    known_days = days;
    const { year, month, day } = dateOf(days);
    writeDigits(year, 4, known_date.view, 0);
    writeDigits(month, 2, known_date.view, 5);
    writeDigits(day, 2, known_date.view, 8);
  }
  copy(known_date, out, at);
  const of_day = seconds - days * 86_400;
  writeDigits((of_day / 3600) | 0, 2, out, at + 11);
  writeDigits(((of_day / 60) | 0) % 60, 2, out, at + 14);
  writeDigits(of_day % 60, 2, out, at + 17);
  if (fraction > 0) {
    out.setUint8(at + TIME_LENGTH, 0x2e);
    writeDigits(number - seconds * unit, fraction, out, at + TIME_LENGTH + 1);
  }
  return at + timeLength(fraction);
};
