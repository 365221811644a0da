import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  changeRule,
  defineRule,
  definitionOf,
  deleteRule,
  metrics,
  operators,
  ruleDecider,
  RuleDefinition as RuleSchema,
  type Condition,
  type RuleDefinition,
} from '../../../src/domain/alerting/rule.js';
import type { RuleId } from '../../../src/domain/ids.js';
import { compile } from '../../../src/platform/validation.js';
import { given } from '../../support/given.js';

const rule_id = 'rul_1' as RuleId;
const definition: RuleDefinition = {
  name: 'Errors',
  severity: 'critical',
  enabled: true,
  condition: { metric: 'error_count', operator: '>', threshold: 10 },
  window_seconds: 60,
  for_seconds: 0,
};
const changed = { ...definition, enabled: false };
const defined = { type: 'AlertRuleDefined', data: { rule_id, ...definition } } as const;
const deleted = { type: 'AlertRuleDeleted', data: { rule_id } } as const;
const rule = given(ruleDecider);
const validate = compile(RuleSchema);

describe('an alert rule', () => {
  it('is defined once', () =>
    rule()
      .when((state) => defineRule(state, rule_id, definition))
      .then(defined));

  it('is changed as a whole', () =>
    rule(defined)
      .when((state) => changeRule(state, changed))
      .then({ type: 'AlertRuleChanged', data: { rule_id, ...changed } }));

  it('is not changed by the same definition in another order of fields', () =>
    rule(defined)
      .when((state) =>
        changeRule(state, Object.fromEntries(Object.entries(definition).reverse()) as RuleDefinition),
      )
      .thenNothing());

  it('is deleted once', () => rule(defined).when(deleteRule).then(deleted));

  it('can be neither changed nor deleted where it is not', () => {
    rule()
      .when((state) => changeRule(state, changed))
      .thenRefused('rule_not_found');
    rule().when(deleteRule).thenRefused('rule_not_found');
  });

  it('cannot be changed once it is deleted', () =>
    rule(defined, deleted)
      .when((state) => changeRule(state, changed))
      .thenRefused('rule_not_found'));

  it('is enabled and fires at once unless it says otherwise', () => {
    const { name, severity, condition, window_seconds } = definition;
    const least = { name, severity, condition, window_seconds };
    expect(validate(least).ok).toBe(true);
    expect(definitionOf(least)).toEqual(definition);
    expect(definitionOf({ ...least, enabled: false, for_seconds: 30 })).toMatchObject({
      enabled: false,
      for_seconds: 30,
    });
  });
});

describe('a condition', () => {
  const leaf = fc.record({
    metric: fc.constantFrom(...metrics),
    operator: fc.constantFrom(...operators),
    threshold: fc.double({ min: -1e15, max: 1e15, noNaN: true }),
  });
  const within = (depth: number): fc.Arbitrary<Condition> => {
    if (depth === 0) return leaf;
    const inner = within(depth - 1);
    const several = fc.array(inner, { minLength: 1, maxLength: 3 });
    return fc.oneof(
      leaf,
      several.map((all) => ({ all })),
      several.map((any) => ({ any })),
      inner.map((not) => ({ not })),
    );
  };

  it('may be made of conditions, three deep', () =>
    fc.assert(
      fc.property(within(3), (condition) => {
        expect(validate({ ...definition, condition })).toEqual({
          ok: true,
          value: { ...definition, condition },
        });
      }),
      { seed: 1, numRuns: 200 },
    ));

  it('may not be made of conditions any deeper', () => {
    const deep = { not: { not: { not: { not: definition.condition } } } };
    expect(validate({ ...definition, condition: deep }).ok).toBe(false);
  });

  it.each(['event', 'absent', 'change', 'anomaly', 'burn_rate'])(
    'of the kind %s is refused by name, not taken and forgotten',
    (kind) => {
      expect(validate({ ...definition, condition: { [kind]: {} } })).toEqual({
        ok: false,
        errors: [
          {
            pointer: `/condition/${kind}`,
            code: 'not_supported',
            detail: 'is not supported by this version',
          },
        ],
      });
      expect(validate({ ...definition, condition: { any: [{ [kind]: {} }] } })).toMatchObject({
        errors: expect.arrayContaining([
          expect.objectContaining({ pointer: `/condition/any/0/${kind}`, code: 'not_supported' }),
        ]),
      });
    },
  );

  it.each([
    ['an unknown metric', { metric: 'cpu', operator: '>', threshold: 1 }],
    ['an unknown operator', { metric: 'apdex', operator: '=>', threshold: 1 }],
    ['a threshold that is no number', { metric: 'apdex', operator: '>', threshold: '1' }],
    ['an unknown filter', { ...definition.condition, filter: { host: 'a' } }],
    ['nothing in it', {}],
    ['no conditions in it', { all: [] }],
    ['two kinds at once', { all: [definition.condition], any: [definition.condition] }],
  ])('with %s is refused', (_what, condition) => {
    expect(validate({ ...definition, condition }).ok).toBe(false);
  });
});
