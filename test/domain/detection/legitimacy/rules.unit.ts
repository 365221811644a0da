import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Item } from '../../../../src/domain/detection/legitimacy/condition.js';
import {
  judgeTogether,
  Legitimacy,
  legitimacyDecider,
  MAX_RULES,
  removeRule,
  setRule,
  type Judgement,
  type LegitimacyRule,
  type LegitimacyRules,
} from '../../../../src/domain/detection/legitimacy/rules.js';
import { declared, scoreOf } from '../../../../src/domain/detection/reason.js';

const rule = (name: string, verdict: LegitimacyRule['verdict'], value: string | number): LegitimacyRule => ({
  ...{ name, verdict },
  condition: { field: '/a', op: 'is', value },
});
const item = (a: unknown): Item => ({
  ...{ type: 'x', stream: 'y' },
  metadata: {
    ...{ actor: { kind: 'user', id: 'usr_1' }, origin: 'api', release: '1', instance_id: 'here' },
    recorded_at: '2026-03-01T02:30:00.000Z',
  },
  data: { a },
});

type Act = { readonly set: LegitimacyRule } | { readonly remove: string };
const acts: fc.Arbitrary<readonly Act[]> = fc.array(
  fc.oneof(
    fc
      .tuple(
        fc.constantFrom('a', 'b', 'c'),
        fc.constantFrom('legitimate', 'illegitimate'),
        fc.integer({ max: 2, min: 0 }),
      )
      .map(([name, verdict, value]) => ({ set: rule(name, verdict as 'legitimate', value) })),
    fc.constantFrom('a', 'b', 'c').map((remove) => ({ remove })),
  ),
);

describe('a tenant’s rules', () => {
  it('are those that were set last and not removed; what changes nothing is no event', () => {
    fc.assert(
      fc.property(acts, (all) => {
        let rules: LegitimacyRules = legitimacyDecider.initial;
        const model = new Map<string, LegitimacyRule>();
        for (const act of all) {
          const decision = 'set' in act ? setRule(rules, act.set) : removeRule(rules, act.remove);
          if (!('set' in act)) expect(decision.accepted).toBe(model.delete(act.remove));
          else {
            const same = JSON.stringify(model.get(act.set.name)) === JSON.stringify(act.set);
            expect(decision.accepted && decision.events.length).toBe(same ? 0 : 1);
            model.set(act.set.name, act.set);
          }
          const before = new Map(rules);
          const next = decision.accepted ? decision.events.reduce(legitimacyDecider.evolve, rules) : rules;
          expect(rules).toEqual(before);
          rules = next;
          expect(new Map(rules)).toEqual(model);
        }
      }),
    );
  });

  it('are bounded in number; those that there are can still be changed', () => {
    let rules: LegitimacyRules = legitimacyDecider.initial;
    for (let n = 0; n < MAX_RULES; n += 1) {
      const decision = setRule(rules, rule(`r${n}`, 'legitimate', n));
      if (decision.accepted) rules = decision.events.reduce(legitimacyDecider.evolve, rules);
    }
    expect(setRule(rules, rule('more', 'legitimate', 1))).toMatchObject({
      refusal: { code: 'too_many_rules' },
    });
    expect(setRule(rules, rule('r1', 'illegitimate', 1))).toMatchObject({ accepted: true });
  });

  it('name the rules that say so, and the stricter ones where they contradict each other', () => {
    const judge = (...rules: readonly LegitimacyRule[]) =>
      new Legitimacy(new Map(rules.map((one) => [one.name, one]))).judge(item(1));
    expect(judge()).toBeUndefined();
    expect(judge(rule('a', 'legitimate', 2))).toBeUndefined();
    expect(judge(rule('b', 'legitimate', 1), rule('a', 'legitimate', 1))).toEqual({
      ...{ verdict: 'legitimate', rules: ['a', 'b'] },
    });
    expect(judge(rule('a', 'legitimate', 1), rule('b', 'illegitimate', 1))).toEqual({
      ...{ verdict: 'illegitimate', rules: ['b'] },
    });
  });
});

describe('what is said of a record by what is said of its events', () => {
  it('is illegitimate where one is, legitimate where all are, and nothing otherwise', () => {
    const judgements = fc.array(
      fc.constantFrom<Judgement | undefined>(
        undefined,
        { verdict: 'legitimate', rules: ['good'] },
        { verdict: 'illegitimate', rules: ['bad'] },
      ),
    );
    fc.assert(
      fc.property(judgements, (all) => {
        const bad = all.flatMap((one, index) => (one?.verdict === 'illegitimate' ? [index] : []));
        const found = judgeTogether(all);
        if (bad.length > 0) expect(found).toEqual({ verdict: 'illegitimate', rules: ['bad'], items: bad });
        else if (all.length > 0 && all.every((one) => one !== undefined))
          expect(found).toMatchObject({ verdict: 'legitimate', rules: ['good'] });
        else expect(found).toBeUndefined();
      }),
    );
  });
});

describe('the score of what a rule judged', () => {
  const by = (verdict: Judgement['verdict']) => declared({ verdict, rules: ['mine'] });
  it('is lower where the rule declares it legitimate, and still not nothing', () => {
    const proof = { code: 'no_client_command', detail: '' } as const;
    expect(scoreOf([proof])).toBe(1);
    expect(scoreOf([proof, by('legitimate')])).toBe(0.25);
    expect(by('legitimate').detail).toContain('mine');
  });

  it('is that of proof where the rule declares it illegitimate', () => {
    expect(scoreOf([by('illegitimate')])).toBe(1);
  });
});
