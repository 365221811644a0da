import fc from 'fast-check';
import {
  group,
  NUMBER_FIELDS,
  TEXT_FIELDS,
  type Condition,
  type Query,
} from '../../src/domain/telemetry/query/query.js';
import { NOW } from './telemetry.js';

/** Texts that are alike, and that case, escapes and spellings of numbers make hard to tell apart. */
const TEXTS = [
  ...['a', 'ab', 'Ab', 'timed out', 'TIMED OUT', 'Timed', 'kit', 'KIT', '\u212ait', 'İk', 'ik', 'ÄÖ', 'äö'],
  ...[
    '7',
    '7.0',
    '1e3',
    '1000',
    'true',
    'null',
    '-1',
    'a"b',
    'a\\b',
    '/o/1',
    '/o/2',
    '/o/{id}',
    'OR',
    'AND',
    '-a',
    '..',
  ],
  ...['5..7', 'x:y', 'a*', '*', '>5', '=a', '(a)', ' ', '\n', 'attr.', '\ud83d\ude00'],
];
const texts = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ minLength: 1, maxLength: 6 }));
const NUMBERS = [0, 1, 2, 5, 7, 10.5, 200, 204, 404, 499, 500, 503, 1000, -1, 1e-7, 1e21];
const numbers = fc.constantFrom(...NUMBERS);
const attribute = fc.record({ attribute: fc.oneof(fc.constantFrom('x', 'odd name', 'a.b', 'a:b'), texts) });

const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ kind: fc.constant('mentions' as const), text: texts }),
  fc.record({
    kind: fc.constant('is' as const),
    field: fc.oneof(fc.constantFrom(...TEXT_FIELDS), attribute),
    text: fc.oneof(texts, fc.constant('')),
    prefix: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('compare' as const),
    field: fc.oneof(fc.constantFrom(...NUMBER_FIELDS), attribute),
    operator: fc.constantFrom('>', '>=', '<', '<=', '='),
    value: numbers,
  }),
  fc.tuple(fc.oneof(fc.constantFrom(...NUMBER_FIELDS), attribute), numbers, numbers).map(([field, a, b]) => ({
    kind: 'range' as const,
    field,
    from: Math.min(a, b),
    to: Math.max(a, b),
  })),
);

/** Queries of every kind, small enough for the language's limits. */
export const queries: fc.Arbitrary<Query> = fc.letrec<{ query: Query }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    condition,
    fc.record({ kind: fc.constant('not' as const), of: tie('query') }),
    fc
      .tuple(fc.constantFrom('and', 'or'), fc.array(tie('query'), { minLength: 1, maxLength: 3 }))
      .map(([kind, [first, ...others]]) => group(kind, [first!, ...others])),
  ),
})).query;

const values = fc.oneof(texts, numbers, fc.boolean(), fc.constant(null));

/** Events that these queries may find. */
export const events = fc.record(
  {
    type: fc.constantFrom('api_call', 'error', 'a'),
    timestamp: fc.integer({ min: NOW - 100_000, max: NOW }),
    service: texts,
    path: fc.constantFrom('/o/1', '/o/2', '/p'),
    method: fc.constantFrom('GET', 'POST', 'a'),
    status_code: fc.constantFrom(200, 204, 404, 499, 500, 503),
    duration_ms: fc.constantFrom(0, 1, 7, 10.5, 1000),
    user_id: texts,
    trace_id: texts,
    consumer: texts,
    environment: texts,
    region: texts,
    severity: texts,
    message: fc.oneof(texts, fc.constant('Request TIMED out, kit İ')),
    attributes: fc.dictionary(fc.constantFrom('x', 'odd name', 'a.b', 'a:b', 'a'), values, { maxKeys: 3 }),
  },
  { requiredKeys: ['type', 'timestamp'] },
);
export type Sample = typeof events extends fc.Arbitrary<infer T> ? T : never;

/** An event's JSON with letters written as escapes, as senders may. */
export const escaped = (event: object, every: number): string =>
  every === 0
    ? JSON.stringify(event)
    : JSON.stringify(event).replace(/[a-zA-Z]/g, (letter, at: number, whole: string) =>
        at % every === 0 && whole[at - 1] !== '\\' && insideText(whole, at)
          ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
          : letter,
      );

const insideText = (json: string, at: number): boolean =>
  json.slice(0, at).replace(/\\./g, '').split('"').length % 2 === 0 &&
  !/\\u[0-9a-f]{0,3}$/i.test(json.slice(Math.max(0, at - 5), at));

const compare = (operator: string, a: number, b: number): boolean =>
  ({ '>': a > b, '>=': a >= b, '<': a < b, '<=': a <= b })[operator] ?? a === b;

/** Whether an event meets a query, by the plainest reading of what each condition means. */
export const meets = (event: Sample, query: Query): boolean => {
  const of = event as Record<string, unknown>;
  switch (query.kind) {
    case 'and':
      return query.of.filter((member) => !meets(event, member)).length === 0;
    case 'or':
      return query.of.filter((member) => meets(event, member)).length > 0;
    case 'not':
      return !meets(event, query.of);
    case 'mentions': {
      const { attributes = {}, ...fields } = event;
      return [...Object.values<unknown>(fields), ...Object.values<unknown>(attributes)].some(
        (value) => typeof value === 'string' && value.toLowerCase().includes(query.text.toLowerCase()),
      );
    }
    case 'is': {
      const value =
        typeof query.field === 'object'
          ? event.attributes?.[query.field.attribute]
          : query.field === 'route'
            ? event.path?.replace(/\d+/, '{id}')
            : of[query.field];
      if (value === undefined) return false;
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return query.prefix ? text.indexOf(query.text) === 0 : text === query.text;
    }
    default: {
      const value =
        typeof query.field === 'object'
          ? event.attributes?.[query.field.attribute]
          : query.field === 'duration'
            ? event.duration_ms
            : query.field === 'status'
              ? event.status_code
              : event.status_code && Math.floor(event.status_code / 100);
      if (typeof value !== 'number') return false;
      return query.kind === 'range'
        ? query.from <= value && value <= query.to
        : compare(query.operator, value, query.value);
    }
  }
};
