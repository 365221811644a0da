import { Type } from 'typebox';
import { checkCondition } from '../domain/detection/legitimacy/condition.js';
import { LegitimacyWish, RuleName, setRule } from '../domain/detection/legitimacy/rules.js';
import { legitimacyStream } from '../domain/streams.js';
import { defineCommand, done, refused } from './command.js';
import { PublicId } from './public-id.js';
import { actingFor } from './quarantine/acting-for.js';
import { legitimacySubject } from './subjects.js';

/** Says by a rule which of a tenant's records are legitimate, or are not: a new one, or in place of one of that name. */
export const setLegitimacyRule = defineCommand({
  name: 'set-legitimacy-rule',
  input: Type.Object(
    { tenant_id: Type.Optional(PublicId), name: RuleName, rule: LegitimacyWish },
    { additionalProperties: false },
  ),
  needs: 'quarantine',
  writes: 'domain',
  run: async ({ tenant_id, name, rule }, transaction, context) => {
    const tenant = actingFor(tenant_id, context, transaction);
    if (!tenant.ok) return tenant;
    const error = checkCondition(rule.condition);
    if (error)
      return refused('invalid', 'invalid_input', 'The condition is not valid.', {
        errors: [{ pointer: `/condition${error.pointer}`, code: 'invalid_condition', detail: error.detail }],
      });
    const set = await transaction.decide(
      legitimacyStream(tenant.value),
      legitimacySubject,
      (rules) => setRule(rules, { name, ...rule }),
      { expected_version: context.expected_version },
    );
    return set.ok ? done({ name, ...rule, version: set.value.version }) : set;
  },
});
