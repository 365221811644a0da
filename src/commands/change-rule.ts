import { Type } from 'typebox';
import { definitionOf, RuleDefinition, changeRule as change } from '../domain/alerting/rule.js';
import { ruleStream } from '../domain/streams.js';
import { defineCommand } from './command.js';
import { PublicId, readId } from './public-id.js';
import { ruleAnswer } from './rule-answer.js';
import { ruleSubject } from './subjects.js';

/** Replaces a rule's definition; also how a rule is enabled and disabled. */
export const changeRule = defineCommand({
  name: 'change-rule',
  input: Type.Object({ rule_id: PublicId, definition: RuleDefinition }, { additionalProperties: false }),
  needs: 'alerting:write',
  writes: 'domain',
  run: async ({ rule_id, definition }, transaction, { expected_version }) => {
    const id = readId('rule', rule_id);
    if (!id.ok) return id;
    const changed = await transaction.decide(
      ruleStream(id.value),
      ruleSubject,
      (rule) => change(rule, definitionOf(definition)),
      { expected_version },
    );
    return changed.ok ? ruleAnswer(changed.value) : changed;
  },
});
