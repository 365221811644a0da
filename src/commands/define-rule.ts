import { definitionOf, RuleDefinition, defineRule as define } from '../domain/alerting/rule.js';
import { ruleStream } from '../domain/streams.js';
import { defineCommand } from './command.js';
import { ruleAnswer } from './rule-answer.js';
import { ruleSubject } from './subjects.js';

export const defineRule = defineCommand({
  name: 'define-rule',
  input: RuleDefinition,
  needs: 'alerting:write',
  writes: 'domain',
  run: async (input, transaction) => {
    const rule_id = transaction.newId('rule');
    const defined = await transaction.decide(ruleStream(rule_id), ruleSubject, (rule) =>
      define(rule, rule_id, definitionOf(input)),
    );
    return defined.ok ? ruleAnswer(defined.value) : defined;
  },
});
