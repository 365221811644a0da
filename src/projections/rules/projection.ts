import { ruleEventTypes, type RuleDefinition, type RuleEvent } from '../../domain/alerting/rule.js';
import type { RuleId } from '../../domain/ids.js';
import { readEvent } from '../../domain/stored-event.js';
import type { Document, IndexSpec } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';

/** An alert rule as it is now. */
export interface RuleDocument extends Document, RuleDefinition {
  /** Grows with every change; what `If-Match` is held against. */
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

interface RulePart {
  readonly event: RuleEvent;
  readonly version: number;
  readonly at: string;
}

export const byCreation: IndexSpec = { name: 'by_creation', fields: ['created_at'] };

const definitionOf = ({
  rule_id: _,
  ...definition
}: RuleDefinition & { readonly rule_id: RuleId }): RuleDefinition => definition;

/** The rules that there are: one that was deleted is gone. */
export const rules = defineProjection<RuleDocument, RulePart>({
  name: 'rules',
  version: 1,
  reads: ruleEventTypes,
  history: 'stream',
  indexes: [byCreation],
  parts: (recorded) => {
    const event = readEvent<RuleEvent>(ruleEventTypes, recorded);
    const { tenant_id: tenant, recorded_at: at } = recorded.metadata;
    if (!event || tenant === undefined) return [];
    return [{ tenant, id: event.data.rule_id, part: { event, version: recorded.revision + 1, at } }];
  },
  fold: (rule, { event, version, at }, { id, position }) => {
    if (event.type === 'AlertRuleDeleted') return undefined;
    return {
      ...definitionOf(event.data),
      id,
      position,
      version,
      created_at: rule?.created_at ?? at,
      updated_at: at,
    };
  },
});
