import type { TelemetryChunk } from '../chunk.js';
import type { TextColumn } from '../columns.js';
import type { TelemetryEvent } from '../event.js';
import type { AttributeField, Condition, NumberField, Operator, Query, TextField } from './query.js';

/** Whether the event at an index of a chunk is meant. */
export type ChunkTest = (index: number) => boolean;

const searched = [
  'message',
  'path',
  'route',
  'service',
  'environment',
  'region',
  'method',
  'user_id',
  'consumer',
  'trace_id',
  'span_id',
  'severity',
  'id',
  'type',
] as const satisfies readonly (keyof TelemetryEvent)[];

const mentions = (event: TelemetryEvent, needle: string): boolean =>
  searched.some((field) => event[field]?.toLowerCase().includes(needle)) ||
  Object.values(event.attributes ?? {}).some(
    (value) => typeof value === 'string' && value.toLowerCase().includes(needle),
  );

type AttributeValue = string | number | boolean | null | undefined;

const attributeOf = ({ attributes }: TelemetryEvent, name: string): AttributeValue =>
  attributes !== undefined && Object.hasOwn(attributes, name) ? attributes[name] : undefined;

/** The test of a text that an `is` makes. */
export const textTest = ({
  text,
  prefix,
}: {
  readonly text: string;
  readonly prefix: boolean;
}): ((value: string) => boolean) => (prefix ? (value) => value.startsWith(text) : (value) => value === text);

const comparisons: Readonly<Record<Operator, (a: number, b: number) => boolean>> = {
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '=': (a, b) => a === b,
};

/** The test of a number that a comparison or a range makes; NaN, where there is no number, meets none. */
export const numberTest = (
  condition: Extract<Condition, { kind: 'compare' | 'range' }>,
): ((value: number) => boolean) => {
  if (condition.kind === 'range') {
    const { from, to } = condition;
    return (value) => value >= from && value <= to;
  }
  const { value: wanted, operator } = condition;
  const compare = comparisons[operator];
  return (value) => compare(value, wanted);
};

/** A status, or its class, as a number to be tested: columns say 0 where there is none. */
export const numberOfStatus = (field: 'status' | 'status_class', status: number): number =>
  status === 0 ? NaN : field === 'status' ? status : Math.floor(status / 100);

export const COLUMN_OF = {
  type: 'types',
  service: 'services',
  route: 'routes',
  method: 'methods',
} as const satisfies Partial<Record<TextField, string>>;

export const hasColumn = (field: TextField | AttributeField): field is keyof typeof COLUMN_OF =>
  typeof field === 'string' && field in COLUMN_OF;

/** Each different text of a column is tested once. `''` says that there is none. */
const onColumn = ({ values, ids }: TextColumn, test: (value: string) => boolean): ChunkTest => {
  const verdicts = values.map((value) => value !== '' && test(value));
  return verdicts.includes(true) ? (index) => verdicts[ids[index] ?? 0] ?? false : () => false;
};

const onEvent =
  (chunk: TelemetryChunk, test: (event: TelemetryEvent) => boolean): ChunkTest =>
  (index) => {
    const event = chunk.events[index];
    return event !== undefined && test(event);
  };

const onText = (
  field: TextField | AttributeField,
  test: (value: string) => boolean,
  chunk: TelemetryChunk,
): ChunkTest => {
  if (hasColumn(field)) return onColumn(chunk[COLUMN_OF[field]], test);
  return onEvent(chunk, (event) => {
    const value = typeof field === 'string' ? event[field] : attributeOf(event, field.attribute);
    return value !== undefined && test(String(value));
  });
};

const onNumber = (
  field: NumberField | AttributeField,
  test: (value: number) => boolean,
  chunk: TelemetryChunk,
): ChunkTest => {
  if (field === 'duration') return (index) => test(chunk.durations[index] ?? NaN);
  if (typeof field === 'string') return (index) => test(numberOfStatus(field, chunk.statuses[index] ?? 0));
  return onEvent(chunk, (event) => {
    const value = attributeOf(event, field.attribute);
    return typeof value === 'number' && test(value);
  });
};

/** Makes a test of a query for the events of one chunk. */
export const bindQuery = (query: Query, chunk: TelemetryChunk): ChunkTest => {
  switch (query.kind) {
    case 'is':
      return onText(query.field, textTest(query), chunk);
    case 'compare':
    case 'range':
      return onNumber(query.field, numberTest(query), chunk);
    case 'mentions': {
      const needle = query.text.toLowerCase();
      return onEvent(chunk, (event) => mentions(event, needle));
    }
    case 'not': {
      const test = bindQuery(query.of, chunk);
      return (index) => !test(index);
    }
    case 'and': {
      const tests = query.of.map((member) => bindQuery(member, chunk));
      return (index) => tests.every((test) => test(index));
    }
    case 'or': {
      const tests = query.of.map((member) => bindQuery(member, chunk));
      return (index) => tests.some((test) => test(index));
    }
  }
};
