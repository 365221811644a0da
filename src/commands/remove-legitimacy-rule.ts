import { Type } from 'typebox';
import { removeRule, RuleName } from '../domain/detection/legitimacy/rules.js';
import { legitimacyStream } from '../domain/streams.js';
import { defineCommand, done } from './command.js';
import { PublicId } from './public-id.js';
import { actingFor } from './quarantine/acting-for.js';
import { legitimacySubject } from './subjects.js';

/** Removes one of the rules by which a tenant says what is legitimate. */
export const removeLegitimacyRule = defineCommand({
  name: 'remove-legitimacy-rule',
  input: Type.Object({ tenant_id: Type.Optional(PublicId), name: RuleName }, { additionalProperties: false }),
  needs: 'quarantine',
  writes: 'domain',
  run: async ({ tenant_id, name }, transaction, context) => {
    const tenant = actingFor(tenant_id, context, transaction);
    if (!tenant.ok) return tenant;
    const removed = await transaction.decide(
      legitimacyStream(tenant.value),
      legitimacySubject,
      (rules) => removeRule(rules, name),
      { expected_version: context.expected_version },
    );
    return removed.ok ? done({ name, version: removed.value.version }) : removed;
  },
});
