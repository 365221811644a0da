import {
  group,
  NUMBER_FIELDS,
  TEXT_FIELDS,
  type AttributeField,
  type NumberField,
  type Operator,
  type Query,
  type TextField,
} from './query.js';

export const MAX_QUERY_LENGTH = 2048;
/** How deep parentheses and negations nest. */
export const MAX_QUERY_DEPTH = 32;
export const MAX_QUERY_CONDITIONS = 64;

/** Why a text is no query: what was expected at which character, counted from 0. */
export interface QueryError {
  readonly offset: number;
  readonly expected: string;
}

export type ParsedQuery =
  { readonly ok: true; readonly query: Query } | ({ readonly ok: false } & QueryError);

type Field = TextField | NumberField | AttributeField;

const aliases: Readonly<Record<string, TextField | NumberField>> = {
  duration_ms: 'duration',
  user: 'user_id',
  trace: 'trace_id',
};
const fields: ReadonlyMap<string, TextField | NumberField> = new Map([
  ...[...TEXT_FIELDS, ...NUMBER_FIELDS].map((name) => [name, name] as const),
  ...Object.entries(aliases),
]);
const isNumberField = (field: Field): field is NumberField =>
  NUMBER_FIELDS.some((number_field) => number_field === field);

const FIELD_NAMES = `a field (${[...fields.keys(), 'attr.<name>'].join(', ')})`;
const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;
const OPERATORS: readonly Operator[] = ['>=', '<=', '>', '<', '='];

class Unexpected extends Error {
  constructor(
    readonly offset: number,
    readonly expected: string,
  ) {
    super(expected);
    this.name = 'Unexpected';
  }
}

/** Reads a query from left to right, each character a bounded number of times; `Unexpected` ends it. */
class Parser {
  #at = 0;
  #conditions = 0;

  constructor(private readonly text: string) {}

