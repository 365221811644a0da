import type { Receipt } from '../chunk-header.js';
import { pathWithoutRoute, type ColumnsBuilder, type ScannedRow } from '../columns.js';
import type { TelemetryEvent } from '../event.js';
import { parseTime, timeOf } from '../time.js';
import type { Column } from './column.js';
import type { ColumnLines, LineRange } from './decode.js';
import type { Shape } from './shape.js';

/** Fields that no fold reads: everything else of an event is read. A field that is new is so until it stands here. */
const NOT_FOLDED: ReadonlySet<string> = new Set([
  'id',
  'environment',
  'region',
  'request_bytes',
  'response_bytes',
  'user_id',
  'consumer',
  'trace_id',
  'span_id',
  'severity',
  'message',
  'attributes',
] satisfies (keyof TelemetryEvent)[]);

/** Where a field of the events of one shape is found. */
interface FieldPlace {
  readonly field: string;
  /** Which of the line's values it is. */
  readonly value: number;
}

/**
 * Makes the columns that folds read of some lines, without their text where they stand in columns: adds them to a
 * builder that was begun, and gives their times. Lines that are no events of a plain form are parsed. `numbers`: of
 * these lines alone, by their numbers in the range in ascending order.
 */
export const foldLines = (
  { encoded, from, to }: LineRange,
  builder: ColumnsBuilder,
  receipt: Receipt,
  numbers?: readonly number[],
): Float64Array => {
  const { received_at, time_offset_ms = 0 } = receipt;
  const count = numbers?.length ?? to - from;
  const times = new Float64Array(count);
  let texts: readonly string[] | undefined;
  const parsed = (index: number): TelemetryEvent => {
    texts ??= encoded.lines(from, to).toString().split('\n');
    return JSON.parse(texts[index] ?? '') as TelemetryEvent;
  };
  const { columns } = encoded;
  const next = columns?.before(from) ?? new Uint32Array(0);
  const known = new Map<string, FieldValues>();
  const valuesOf = (field: string, number: number, quoted: boolean): FieldValues => {
    const name = `${field} ${number} ${quoted}`;
    const found = known.get(name) ?? new FieldValues(field, (columns as ColumnLines).column(number), quoted);
    known.set(name, found);
    return found;
  };
  const readers = columns?.shapes.map((shape) => new ShapeReader(shape, valuesOf, builder)) ?? [];
  const readerOf = (line: number): ShapeReader | undefined =>
    columns && readers[columns.lineShapes[line] as number];
  let line = from;
  for (let i = 0; i < count; i += 1) {
    const number = numbers ? (numbers[i] as number) : i;
    for (; line < from + number; line += 1) readerOf(line)?.pass(next);
    const reader = readerOf(line);
    if (reader?.row) {
      const time = reader.readRow(next);
      times[i] = Number.isNaN(time) ? received_at : time + time_offset_ms;
      builder.addRow(reader.row);
    } else {
      const event = reader?.readEvent(next) ?? parsed(number);
      times[i] = timeOf(event.timestamp, receipt);
      builder.add(event);
    }
  }
  return times;
};

/** The texts of a row, by their fields, and the tables that number them. */
const ROW_TEXTS = {
  type: ['type', 'types'],
  service: ['service', 'services'],
  route: ['route', 'routes'],
  path: ['path', 'paths'],
  method: ['method', 'methods'],
} as const satisfies Record<string, readonly [keyof ScannedRow, keyof ColumnsBuilder['tables']]>;
const ROW_NUMBERS = ['status_code', 'duration_ms', 'timestamp'];

/** Reads the events of one shape. */
class ShapeReader {
  /** What `readRow` fills; absent where a row does not hold all that folds read of such events. */
  readonly row: { -readonly [K in keyof ScannedRow]: ScannedRow[K] } | undefined;
  /** Undefined where the shape is not that of an event whose folded fields are plain values. */
  readonly #fields: readonly FieldReader[] | undefined;
  readonly #event: Record<string, unknown> = {};
  readonly #texts: readonly TextReader[] = [];
  readonly #status: FieldReader | undefined;
  readonly #duration: FieldReader | undefined;
  readonly #time: FieldReader | undefined;

