import { personFields, type PersonField } from '../erasure/erasure.js';

/** What else an event may say of whose it is: attributes, as OpenTelemetry's conventions name them. */
const personalAttributes: ReadonlySet<string> = new Set([
  'client.address',
  'user.email',
  'user.full_name',
  'user.name',
]);

const isPersonField = (name: string): name is PersonField =>
  (personFields as readonly string[]).includes(name);

/** A text in an event's JSON that says something of a person. */
export interface PersonalText<N extends string = string> {
  /** Of the field or the attribute. */
  readonly name: N;
  readonly value: string;
  /** Where its JSON text begins and ends in the bytes, quotes included. */
  readonly from: number;
  readonly to: number;
}

/** What one event says of people, in the order of its bytes. */
export interface PersonalTexts {
  readonly persons: readonly PersonalText<PersonField>[];
  readonly attributes: readonly PersonalText[];
}

/** Whose the event's attributes are: its user, else its consumer. Of a name that stands twice the last one counts, as for all readers of JSON. */
export const ownerOf = ({ persons }: PersonalTexts): PersonalText<PersonField> | undefined => {
  for (const field of personFields) {
    const named = persons.filter(({ name }) => name === field).at(-1);
    if (named && named.value !== '') return named;
  }
  return undefined;
};

/** Names as they stand in an event's JSON unless they are escaped: bytes without any of these say nothing of people. */
const signs: readonly Buffer[] = [...personFields, '\\u'].map((sign) => Buffer.from(sign));

/** Whether events may say whose they are; false: none of them does. */
export const mayNamePeople = (bytes: Buffer): boolean => signs.some((sign) => bytes.includes(sign));

/** Finds what an event says of people; its JSON object, which is valid, are the bytes from `start` up to `end`. */
export const personalTexts = (bytes: Buffer, start: number, end: number): PersonalTexts => {
  const persons: PersonalText<PersonField>[] = [];
  const attributes: PersonalText[] = [];
  eachMember(bytes, start, end, (name, from, to) => {
    if (isPersonField(name)) persons.push({ name, value: textAt(bytes, from, to), from, to });
    else if (name === 'attributes')
      eachMember(bytes, from, to, (attribute, valueFrom, valueTo) => {
        if (personalAttributes.has(attribute) && bytes[valueFrom] === QUOTE)
          attributes.push({
            ...{ name: attribute, value: textAt(bytes, valueFrom, valueTo) },
            ...{ from: valueFrom, to: valueTo },
          });
      });
  });
  return { persons, attributes };
};

/** Another text in the place of one. */
export interface Replacement {
  readonly from: number;
  readonly to: number;
  readonly value: string;
}

/** Events' JSON texts: number `i` is the bytes from `starts[i]` up to `ends[i]`. */
export interface EventTexts {
  readonly body: Buffer;
  readonly starts: ArrayLike<number>;
  readonly ends: ArrayLike<number>;
}

/** The same events with other texts in some places, a line break behind each; `replacements` are those of each event, in the order of its bytes. */
export const withReplacements = (
  { body, starts, ends }: EventTexts,
  replacements: readonly (readonly Replacement[])[],
): EventTexts => {
  const parts: Uint8Array[] = [];
  const newStarts: number[] = [];
  const newEnds: number[] = [];
  let length = 0;
  const add = (part: Uint8Array): void => {
    parts.push(part);
    length += part.length;
  };
  for (let i = 0; i < starts.length; i += 1) {
    let at = starts[i] ?? 0;
    newStarts.push(length);
    for (const { from, to, value } of replacements[i] ?? []) {
      add(body.subarray(at, from));
      add(Buffer.from(JSON.stringify(value)));
      at = to;
    }
    add(body.subarray(at, ends[i] ?? 0));
    newEnds.push(length);
    add(LINE_BREAK);
  }
  return { body: Buffer.concat(parts, length), starts: newStarts, ends: newEnds };
};

const LINE_BREAK = Buffer.from('\n');
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const textAt = (bytes: Buffer, from: number, to: number): string =>
  JSON.parse(bytes.toString('utf8', from, to)) as string;

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const afterSpace = (bytes: Buffer, from: number): number => {
  let at = from;
  while (isSpace(bytes[at])) at += 1;
  return at;
};

/** Where the text that begins here is over. */
const endOfText = (bytes: Buffer, from: number, end: number): number => {
  let at = from + 1;
  while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at + 1;
};

/** Where the value that begins here is over. */
const endOfValue = (bytes: Buffer, from: number, end: number): number => {
  let depth = 0;
  let at = from;
  while (at < end) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfText(bytes, at, end);
      if (depth === 0) return at;
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) return at;
    at += 1;
  }
  return end;
};

/** Visits the members of an object; of another value there are none. */
const eachMember = (
  bytes: Buffer,
  from: number,
  end: number,
  visit: (name: string, from: number, to: number) => void,
): void => {
  let at = afterSpace(bytes, from);
  if (bytes[at] !== OPEN_BRACE) return;
  at = afterSpace(bytes, at + 1);
  while (at < end && bytes[at] === QUOTE) {
    const nameEnd = endOfText(bytes, at, end);
    const plain = bytes.toString('latin1', at + 1, nameEnd - 1);
    const name = plain.includes('\\') ? textAt(bytes, at, nameEnd) : plain;
    // Behind the colon.
    const valueFrom = afterSpace(bytes, afterSpace(bytes, nameEnd) + 1);
    const valueTo = endOfValue(bytes, valueFrom, end);
    visit(name, valueFrom, valueTo);
    at = afterSpace(bytes, valueTo);
    if (bytes[at] === COMMA) at = afterSpace(bytes, at + 1);
  }
};
