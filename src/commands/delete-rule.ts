import { Type } from 'typebox';
import { deleteRule as remove } from '../domain/alerting/rule.js';
import { ruleStream } from '../domain/streams.js';
import { defineCommand, done } from './command.js';
import { PublicId, readId } from './public-id.js';
import { ruleSubject } from './subjects.js';

export const deleteRule = defineCommand({
  name: 'delete-rule',
  input: Type.Object({ rule_id: PublicId }, { additionalProperties: false }),
  needs: 'alerting:write',
  writes: 'domain',
  run: async ({ rule_id }, transaction, { expected_version }) => {
    const id = readId('rule', rule_id);
    if (!id.ok) return id;
    const deleted = await transaction.decide(ruleStream(id.value), ruleSubject, remove, { expected_version });
    return deleted.ok ? done({}) : deleted;
  },
});
