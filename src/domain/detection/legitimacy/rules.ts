import { Type, type Static } from 'typebox';
import { canonical } from '../../canonical.js';
import { accept, refuse, type Decider, type Decision } from '../../decider.js';
import { compileCondition, LegitimacyConditionSchema, type Item, type ItemTest } from './condition.js';

/** What a tenant says of records that a condition is true of. */
export const verdicts = ['legitimate', 'illegitimate'] as const;
export type Verdict = (typeof verdicts)[number];

/** Rules that a tenant may have at a time. */
export const MAX_RULES = 100;

export const RuleName = Type.String({
  pattern: '^[a-z0-9][a-z0-9_.-]{0,63}$',
  description: 'Names the rule, in reports too: it says why.',
});

/** A rule by which a tenant says what of its records is legitimate, and what is not. */
export const LegitimacyWish = Type.Object(
  {
    verdict: Type.Enum([...verdicts]),
    condition: LegitimacyConditionSchema,
    note: Type.Optional(Type.String({ maxLength: 2000, description: 'For people.' })),
  },
  { additionalProperties: false, title: 'LegitimacyRule' },
);

export type LegitimacyRule = Readonly<Static<typeof LegitimacyWish>> & { readonly name: string };

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export type LegitimacyEvent =
  | { readonly type: 'LegitimacyRuleDefined'; readonly data: LegitimacyRule }
  | { readonly type: 'LegitimacyRuleChanged'; readonly data: LegitimacyRule }
  | { readonly type: 'LegitimacyRuleRemoved'; readonly data: { readonly name: string } };

export const legitimacyEventTypes = [
  'LegitimacyRuleDefined',
  'LegitimacyRuleChanged',
  'LegitimacyRuleRemoved',
] as const;

/** A tenant's rules by their names. */
export type LegitimacyRules = ReadonlyMap<string, LegitimacyRule>;

export const legitimacyDecider: Decider<LegitimacyRules, LegitimacyEvent> = {
  initial: new Map(),
  evolve: (rules, { type, data }) => {
    const next = new Map(rules);
    if (type === 'LegitimacyRuleRemoved') next.delete(data.name);
    else next.set(data.name, data);
    return next;
  },
};

/** Defines a rule, or changes the one of that name. The same again changes nothing. */
export const setRule = (rules: LegitimacyRules, rule: LegitimacyRule): Decision<LegitimacyEvent> => {
  const known = rules.get(rule.name);
  if (known) {
    if (canonical(known) === canonical(rule)) return accept([]);
    return accept([{ type: 'LegitimacyRuleChanged', data: rule }]);
  }
  if (rules.size >= MAX_RULES)
    return refuse('too_many_rules', `There are ${MAX_RULES} rules, and not more are allowed.`);
  return accept([{ type: 'LegitimacyRuleDefined', data: rule }]);
};

/** Removes a rule; one that is not there cannot be. */
export const removeRule = (rules: LegitimacyRules, name: string): Decision<LegitimacyEvent> =>
  rules.has(name)
    ? accept([{ type: 'LegitimacyRuleRemoved', data: { name } }])
    : refuse('legitimacy_rule_not_found', 'There is no such rule.');

/** What a tenant's rules come to, and the names of those that say so, in their order. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly rules: readonly string[];
}

/** A tenant's rules, made ready to judge by. Where they contradict each other, the stricter ones hold. */
export class Legitimacy {
  readonly #tests: readonly (Pick<LegitimacyRule, 'name' | 'verdict'> & { readonly test: ItemTest })[];

  constructor(rules: LegitimacyRules) {
    this.#tests = [...rules.values()]
      .map(({ name, verdict, condition }) => ({ name, verdict, test: compileCondition(condition) }))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Whether there is no rule. */
  get isSilent(): boolean {
    return this.#tests.length === 0;
  }

  /** What the rules say of an item; undefined: nothing. */
  judge(item: Item): Judgement | undefined {
    const held = this.#tests.filter(({ test }) => test(item));
    const verdict = held.some((rule) => rule.verdict === 'illegitimate') ? 'illegitimate' : 'legitimate';
    const rules = held.filter((rule) => rule.verdict === verdict).map(({ name }) => name);
    return rules.length === 0 ? undefined : { verdict, rules };
  }
}

/** What is said of a record by what is said of each item in it, and which of the items are why. */
export interface RecordJudgement extends Judgement {
  readonly items: readonly number[];
}

/** A record is illegitimate where one of its items is, and legitimate only where all of them are. */
export const judgeTogether = (
  judgements: readonly (Judgement | undefined)[],
): RecordJudgement | undefined => {
  const of = (verdict: Verdict): readonly number[] =>
    judgements.flatMap((judgement, index) => (judgement?.verdict === verdict ? [index] : []));
  const bad = of('illegitimate');
  const items = bad.length > 0 ? bad : of('legitimate');
  if (items.length === 0 || (bad.length === 0 && items.length < judgements.length)) return undefined;
  const rules = [...new Set(items.flatMap((index) => judgements[index]?.rules ?? []))].sort();
  return { verdict: bad.length > 0 ? 'illegitimate' : 'legitimate', rules, items };
};
