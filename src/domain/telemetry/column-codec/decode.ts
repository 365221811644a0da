import { ByteReader, UndecodableColumns, type Compression } from './bytes.js';
import { Column } from './column.js';
import { method, VERSION } from './encode.js';
import { areBelow, decodeIntegers } from './integers.js';
import { copy, copyText, latin1, Output, textOf, type Text, type Texts } from './output.js';
import type { Shape } from './shape.js';

const LF = 0x0a;

/** A column that is read when somebody asks for it. */
export interface ColumnSource {
  readonly count: number;
  readonly bytes: Uint8Array;
  read?: Column;
}

/** Lines that `encodeLines` encoded. What is asked for is decoded, and no more; what was decoded is kept. */
export class EncodedLines {
  /** How many lines there are. */
  readonly count: number;
  /** How many bytes all lines have, with the line feeds between them. */
  readonly size: number;
  #plain: PlainLines | undefined;
  #columns: ColumnLines | undefined;

  constructor(
    /** What was stored: all that another thread needs to read the lines. */
    readonly bytes: Uint8Array,
    compression: Compression,
  ) {
    const from = new ByteReader(bytes, compression);
    if (from.byte() !== VERSION) throw new UndecodableColumns('another version wrote it');
    const how = from.byte();
    this.count = from.varint();
    this.size = from.varint();
    if (how === method.columns) this.#columns = new ColumnLines(from, this.count);
    else if (how === method.plain) this.#plain = new PlainLines(from.blob(), this.count);
    else throw new UndecodableColumns('an unknown method');
  }

  /** The lines in columns; undefined where they are stored as they were. */
  get columns(): ColumnLines | undefined {
    return this.#columns;
  }

  /** The bytes of the lines from one up to another, line feeds between them and none behind the last. */
  lines(from = 0, to = this.count): Buffer {
    if (from >= to) return Buffer.alloc(0);
    const all = from === 0 && to === this.count;
    const bytes = this.#plain?.lines(from, to) ?? this.#columns?.lines(from, to, all ? this.size : 0);
    if (!bytes || (all && bytes.length !== this.size))
      throw new UndecodableColumns('the lines have another length');
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Some lines, by their numbers in ascending order. */
  pick(numbers: readonly number[]): readonly string[] {
    const plain = this.#plain;
    return plain
      ? numbers.map((number) => textOfBytes(plain.lines(number, number + 1)))
      : (this.#columns?.pick(numbers) ?? []);
  }
}

const textOfBytes = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, length).toString();

/** Some of encoded lines that follow each other: those of one chunk. */
export class LineRange {
  constructor(
    readonly encoded: EncodedLines,
    readonly from: number,
    readonly to: number,
  ) {}

  get count(): number {
    return this.to - this.from;
  }

  /** The lines' bytes; of the last so many of them only, where that is asked for. */
  bytes(last = this.count): Buffer {
    return this.encoded.lines(Math.max(this.from, this.to - last), this.to);
  }

  /** Some of the lines, by their numbers among these, in ascending order. */
  pick(numbers: readonly number[]): readonly string[] {
    return this.encoded.pick(numbers.map((number) => this.from + number));
  }
}

/** Lines as they were. */
class PlainLines {
  #starts: readonly number[] | undefined;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly count: number,
  ) {}

  lines(from: number, to: number): Uint8Array {
    const starts = (this.#starts ??= this.#find());
    return this.bytes.subarray(starts[from], (starts[to] ?? 0) - 1);
  }

  #find(): readonly number[] {
    const starts = [0];
    for (let at = this.bytes.indexOf(LF); at >= 0; at = this.bytes.indexOf(LF, at + 1)) starts.push(at + 1);
    if (starts.length !== this.count) throw new UndecodableColumns('another number of lines');
    starts.push(this.bytes.length + 1);
    return starts;
  }
}

/** Lines in columns. */
export class ColumnLines {
  readonly shapes: readonly Shape[];
  /** For each line its shape. */
  readonly lineShapes: Uint16Array;
  readonly sources: readonly ColumnSource[];
  readonly compression: Compression;

  constructor(
    from: ByteReader,
    readonly count: number,
  ) {
    this.compression = from.compression;
    const shapes = from.varint();
    const table = new ByteReader(from.blob(), from.compression);
    this.shapes = Array.from({ length: shapes }, () => readShape(table));
    const numbers = decodeIntegers(new ByteReader(from.sized(), from.compression), count);
    if (!areBelow(numbers, shapes)) throw new UndecodableColumns('a line of no shape');
    this.lineShapes = Uint16Array.from(numbers);
    this.sources = Array.from({ length: from.varint() }, () => ({
      count: from.varint(),
      bytes: from.sized(),
    }));
  }

  /** One of the columns. */
  column(number: number): Column {
    const source = this.sources[number];
    if (!source) throw new UndecodableColumns('a shape with a column that is not there');
    return (source.read ??= Column.read(new ByteReader(source.bytes, this.compression), source.count));
  }

