import type { AlertId, EventId, RuleId, TenantId } from '../../ids.js';
import type { GroupLabels, Metric, Operator, Severity } from '../rule.js';

/** The record that a decision reacts to: the last one that counted in its group, or the rule's own. */
export interface Cause {
  readonly event_id: EventId;
  readonly correlation_id: string;
}

interface Decided {
  readonly tenant_id: TenantId;
  readonly rule_id: RuleId;
  readonly alert_id: AlertId;
  /** The boundary, in epoch milliseconds. */
  readonly evaluated_at: number;
  readonly cause: Cause;
}

/** An alert begins: it waits for its rule's `for_seconds` to pass, or fires. */
export interface Raised extends Decided {
  readonly kind: 'pending' | 'fired';
  readonly rule_name: string;
  readonly severity: Severity;
  readonly group: GroupLabels;
  readonly metric: Metric;
  readonly operator: Operator;
  readonly threshold: number;
  readonly value: number;
  readonly window_seconds: number;
}

/** An alert ends: its condition stopped holding, or its rule is there no more. */
export interface Ended extends Decided {
  readonly kind: 'resolved';
  readonly value?: number;
}

/** What the evaluation decided about one alert at one boundary. */
export type Transition = Raised | Ended;

/**
 * Names an alert: the same rule, group and evaluation window that it began in give the same id, for ever. Both ends
 * count: after a rule's window was made longer, two windows may begin at the same time.
 */
export type NameAlert = (
  rule_id: RuleId,
  group: GroupLabels,
  window_start: number,
  window_end: number,
) => AlertId;