  constructor(
    private readonly shape: Shape,
    valuesOf: (field: string, column: number, quoted: boolean) => FieldValues,
    { tables }: Pick<ColumnsBuilder, 'tables'>,
  ) {
    const fields = (this.#fields = placesIn(shape)?.map(({ field, value }) => {
      const number = shape.columns[value] as number;
      const before = shape.columns.slice(0, value).filter((other) => other === number).length;
      const values = valuesOf(field, number, shape.quoted[value] === true);
      return new FieldReader(field, values, number, before);
    }));
    const reader = (name: string): FieldReader | undefined => fields?.find(({ field }) => field === name);
    const fits = fields?.every(({ field }) => field in ROW_TEXTS || ROW_NUMBERS.includes(field));
    if (!fits || reader('timestamp')?.values.isPlain === false) return;
    this.#status = reader('status_code');
    this.#duration = reader('duration_ms');
    this.#time = reader('timestamp');
    const has_route = reader('route') !== undefined;
    this.#texts = Object.values(ROW_TEXTS).flatMap(([field, table]) => {
      const found = reader(field);
      // The path of an event with a route is not looked at.
      if (!found || (field === 'path' && has_route)) return [];
      return [new TextReader(field, found, tables[table])];
    });
    this.row = { status: 0, duration: NaN, type: 0, service: 0, route: 0, path: 0, method: 0 };
  }

  /** Fills the row with the event whose values come next, and gives its time; NaN where it has none. */
  readRow(next: Uint32Array): number {
    const row = this.row as NonNullable<typeof this.row>;
    const texts = this.#texts;
    for (let i = 0; i < texts.length; i += 1) {
      const reader = texts[i] as TextReader;
      row[reader.field] = reader.number(next);
    }
    if (this.#status) row.status = this.#status.next(next) as number;
    if (this.#duration) row.duration = this.#duration.next(next) as number;
    return this.#time ? Math.floor(this.#time.next(next) as number) : NaN;
  }

  /** The event whose values come next; the same object each time. Undefined where it has to be parsed. */
  readEvent(next: Uint32Array): TelemetryEvent | undefined {
    if (!this.#fields) return undefined;
    for (const reader of this.#fields) this.#event[reader.field] = reader.next(next);
    return this.#event as unknown as TelemetryEvent;
  }

  /** Goes on to the next line. */
  pass(next: Uint32Array): void {
    const { columns } = this.shape;
    for (let i = 0; i < columns.length; i += 1) {
      const column = columns[i] as number;
      next[column] = (next[column] as number) + 1;
    }
  }
}

/** Reads one text of a row as its number in a table. */
class TextReader {
  /** Of each text in a dictionary its number in the table. */
  readonly #known: Int32Array | undefined;

  constructor(
    readonly field: keyof typeof ROW_TEXTS,
    private readonly reader: FieldReader,
    private readonly table: Pick<ColumnsBuilder['tables']['types'], 'ofText'>,
  ) {
    const { values } = reader;
    this.#known = values.numbered ??=
      values.known && Int32Array.from(values.known, (text) => this.#numberOf(text as string));
  }

  number(next: Uint32Array): number {
    const { reader } = this;
    return this.#known
      ? (this.#known[reader.values.column.numbers[reader.index(next)] as number] as number)
      : this.#numberOf(reader.next(next) as string);
  }

  #numberOf(text: string): number {
    return this.table.ofText(this.field === 'path' ? pathWithoutRoute({ type: '', path: text }) : text);
  }
}

/** Stands for a text value in a line that is made of a shape alone; no key begins with it. */
const MARK = '\uE000';

/**
 * Where the folded fields are in lines of a shape. `JSON.parse` says what the fields are, as it does of the lines
 * themselves: of a line with names in place of its values. Undefined where it is no object, or a field no plain value.
 */
const placesIn = ({ pieces, quoted }: Shape): readonly FieldPlace[] | undefined => {
  const name = (i: number): string => (quoted[i] ? `${MARK}${i}` : String(i));
  const line = pieces.map((piece, i) => (i < quoted.length ? piece + name(i) : piece)).join('');
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  const places: FieldPlace[] = [];
  for (const [field, name] of Object.entries(parsed)) {
    if (NOT_FOLDED.has(field)) continue;
    if (typeof name === 'number') places.push({ field, value: name });
    else if (typeof name === 'string' && name.startsWith(MARK))
      places.push({ field, value: Number(name.slice(1)) });
    else return undefined;
  }
  return places;
};

/** Reads one field of one shape. */
class FieldReader {
  constructor(
    readonly field: string,
    readonly values: FieldValues,
    private readonly column: number,
    /** How many values of the same column stand before it in a line. */
    private readonly before: number,
  ) {}

  /** Which of the column's values comes next. */
  index(next: Uint32Array): number {
    return (next[this.column] as number) + this.before;
  }

  /** The value that comes next. */
  next(next: Uint32Array): unknown {
    return this.values.at(this.index(next));
  }
}

/** The values of a field, for all shapes that have it in one column. */
class FieldValues {
  /** Those of a dictionary. */
  readonly known: readonly unknown[] | undefined;
  /** Of each text in a dictionary its number in the field's table, once that was made. */
  numbered: Int32Array | undefined;
  readonly #milliseconds: number;

  constructor(
    field: string,
    readonly column: Column,
    private readonly quoted: boolean,
  ) {
    const is_time = field === 'timestamp' && quoted;
    this.known = column.dictionary()?.map((text) => (is_time ? timeIn(text) : valueOf(text, quoted)));
    this.#milliseconds = is_time ? column.millisecond : 0;
  }

  /** Whether all values are numbers without their text being looked at. */
  get isPlain(): boolean {
    if (this.known) return this.known.every((value) => typeof value === 'number');
    return this.#milliseconds > 0 || (!this.quoted && this.column.isNumeric);
  }

  at(index: number): unknown {
    const { column, quoted } = this;
    if (this.known) return this.known[column.numbers[index] as number];
    if (this.#milliseconds > 0) return Math.floor((column.numbers[index] as number) / this.#milliseconds);
    return (quoted ? undefined : column.numberAt(index)) ?? valueOf(column.textAt(index), quoted);
  }
}

/** A time as a number, where the text is one. */
const timeIn = (text: string): unknown => {
  const time = parseTime(text);
  return Number.isNaN(time) ? valueOf(text, true) : time;
};

/** A value as `JSON.parse` would have it. */
const valueOf = (text: string, quoted: boolean): unknown => {
  if (!quoted) return JSON.parse(text);
  return text.includes('\\') ? JSON.parse(`"${text}"`) : text;
};