  /** How many values of each column stand before a line. */
  before(line: number): Uint32Array {
    const lines = new Uint32Array(this.shapes.length);
    for (let i = 0; i < line; i += 1)
      lines[this.lineShapes[i] as number] = (lines[this.lineShapes[i] as number] as number) + 1;
    const values = new Uint32Array(this.sources.length);
    this.shapes.forEach(({ columns }, shape) => {
      for (const column of columns) values[column] = (values[column] as number) + (lines[shape] as number);
    });
    return values;
  }

  /** Some lines, by their numbers in ascending order; of the others the values are counted and nothing else. */
  pick(numbers: readonly number[]): readonly string[] {
    const next = new Uint32Array(this.sources.length);
    const writers: (LineWriter | undefined)[] = [];
    const out = new Output(0);
    let line = 0;
    return numbers.map((number) => {
      for (; line < number; line += 1) this.#pass(this.lineShapes[line] as number, next);
      const shape = this.lineShapes[number] as number;
      const { steps, longest } = (writers[shape] ??= this.#writerOf(this.shapes[shape] as Shape));
      out.makeRoom(0, longest);
      const { view } = out;
      // Writing moves on to the values of the next line by itself, but for columns of one text.
      const before = next.slice();
      let at = 0;
      for (let i = 0; i < steps.length; i += 1) at = (steps[i] as Step).write(next, view, at);
      next.set(before);
      return textOfBytes(out.bytes.subarray(0, at - 1));
    });
  }

  #pass(shape: number, next: Uint32Array): void {
    const { columns } = this.shapes[shape] as Shape;
    for (let i = 0; i < columns.length; i += 1)
      next[columns[i] as number] = (next[columns[i] as number] as number) + 1;
  }

  /** `expected`: how many bytes there will be; 0 where nobody knows. */
  lines(from: number, to: number, expected: number): Uint8Array {
    const next = this.before(from);
    const writers = this.shapes.map((shape) => this.#writerOf(shape));
    const longest = writers.reduce((most, writer) => Math.max(most, writer.longest), 0);
    const out = new Output(expected + longest);
    let at = 0;
    for (let line = from; line < to; line += 1) {
      const { steps, longest } = writers[this.lineShapes[line] as number] as LineWriter;
      out.makeRoom(at, longest);
      const { view } = out;
      for (let i = 0; i < steps.length; i += 1) at = (steps[i] as Step).write(next, view, at);
    }
    return out.bytes.subarray(0, Math.max(0, at - 1));
  }

  /** How lines of a shape are written: what is the same in all of them is joined. */
  #writerOf(shape: Shape): LineWriter {
    const steps: Step[] = [];
    let piece = '';
    let longest = 1;
    shape.columns.forEach((number, i) => {
      const column = this.column(number);
      piece += shape.pieces[i] ?? '';
      const only = column.only();
      longest += piece.length + column.longest;
      if (only !== undefined) piece += only;
      else {
        steps.push(new Step(latin1(piece), column, number));
        piece = '';
      }
    });
    piece += `${shape.pieces[shape.columns.length] ?? ''}\n`;
    steps.push(new Step(latin1(piece), undefined, 0));
    return { steps, longest: longest + piece.length };
  }
}

interface LineWriter {
  readonly steps: readonly Step[];
  /** The most bytes that a line can take. */
  readonly longest: number;
}

/** A dictionary of at most this many texts is joined with what stands before them. */
const JOINED_TEXTS = 256;

/** What stands before a value, and the value. */
class Step {
  readonly #before: Text;
  /** The texts of the column's dictionary, each with what stands before it. */
  readonly #joined: Texts | undefined;
  readonly #numbers: Float64Array;

  constructor(
    before: Uint8Array,
    /** Absent behind the last value. */
    private readonly column: Column | undefined,
    /** The column's place among the columns. */
    private readonly number: number,
  ) {
    this.#before = textOf(before);
    this.#joined = column?.joined(before, JOINED_TEXTS);
    this.#numbers = column?.numbers ?? new Float64Array(0);
  }

  /** Writes the next value of the column: `next` says for each column which that is. */
  write(next: Uint32Array, out: DataView, at: number): number {
    if (!this.column) return copy(this.#before, out, at);
    const index = next[this.number] as number;
    next[this.number] = index + 1;
    return this.#joined
      ? copyText(this.#joined, this.#numbers[index] as number, out, at)
      : this.column.write(index, out, copy(this.#before, out, at));
  }
}

const readShape = (from: ByteReader): Shape => {
  const count = from.varint();
  const pieces: string[] = [];
  const columns: number[] = [];
  const quoted: boolean[] = [];
  for (let i = 0; i < count; i += 1) {
    pieces.push(from.latin1());
    const mark = from.varint();
    columns.push(Math.floor(mark / 2));
    quoted.push(mark % 2 === 1);
  }
  pieces.push(from.latin1());
  return { pieces, columns, quoted };
};
