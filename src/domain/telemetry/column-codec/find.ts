import type { NeedleScanner } from '../query/scan.js';
import { ByteReader } from './bytes.js';
import { Column } from './column.js';
import type { ColumnLines, EncodedLines, LineRange } from './decode.js';
import type { Text } from './output.js';
import { kind } from './values.js';

/** The lines of a stripe that were found last: its chunks are asked about one after another. */
const found = new WeakMap<
  EncodedLines,
  { readonly scanner: NeedleScanner; readonly lines: readonly number[] }
>();

/**
 * Which lines of a range are candidates for a scanner, by their numbers in the range. A text in a line is one value of
 * a column, so columns are looked through instead of lines: of a dictionary each text once, and numbers, times and
 * hexadecimal digits not at all where a needle has other characters.
 */
export const candidatesIn = ({ encoded, from, to }: LineRange, scanner: NeedleScanner): readonly number[] => {
  let known = found.get(encoded);
  if (known?.scanner !== scanner) {
    known = {
      scanner,
      lines: encoded.columns ? linesOf(encoded.columns, scanner) : scanner.lines(encoded.lines()),
    };
    found.set(encoded, known);
  }
  return known.lines.filter((line) => line >= from && line < to).map((line) => line - from);
};

const linesOf = (lines: ColumnLines, scanner: NeedleScanner): readonly number[] => {
  const candidates = lines.sources.map((source, number) =>
    mayHold(source.bytes, lines, scanner) ? inColumn(lines.column(number), scanner) : undefined,
  );
  if (candidates.every((values) => values === undefined)) return [];
  // Of each shape the columns in which there are candidates at all.
  const columns = lines.shapes.map((shape) => shape.columns.filter((number) => candidates[number]));
  const next = new Uint32Array(candidates.length);
  const numbers: number[] = [];
  for (let line = 0; line < lines.count; line += 1) {
    const own = columns[lines.lineShapes[line] as number] as readonly number[];
    let is_candidate = 0;
    for (let i = 0; i < own.length; i += 1) {
      const number = own[i] as number;
      const index = next[number] as number;
      next[number] = index + 1;
      is_candidate |= (candidates[number] as Candidates)[index] as number;
    }
    if (is_candidate === 1) numbers.push(line);
  }
  return numbers;
};

/** For each value of a column 1 where it may hold a needle. */
type Candidates = Uint8Array;

/** What stands in values of these kinds besides what is the same in all of them. */
export const CHARACTERS: Readonly<Record<number, string>> = {
  [kind.decimal]: '0123456789.-',
  [kind.time]: '0123456789-:.T',
  [kind.hex]: '0123456789abcdef',
};

/** Whether values of a kind may hold a needle, `same` being what is the same in all of them. */
const mayStandIn = (its_kind: number, same: string, scanner: NeedleScanner): boolean =>
  scanner.mayBeMadeOf(same + (CHARACTERS[its_kind] ?? '')) || scanner.isIn(Buffer.from(same, 'latin1'));

/** Whether a column may hold a needle, by its first bytes: its values are not read. */
const mayHold = (bytes: Uint8Array, { compression }: ColumnLines, scanner: NeedleScanner): boolean => {
  const from = new ByteReader(bytes, compression);
  const its_kind = from.byte();
  switch (its_kind) {
    case kind.dictionary:
      return scanner.isIn(asBuffer(Column.read(from, from.varint()).all().bytes));
    case kind.time:
      from.byte();
      return mayStandIn(its_kind, from.latin1(), scanner);
    case kind.decimal:
      return mayStandIn(its_kind, `${from.latin1()}\n${from.latin1()}`, scanner);
    case kind.hex:
      return mayStandIn(its_kind, from.latin1(), scanner);
    default:
      return true;
  }
};

/** Which values of a column may hold a needle; undefined: none. */
const inColumn = (column: Column, scanner: NeedleScanner): Candidates | undefined => {
  const { count, numbers } = column;
  switch (column.kind) {
    case kind.dictionary: {
      const texts = inTexts(column, scanner);
      return texts && Uint8Array.from(numbers, (text) => texts[text] as number);
    }
    case kind.text:
      return inTexts(column, scanner);
    case kind.exceptions: {
      const [alike, others] = [column.alike, column.others].map((part) => part && inColumn(part, scanner));
      if (!alike && !others) return undefined;
      const values = new Uint8Array(count);
      column.places.forEach((place, i) => {
        values[i] = (place < 0 ? others?.[~place] : alike?.[place]) ?? 0;
      });
      return values;
    }
    default:
      return mayStandIn(column.kind, `${latin1Of(column.prefix)}\n${latin1Of(column.suffix)}`, scanner)
        ? inWritten(column, scanner)
        : undefined;
  }
};

/** For so many values 1 at some indexes; undefined where there are none. */
const at = (indexes: readonly number[], count: number): Candidates | undefined => {
  if (indexes.length === 0) return undefined;
  const values = new Uint8Array(count);
  for (const index of indexes) values[index] = 1;
  return values;
};

export const latin1Of = ({ view, length }: Text): string =>
  Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, length).toString('latin1');

/** The texts of a column, one after another. */
export const textBytesIn = ({ texts: { view, starts } }: Column): Buffer =>
  Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, starts.at(-1));

/** Of the texts that a column holds. */
const inTexts = (column: Column, scanner: NeedleScanner): Candidates | undefined => {
  const { starts } = column.texts;
  return at(scanner.texts(textBytesIn(column), starts), starts.length - 1);
};

/** Of values that have to be written to be looked at. */
const inWritten = (column: Column, scanner: NeedleScanner): Candidates | undefined => {
  const digits = inDigits(column, scanner);
  if (digits) return at(digits, column.count);
  const { bytes, lengths } = column.all();
  const starts = new Uint32Array(lengths.length + 1);
  lengths.forEach((length, i) => (starts[i + 1] = (starts[i] as number) + length));
  return at(scanner.texts(asBuffer(bytes), starts), column.count);
};

/** Below so many digits a byte of them stands nearly everywhere. */
const FEWEST_DIGITS = 7;
const HEXADECIMAL = /^[0-9a-f]+$/;

/**
 * Of values that are hexadecimal digits and nothing else: the bytes of two digits each that a needle holds in any
 * case are looked for, at both places that its first digit may have in a byte. Undefined where that says too little.
 */
const inDigits = (column: Column, { needles }: NeedleScanner): readonly number[] | undefined => {
  const digits = column.prefix.length;
  if (column.kind !== kind.hex || column.changing.length !== digits) return undefined;
  const sought = needles.filter((needle) => HEXADECIMAL.test(needle) && needle.length <= digits);
  if (sought.some(({ length }) => length < FEWEST_DIGITS)) return undefined;
  const blob = asBuffer(column.blob);
  const stride = (digits + 1) >> 1;
  const indexes: number[] = [];
  for (const needle of sought)
    for (const skipped of [0, 1]) {
      const whole = needle.length - ((needle.length - skipped) % 2);
      const pairs = Buffer.from(needle.slice(skipped, whole), 'hex');
      for (let place = blob.indexOf(pairs); place >= 0; place = blob.indexOf(pairs, place + 1))
        indexes.push(Math.floor(place / stride));
    }
  return indexes;
};

const asBuffer = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, length);
