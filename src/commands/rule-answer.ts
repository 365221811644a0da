import type { Rule } from '../domain/alerting/rule.js';
import { done, refused, type Loaded, type Step } from './command.js';

/** A rule as its owner is answered after defining or changing it. */
export const ruleAnswer = ({ state, version, created_at, updated_at }: Loaded<Rule>) => {
  if (state.state !== 'defined')
    return refused('not_found', 'rule_not_found', 'There is no such rule.') satisfies Step<never>;
  const { rule_id, ...definition } = state.definition;
  return done({ rule: { id: rule_id, ...definition, version, created_at, updated_at } });
};
