import { Type } from 'typebox';
import { categoryOf } from '../../deployment/verification.js';
import type { Provenance } from '../../provenance.js';
import { parseTime } from '../../telemetry/time.js';

/** What a condition is held against: a record, or one of the telemetry events that a record holds. */
export interface Item {
  readonly type: string;
  readonly stream: string;
  readonly metadata: Pick<
    Provenance,
    'actor' | 'origin' | 'release' | 'deployment_id' | 'instance_id' | 'recorded_at'
  >;
  /** What the record says, or the telemetry event as it was sent. */
  readonly data: unknown;
}

type Scalar = string | number | boolean | null;

/** What a condition may ask of a record beside its data. */
const fields = {
  type: ({ type }) => type,
  category: ({ stream }) => categoryOf(stream),
  stream: ({ stream }) => stream,
  'actor.kind': ({ metadata }) => metadata.actor.kind,
  'actor.id': ({ metadata }) => metadata.actor.id,
  origin: ({ metadata }) => metadata.origin,
  release: ({ metadata }) => metadata.release,
  deployment_id: ({ metadata }) => metadata.deployment_id,
  instance_id: ({ metadata }) => metadata.instance_id,
  recorded_at: ({ metadata }) => Date.parse(metadata.recorded_at),
  time_of_day: ({ metadata }) => timeOfDay(Date.parse(metadata.recorded_at)),
} as const satisfies Readonly<Record<string, (item: Item) => Scalar | undefined>>;
type FieldName = keyof typeof fields;

/** A record that was written past the writer may say anything, also no time at all. */
const timeOfDay = (time: number): string | undefined =>
  Number.isNaN(time) ? undefined : new Date(time).toISOString().slice(11, 19);

const comparisons = ['<', '<=', '>', '>='] as const;
const operators = ['is', 'in', 'like', ...comparisons, 'exists'] as const;
type Operator = (typeof operators)[number];

interface Leaf {
  /** A name of {@link fields}, or a JSON pointer (RFC 6901) into the data: `/attributes/plan`. */
  readonly field: string;
  readonly op: Operator;
  readonly value: Scalar | readonly Scalar[];
}

/** Which records, or telemetry events, a rule is about. */
export type LegitimacyCondition =
  | Leaf
  | { readonly all: readonly LegitimacyCondition[] }
  | { readonly any: readonly LegitimacyCondition[] }
  | { readonly not: LegitimacyCondition };

/** How deep conditions may stand in each other, how many there may be in one, and how long its texts. */
const DEPTH = 3;
export const MAX_CONDITIONS = 64;
const MAX_TEXT = 1_024;
const MAX_PATTERN = 256;
const MAX_VALUES = 64;

const closed = { additionalProperties: false } as const;
const ScalarSchema = Type.Union([
  Type.String({ maxLength: MAX_TEXT }),
  Type.Number(),
  Type.Boolean(),
  Type.Null(),
]);
const LeafSchema = Type.Object(
  {
    field: Type.String({
      pattern: `^(?:${Object.keys(fields).join('|').replaceAll('.', '\\.')}|(?:/(?:[^/~]|~[01]){0,128}){1,8})$`,
      description:
        `${Object.keys(fields).join(', ')}; or a JSON pointer (RFC 6901) into what the record says, of telemetry into ` +
        'each event as it was sent: `/name`, `/service`, `/attributes/plan`. `category` is a stream’s name up to its ' +
        'first hyphen. `time_of_day` is that of `recorded_at` in UTC: `02:30:00`.',
    }),
    op: Type.Enum([...operators], {
      description:
        '`is`: equal to the value. `in`: equal to one of a list. `like`: a text that fits a pattern in which `*` ' +
        'stands for any text, also none, and every other character for itself. `<`, `<=`, `>`, `>=`: numbers by ' +
        'size, texts by code units, `recorded_at` by time. `exists`: whether the field is there, true or false. ' +
        'Where a field is not there, or is of another kind than the value, nothing else holds of it.',
    }),
    value: Type.Union([ScalarSchema, Type.Array(ScalarSchema, { minItems: 1, maxItems: MAX_VALUES })]),
  },
  { ...closed, title: 'LegitimacyTest' },
);

/** Conditions of conditions, written out to their greatest depth: a schema that ends can be read by any tool. */
const conditionOf = (depth: number): ReturnType<typeof Type.Unsafe<LegitimacyCondition>> => {
  if (depth === 0) return Type.Unsafe<LegitimacyCondition>(LeafSchema);
  const inner = conditionOf(depth - 1);
  const several = Type.Array(inner, { minItems: 1, maxItems: MAX_CONDITIONS });
  const title = depth === DEPTH ? 'LegitimacyCondition' : `LegitimacyConditionWithin${DEPTH - depth}`;
  return Type.Unsafe<LegitimacyCondition>(
    Type.Union(
      [
        LeafSchema,
        Type.Object({ all: several }, closed),
        Type.Object({ any: several }, closed),
        Type.Object({ not: inner }, closed),
      ],
      { title, description: `With all that stands in it, at most ${MAX_CONDITIONS} conditions.` },
    ),
  );
};
export const LegitimacyConditionSchema = conditionOf(DEPTH);

/** What is wrong with a condition that fits its schema: where, as a JSON pointer, and why. */
export interface ConditionError {
  readonly pointer: string;
  readonly detail: string;
}

