/**
 * A line of JSON taken apart: what stands round its values, and the values. A text value is what stands between its
 * quotes, escapes and all; any other is a run of letters, digits, `+`, `-` and `.`. Keys and white space belong to what
 * stands round. Nothing is understood and nothing is changed: a line is its pieces with its values between them,
 * whatever it is.
 *
 * Texts here hold one byte in each character (latin1), so that any bytes can be taken apart.
 */
export interface Shape {
  /** One more than there are values. */
  readonly pieces: readonly string[];
  /** For each value the number of the column that it goes to: values under the same keys share one. */
  readonly columns: readonly number[];
  /** For each value whether it stands between quotes. */
  readonly quoted: readonly boolean[];
}

/** A line that is one value: what is too unlike the others to be taken apart. */
const WHOLE = '';
const MAX_SHAPES = 256;
const MAX_COLUMNS = 512;
const MAX_VALUES = 200;
/** How many of the shapes met last are tried before a line is looked at byte by byte. */
const TRIED = 4;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** Letters, digits, `+`, `-` and `.`: what numbers, `true`, `false` and `null` are made of. */
const BARE = Uint8Array.from({ length: 256 }, (_, code) =>
  /[0-9A-Za-z+.-]/.test(String.fromCharCode(code)) ? 1 : 0,
);

/** Takes lines apart into columns of values. */
export class LineSplitter {
  readonly shapes: Shape[] = [];
  /** The values of each column, in the order of the lines. */
  readonly columns: string[][] = [];
  /** For each line its shape. */
  readonly lines: number[] = [];
  readonly #shapes = new Map<string, number>();
  readonly #columns = new Map<string, number>();
  /** The shapes met last, the newest first. */
  #recent: number[] = [];
  readonly #values: string[] = [];
  #backslash = -1;

  /** `text`: one byte a character. */
  constructor(private readonly text: string) {}

  /** Takes the line from `start` up to `end` apart. */
  add(start: number, end: number): void {
    const known = this.#recent.find((number) => this.#fits(number, start, end));
    const shape = known ?? this.#takeApart(start, end);
    if (this.#recent[0] !== shape)
      this.#recent = [shape, ...this.#recent.filter((other) => other !== shape)].slice(0, TRIED);
    this.lines.push(shape);
    const columns = this.shapes[shape]?.columns ?? [];
    for (let i = 0; i < columns.length; i += 1)
      this.columns[columns[i] as number]?.push(this.#values[i] as string);
  }

  /** Whether a line is of a shape; its values are then in `#values`. */
  #fits(number: number, start: number, end: number): boolean {
    const { text } = this;
    const { pieces, quoted, columns } = this.shapes[number] as Shape;
    if (this.#backslash < start) this.#backslash = nextOf(text, '\\', start);
    if (this.#backslash < end) return false;
    let at = start;
    for (let i = 0; i < columns.length; i += 1) {
      const piece = pieces[i] as string;
      if (!text.startsWith(piece, at)) return false;
      at += piece.length;
      let stop = at;
      if (quoted[i]) stop = nextOf(text, '"', at);
      else while (stop < end && BARE[text.charCodeAt(stop)]) stop += 1;
      if (stop >= end || (stop === at && !quoted[i])) return false;
      this.#values[i] = text.slice(at, stop);
      at = stop;
    }
    const last = pieces[columns.length] as string;
    return at + last.length === end && text.startsWith(last, at);
  }

  /** Looks at a line byte by byte; its values are then in `#values`. */
  #takeApart(start: number, end: number): number {
    const { text } = this;
    const pieces: string[] = [];
    const names: string[] = [];
    const quoted: boolean[] = [];
    const path: string[] = [];
    let key = '';
    let piece = start;
    let at = start;
    const value = (from: number, to: number, quotes: boolean): void => {
      pieces.push(text.slice(piece, from));
      this.#values[names.length] = text.slice(from, to);
      names.push(`${quotes ? '"' : ''}${path.join('\n')}\n${key}`);
      quoted.push(quotes);
      piece = to;
    };
    while (at < end && names.length <= MAX_VALUES) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        const close = closingQuote(text, at + 1, end);
        if (close < 0) break;
        if (isBeforeColon(text, close + 1)) key = text.slice(at + 1, close);
        else value(at + 1, close, true);
        at = close + 1;
      } else if (BARE[code]) {
        let stop = at + 1;
        while (stop < end && BARE[text.charCodeAt(stop)]) stop += 1;
        value(at, stop, false);
        at = stop;
      } else {
        if (code === 0x7b || code === 0x5b) {
          path.push(key);
          key = '';
        } else if (code === 0x7d || code === 0x5d) key = path.pop() ?? '';
        at += 1;
      }
    }
    pieces.push(text.slice(piece, end));
    return (
      (names.length <= MAX_VALUES ? this.#shapeOf(pieces, names, quoted) : undefined) ??
      this.#whole(start, end)
    );
  }

  /** The number of a shape; undefined where there are too many already. */
  #shapeOf(
    pieces: readonly string[],
    names: readonly string[],
    quoted: readonly boolean[],
  ): number | undefined {
    // No piece holds a line's end: two shapes with the same texts are the same.
    const id = `${pieces.join('\n')}\n${quoted.map(Number).join('')}`;
    const known = this.#shapes.get(id);
    if (known !== undefined) return known;
    if (this.shapes.length >= MAX_SHAPES || this.columns.length + names.length > MAX_COLUMNS)
      return undefined;
    const shape =
      this.shapes.push({ pieces, quoted, columns: names.map((name) => this.#columnOf(name)) }) - 1;
    this.#shapes.set(id, shape);
    return shape;
  }

  #whole(start: number, end: number): number {
    this.#values[0] = this.text.slice(start, end);
    const known = this.#shapes.get(WHOLE);
    if (known !== undefined) return known;
    const columns = [this.#columnOf(WHOLE)];
    const shape = this.shapes.push({ pieces: ['', ''], columns, quoted: [false] }) - 1;
    this.#shapes.set(WHOLE, shape);
    return shape;
  }

  #columnOf(name: string): number {
    let column = this.#columns.get(name);
    if (column === undefined) {
      column = this.columns.push([]) - 1;
      this.#columns.set(name, column);
    }
    return column;
  }
}

/** Where a text stands next; beyond the end where it does not. */
const nextOf = (text: string, sought: string, from: number): number => {
  const at = text.indexOf(sought, from);
  return at < 0 ? Infinity : at;
};

const isBeforeColon = (text: string, from: number): boolean => {
  let at = from;
  for (let code = text.charCodeAt(at); code === 0x20 || code === 0x09 || code === 0x0d;)
    code = text.charCodeAt((at += 1));
  return text.charCodeAt(at) === COLON;
};

const closingQuote = (text: string, from: number, end: number): number => {
  for (let at = from; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at;
  }
  return -1;
};
