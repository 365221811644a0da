import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  checkCondition,
  compileCondition,
  LegitimacyConditionSchema,
  MAX_CONDITIONS,
  type Item,
  type LegitimacyCondition,
} from '../../../../src/domain/detection/legitimacy/condition.js';
import { compile } from '../../../../src/platform/validation.js';

const fitsSchema = compile(LegitimacyConditionSchema);

const texts = ['', 'a', 'b', 'ab', 'ba', 'abab', 'a*b', 'till', 'Till'];
const values = fc.constantFrom<string | number | boolean | null>(...texts, 0, 1, -2.5, true, false, null);
const times = ['2026-03-01T02:30:00.000Z', '2026-03-01T14:00:00.000Z', '2026-03-02T00:00:00.000Z'];

const items: fc.Arbitrary<Item> = fc.record({
  type: fc.constantFrom('TelemetryRecorded', 'AlertRuleDefined', 'a'),
  stream: fc.constantFrom('rule-rul_1', 'telemetry-ten_1-0', 'deployments'),
  metadata: fc.record(
    {
      actor: fc.record({ kind: fc.constantFrom('user', 'process'), id: fc.constantFrom('usr_1', 'seed') }),
      origin: fc.constantFrom('api', 'deployment'),
      release: fc.constantFrom('1', '2'),
      deployment_id: fc.constantFrom('dep_1', 'dep_2'),
      instance_id: fc.constantFrom('here', 'there'),
      recorded_at: fc.constantFrom(...times, 'no time at all'),
    },
    { requiredKeys: ['actor', 'origin', 'release', 'instance_id', 'recorded_at'] },
  ),
  data: fc.oneof(
    fc.constantFrom<unknown>(null, 'text', 7),
    fc.dictionary(
      fc.constantFrom('a', 'a/b', '~', ''),
      fc.oneof(
        values,
        fc.dictionary(fc.constantFrom('a', 'b', '0'), values),
        fc.array(values, { maxLength: 2 }),
      ),
    ),
  ),
}) as fc.Arbitrary<Item>;

const pointers = ['/a', '/a/a', '/a/0', '/a~1b', '/~0', '/', '/toString', '/__proto__', '/a/length'];
const names = [
  'type',
  'category',
  'stream',
  'actor.kind',
  'actor.id',
  'origin',
  'release',
  'deployment_id',
  'instance_id',
];
const nameTexts = fc.constantFrom(
  'TelemetryRecorded',
  'rule',
  'rule-rul_1',
  'user',
  'api',
  '1',
  'dep_1',
  'here',
  'a',
);
const comparison = fc.constantFrom('<', '<=', '>', '>=');
const patterns = fc
  .array(fc.constantFrom('a', 'b', '*', 'ab', 'rul', '-'), { maxLength: 5 })
  .map((all) => all.join(''));