/** Looks for what the schema cannot say: values that do not go with their operator or field, and too many conditions. */
export const checkCondition = (condition: LegitimacyCondition): ConditionError | undefined => {
  let count = 0;
  const check = (part: LegitimacyCondition, pointer: string): ConditionError | undefined => {
    count += 1;
    if (count > MAX_CONDITIONS)
      return { pointer, detail: `there are more than ${MAX_CONDITIONS} conditions in it` };
    if ('not' in part) return check(part.not, `${pointer}/not`);
    if (!('field' in part)) {
      const [name, parts] = 'all' in part ? (['all', part.all] as const) : (['any', part.any] as const);
      for (const [index, one] of parts.entries()) {
        const error = check(one, `${pointer}/${name}/${String(index)}`);
        if (error) return error;
      }
      return undefined;
    }
    const detail = checkLeaf(part);
    return detail === undefined ? undefined : { pointer: `${pointer}/value`, detail };
  };
  return check(condition, '');
};

const checkLeaf = ({ field, op, value }: Leaf): string | undefined => {
  if (op === 'exists') return typeof value === 'boolean' ? undefined : '`exists` takes true or false';
  if (Array.isArray(value) !== (op === 'in')) return '`in` takes a list, and nothing else does';
  const texts = (Array.isArray(value) ? value : [value]).every((one) => typeof one === 'string');
  if (op === 'like' && !(typeof value === 'string' && value.length <= MAX_PATTERN))
    return `\`like\` takes a text of at most ${String(MAX_PATTERN)} characters`;
  if (isComparison(op) && typeof value !== 'number' && !texts) return `\`${op}\` takes a number or a text`;
  if (!isFieldName(field)) return undefined;
  if (!texts) return `${field} is a text`;
  if (field !== 'recorded_at' && field !== 'time_of_day') return undefined;
  if (!isComparison(op)) return `${field} is compared with <, <=, > or >=`;
  if (field === 'recorded_at')
    return Number.isNaN(parseTime(value as string)) ? 'recorded_at is an RFC 3339 time' : undefined;
  return /^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?$/.test(value as string)
    ? undefined
    : 'time_of_day is a time in UTC: 02:30 or 02:30:00';
};

const isComparison = (op: Operator): op is (typeof comparisons)[number] =>
  comparisons.some((one) => one === op);
const isFieldName = (field: string): field is FieldName => Object.hasOwn(fields, field);

/** Whether an item is meant. */
export type ItemTest = (item: Item) => boolean;

/**
 * Makes a checked condition into a test. It ends for every item: there is no recursion beyond the condition's own
 * depth, and a pattern is looked for once along a text.
 */
export const compileCondition = (condition: LegitimacyCondition): ItemTest => {
  if ('all' in condition) {
    const tests = condition.all.map(compileCondition);
    return (item) => tests.every((test) => test(item));
  }
  if ('any' in condition) {
    const tests = condition.any.map(compileCondition);
    return (item) => tests.some((test) => test(item));
  }
  if ('not' in condition) {
    const test = compileCondition(condition.not);
    return (item) => !test(item);
  }
  const { field, op } = condition;
  const read = isFieldName(field) ? fields[field] : readerOf(field);
  const value =
    field === 'recorded_at' && op !== 'exists' ? parseTime(condition.value as string) : condition.value;
  const test = compileOperator(op, value);
  return (item) => test(read(item));
};

const compileOperator = (op: Operator, value: Leaf['value']): ((found: unknown) => boolean) => {
  switch (op) {
    case 'exists':
      return (found) => (found !== undefined) === value;
    case 'is':
      return (found) => found === value;
    case 'in': {
      const values = new Set<unknown>(value as readonly Scalar[]);
      return (found) => found !== undefined && values.has(found);
    }
    case 'like': {
      const pieces = (value as string).split('*');
      return (found) => typeof found === 'string' && fits(found, pieces);
    }
    case '<':
      return comparing(value, (order) => order < 0);
    case '<=':
      return comparing(value, (order) => order <= 0);
    case '>':
      return comparing(value, (order) => order > 0);
    case '>=':
      return comparing(value, (order) => order >= 0);
  }
};

/** Compares numbers with numbers and texts with texts; nothing holds of anything else. */
const comparing =
  (value: Leaf['value'], holds: (order: number) => boolean) =>
  (found: unknown): boolean => {
    if (typeof found === 'number' && typeof value === 'number') return holds(found - value);
    if (typeof found === 'string' && typeof value === 'string')
      return holds(found < value ? -1 : found > value ? 1 : 0);
    return false;
  };

/**
 * Whether a text is the pieces in their order with any text between them. The leftmost place of each piece leaves the
 * most room for those that follow, so nothing is tried twice.
 */
const fits = (text: string, pieces: readonly string[]): boolean => {
  const [first = '', ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest) {
    const place = text.indexOf(piece, at);
    if (place < 0) return false;
    at = place + piece.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
};

/** Reads what a JSON pointer names: only what JSON itself has, nothing inherited. */
const readerOf = (pointer: string): ((item: Item) => unknown) => {
  const steps = pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return ({ data }) => {
    let found: unknown = data;
    for (const step of steps) {
      if (typeof found !== 'object' || found === null || found instanceof Uint8Array) return undefined;
      if (!Object.hasOwn(found, step)) return undefined;
      found = (found as Readonly<Record<string, unknown>>)[step];
    }
    return found;
  };
};