  whole(): Query {
    const query = this.any(0);
    if (this.#at < this.text.length) throw new Unexpected(this.#at, 'the end, or another condition');
    return query;
  }

  private any(depth: number): Query {
    const members: [Query, ...Query[]] = [this.all(depth)];
    while (this.word('OR')) members.push(this.all(depth));
    return group('or', members);
  }

  private all(depth: number): Query {
    const members: [Query, ...Query[]] = [this.one(depth)];
    for (;;) {
      const joined = this.word('AND');
      if (!joined && (this.ended() || this.text[this.#at] === ')' || this.comes('OR')))
        return group('and', members);
      members.push(this.one(depth));
    }
  }

  private one(depth: number): Query {
    this.skipSpace();
    if (depth > MAX_QUERY_DEPTH)
      throw new Unexpected(this.#at, `at most ${MAX_QUERY_DEPTH} levels of nesting`);
    if (this.take('-')) return { kind: 'not', of: this.one(depth + 1) };
    if (this.take('(')) {
      const query = this.any(depth + 1);
      if (!this.take(')')) throw new Unexpected(this.#at, ') or another condition');
      return query;
    }
    this.#conditions += 1;
    if (this.#conditions > MAX_QUERY_CONDITIONS)
      throw new Unexpected(this.#at, `at most ${MAX_QUERY_CONDITIONS} conditions`);
    return this.condition();
  }

  private condition(): Query {
    const start = this.#at;
    if (this.comes('OR') || this.comes('AND')) throw new Unexpected(start, 'a condition');
    if (this.text[start] === '"') return { kind: 'mentions', text: this.someText(this.quotation(), start) };
    const name = this.run(':');
    if (this.take(':')) return this.ofField(this.field(name, start));
    if (name === 'attr.' || name === 'attributes.') {
      if (this.text[this.#at] === '"') {
        const attribute = this.quotation();
        if (!this.take(':')) throw new Unexpected(this.#at, ':');
        return this.ofField({ attribute: this.someText(attribute, start) });
      }
    }
    // A word is found wherever it begins, so that a star after it says nothing more.
    return { kind: 'mentions', text: this.someText(name.replace(/\*$/, ''), start) };
  }

  private someText(text: string, start: number): string {
    if (text === '') throw new Unexpected(start, 'a condition');
    return text;
  }

  private field(name: string, start: number): Field {
    const attribute = /^attr(?:ibute)?s?\.(.+)$/.exec(name)?.[1];
    const field = attribute === undefined ? fields.get(name) : { attribute };
    if (field === undefined)
      throw new Unexpected(start, `${FIELD_NAMES}, or quotes around text with a colon`);
    return field;
  }

  private ofField(field: Field): Query {
    const start = this.#at;
    if (this.text[start] === '"') {
      if (isNumberField(field)) throw new Unexpected(start, 'a number');
      return { kind: 'is', field, text: this.quotation(), prefix: this.take('*') };
    }
    const operator = OPERATORS.find((one) => this.take(one));
    const at = this.#at;
    const value = this.run('');
    if (operator !== undefined) {
      if (typeof field === 'string' && !isNumberField(field)) {
        if (operator !== '=') throw new Unexpected(start, `text, because ${field} is no number`);
        return this.ofText(field, value, at);
      }
      return { kind: 'compare', field, operator, value: this.number(field, value, at) };
    }
    const range = this.range(field, value, at);
    if (range) return range;
    if (isNumberField(field))
      return { kind: 'compare', field, operator: '=', value: this.number(field, value, at) };
    return this.ofText(field, value, at);
  }

  private ofText(field: TextField | AttributeField, value: string, at: number): Query {
    if (value === '') throw new Unexpected(at, 'a value');
    const star = value.indexOf('*');
    if (star >= 0 && star < value.length - 1)
      throw new Unexpected(at + star, 'a star at the end only, or quotes around the value');
    return { kind: 'is', field, text: star < 0 ? value : value.slice(0, -1), prefix: star >= 0 };
  }

  /** `a..b`; of an attribute only where both are numbers, because anything else is text. */
  private range(field: Field, value: string, at: number): Query | undefined {
    const dots = value.indexOf('..');
    if (dots < 0 || (typeof field === 'string' && !isNumberField(field))) return undefined;
    const [low, high] = [value.slice(0, dots), value.slice(dots + 2)];
    if (typeof field !== 'string' && !(NUMBER.test(low) && NUMBER.test(high))) return undefined;
    const [from, to] = [this.number(field, low, at), this.number(field, high, at + dots + 2)];
    if (from > to) throw new Unexpected(at, 'the smaller end of the range first');
    return { kind: 'range', field, from, to };
  }

  private number(field: NumberField | AttributeField, text: string, at: number): number {
    const digits = field === 'status_class' ? text.replace(/^(\d)xx$/i, '$1') : text;
    const number = NUMBER.test(digits) ? Number(digits) : NaN;
    if (!Number.isFinite(number))
      throw new Unexpected(at, field === 'status_class' ? 'a status class such as 5xx' : 'a number');
    // There is one zero: -0 and 0 are equal, and print as the same.
    return number === 0 ? 0 : number;
  }

  /** Everything up to a space, a parenthesis, a quotation mark, or one more character. */
  private run(end: string): string {
    const start = this.#at;
    while (this.#at < this.text.length) {
      const character = this.text[this.#at] ?? '';
      if (character === end || /[\s()"]/.test(character)) break;
      this.#at += 1;
    }
    return this.text.slice(start, this.#at);
  }

  /** Text in quotation marks; a backslash takes the character after it as it is. */
  private quotation(): string {
    const start = this.#at;
    let text = '';
    for (let at = start + 1; at < this.text.length; at += 1) {
      const character = this.text[at] ?? '';
      if (character === '"') {
        this.#at = at + 1;
        return text;
      }
      if (character === '\\') at += 1;
      text += this.text[at] ?? '';
    }
    throw new Unexpected(this.text.length, `a quotation mark that ends the one at ${start}`);
  }

  private skipSpace(): void {
    while (/\s/.test(this.text[this.#at] ?? '')) this.#at += 1;
  }

  private ended(): boolean {
    this.skipSpace();
    return this.#at >= this.text.length;
  }

  private take(token: string): boolean {
    if (!this.text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  /** Whether a word of the language comes, standing alone. */
  private comes(word: string): boolean {
    this.skipSpace();
    const after = this.text[this.#at + word.length] ?? ' ';
    return this.text.startsWith(word, this.#at) && /[\s()"]/.test(after);
  }

  private word(word: string): boolean {
    return this.comes(word) && this.take(word);
  }
}

/** Reads the text of a query. It takes time in proportion to the text. */
export const parseQuery = (text: string): ParsedQuery => {
  if (text.length > MAX_QUERY_LENGTH)
    return { ok: false, offset: MAX_QUERY_LENGTH, expected: `at most ${MAX_QUERY_LENGTH} characters` };
  try {
    return { ok: true, query: new Parser(text).whole() };
  } catch (error) {
    if (error instanceof Unexpected) return { ok: false, offset: error.offset, expected: error.expected };
    throw error;
  }
};