const leaves = fc.oneof(
  fc.record({ field: fc.constantFrom(...pointers), op: fc.constant('is'), value: values }),
  fc.record({
    field: fc.constantFrom(...pointers),
    op: fc.constant('in'),
    value: fc.array(values, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    field: fc.constantFrom(...pointers),
    op: comparison,
    value: fc.oneof(fc.constantFrom(...texts), fc.constantFrom(-1, 0, 1)),
  }),
  fc.record({
    field: fc.constantFrom(...names),
    op: fc.oneof(fc.constant('is'), comparison),
    value: nameTexts,
  }),
  fc.record({ field: fc.constantFrom(...names, ...pointers), op: fc.constant('like'), value: patterns }),
  fc.record({
    field: fc.constantFrom(...names, ...pointers, 'recorded_at'),
    op: fc.constant('exists'),
    value: fc.boolean(),
  }),
  fc.record({
    field: fc.constant('recorded_at'),
    op: comparison,
    value: fc.constantFrom(...times, '2026-03-01T03:30:00+01:00'),
  }),
  fc.record({
    field: fc.constant('time_of_day'),
    op: comparison,
    value: fc.constantFrom('02:30', '02:30:00', '14:00', '23:59:59'),
  }),
) as fc.Arbitrary<LegitimacyCondition>;

const conditions = (depth: number): fc.Arbitrary<LegitimacyCondition> => {
  if (depth === 0) return leaves;
  const several = fc.array(conditions(depth - 1), { minLength: 1, maxLength: 3 });
  return fc.oneof(
    leaves,
    fc.record({ all: several }),
    fc.record({ any: several }),
    fc.record({ not: conditions(depth - 1) }),
  );
};

/** The same by other means: patterns as regular expressions, fields by a switch, three kinds of lists by counting. */
const holds = (condition: LegitimacyCondition, item: Item): boolean => {
  if ('all' in condition) return condition.all.filter((one) => !holds(one, item)).length === 0;
  if ('any' in condition) return condition.any.filter((one) => holds(one, item)).length > 0;
  if ('not' in condition) return !holds(condition.not, item);
  const { field, op, value } = condition;
  const found = naiveField(field, item);
  const known = found !== undefined;
  if (op === 'exists') return known === value;
  if (!known) return false;
  if (op === 'is') return Object.is(found, value);
  if (op === 'in') return (value as unknown[]).some((one) => Object.is(one, found));
  if (op === 'like') {
    const pattern = (value as string).replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&').replaceAll('\\*', '[^]*');
    return typeof found === 'string' && new RegExp(`^${pattern}$`).test(found);
  }
  if (field === 'recorded_at') {
    const [one, other] = [Date.parse(found as string), Date.parse(value as string)];
    return op === '<' ? one < other : op === '<=' ? one <= other : op === '>' ? one > other : one >= other;
  }
  if (typeof found !== typeof value || !['number', 'string'].includes(typeof found)) return false;
  const [least] = [found as string, value as string].sort((one, other) => (one < other ? -1 : 1));
  const equal = found === value;
  if (equal) return op === '<=' || op === '>=';
  return op.startsWith('<') ? least === found : least === value;
};

const naiveField = (field: string, { type, stream, metadata, data }: Item): unknown => {
  if (field.startsWith('/')) {
    const walk = (at: unknown, [step, ...rest]: readonly string[]): unknown => {
      if (step === undefined) return at;
      if (typeof at !== 'object' || at === null) return undefined;
      const entry = Object.entries(Object.getOwnPropertyDescriptors(at)).find(([name]) => name === step);
      return entry && walk(entry[1].value, rest);
    };
    return walk(
      data,
      field
        .slice(1)
        .split('/')
        .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')),
    );
  }
  switch (field) {
    case 'type':
      return type;
    case 'stream':
      return stream;
    case 'category':
      return /^[^-]*/.exec(stream)?.[0];
    case 'actor.kind':
      return metadata.actor.kind;
    case 'actor.id':
      return metadata.actor.id;
    case 'time_of_day':
      return /T(\d\d:\d\d:\d\d)/.exec(metadata.recorded_at)?.[1];
    default:
      return metadata[field as 'origin'];
  }
};

describe('a condition of what is legitimate', () => {
  it('holds for what a plain reading of it holds for', () => {
    fc.assert(
      fc.property(conditions(3), items, (condition, item) => {
        expect(fitsSchema(condition).ok).toBe(true);
        fc.pre(checkCondition(condition) === undefined);
        expect(compileCondition(condition)(item)).toBe(holds(condition, item));
      }),
      { numRuns: 2_000 },
    );
  });

  it('finds a pattern as a regular expression does, whatever the text', () => {
    // Short ones of few letters: that pieces overlap in the text is then frequent.
    const text = fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 5 }).map((all) => all.join(''));
    fc.assert(
      fc.property(text, text, (found, value) => {
        const condition = { field: '/a', op: 'like', value } as const;
        const item = { ...anItem, data: { a: found } };
        expect(compileCondition(condition)(item)).toBe(holds(condition, item));
      }),
      { numRuns: 2_000 },
    );
  });

  it('looks for a pattern along the text once: one that a backtracking search would not end with', () => {
    const value = `${'a*'.repeat(127)}b`;
    const data = { message: 'a'.repeat(65_536) };
    expect(compileCondition({ field: '/message', op: 'like', value })({ ...anItem, data })).toBe(false);
  });

  it('never throws, whatever fits the schema, and whatever a record says', () => {
    const anything = fc.record({ ...allOfItem, data: fc.anything() }) as fc.Arbitrary<Item>;
    fc.assert(
      fc.property(conditions(2), anything, (condition, item) => {
        fc.pre(checkCondition(condition) === undefined);
        expect(typeof compileCondition(condition)(item)).toBe('boolean');
      }),
    );
  });

  it.each([
    [{ field: '/a', op: 'in', value: 'x' }, '/value'],
    [{ field: '/a', op: 'is', value: ['x'] }, '/value'],
    [{ field: '/a', op: 'like', value: 1 }, '/value'],
    [{ field: '/a', op: 'like', value: '*'.repeat(257) }, '/value'],
    [{ field: '/a', op: '<', value: true }, '/value'],
    [{ field: '/a', op: 'exists', value: 'yes' }, '/value'],
    [{ field: 'type', op: 'is', value: 7 }, '/value'],
    [{ field: 'recorded_at', op: 'is', value: '2026-03-01T00:00:00Z' }, '/value'],
    [{ field: 'recorded_at', op: '<', value: '2026-02-30T00:00:00Z' }, '/value'],
    [{ field: 'time_of_day', op: '<', value: '24:00' }, '/value'],
    [
      { any: [{ field: '/a', op: 'is', value: 1 }, { not: { field: '/a', op: 'in', value: 1 } }] },
      '/any/1/not/value',
    ],
  ])('is refused where a value does not go with its operator or field (%#)', (condition, pointer) => {
    expect(fitsSchema(condition).ok).toBe(true);
    expect(checkCondition(condition as LegitimacyCondition)?.pointer).toBe(pointer);
  });

  it('is refused where it is too deep, too long or too much', () => {
    const leaf = { field: '/a', op: 'is', value: 1 } as const;
    const nested = (depth: number): LegitimacyCondition => (depth === 0 ? leaf : { not: nested(depth - 1) });
    expect(fitsSchema(nested(3)).ok).toBe(true);
    expect(fitsSchema(nested(4)).ok).toBe(false);
    const several = (count: number): LegitimacyCondition => ({
      all: Array.from({ length: count }, () => leaf),
    });
    expect(checkCondition(several(MAX_CONDITIONS - 1))).toBeUndefined();
    expect(checkCondition({ any: [several(40), several(40)] })?.pointer).toBe('/any/1/all/21');
    for (const field of ['', 'data', '/~2', `/${'x'.repeat(129)}`, '/a'.repeat(9), 'toString'])
      expect(fitsSchema({ ...leaf, field }).ok).toBe(false);
  });
});

const allOfItem = {
  type: fc.constant('AlertRuleDefined'),
  stream: fc.constant('rule-rul_1'),
  metadata: fc.constant({
    ...{ actor: { kind: 'user', id: 'usr_1' }, origin: 'api', release: '1', instance_id: 'here' },
    recorded_at: 'no time at all',
  }),
};
const anItem: Item = {
  type: 'AlertRuleDefined',
  stream: 'rule-rul_1',
  metadata: {
    ...{ actor: { kind: 'user', id: 'usr_1' }, origin: 'api', release: '1', instance_id: 'here' },
    recorded_at: '2026-03-01T02:30:00.000Z',
  },
  data: {},
};
