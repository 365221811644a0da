import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { AlertId, RuleId } from '../ids.js';
import type { GroupLabels, Metric, Operator, Severity } from './rule.js';

/** What an alert is about, as it was when it began to be pending or fired. */
export interface AlertFacts {
  readonly alert_id: AlertId;
  readonly rule_id: RuleId;
  readonly rule_name: string;
  readonly severity: Severity;
  readonly group: GroupLabels;
  readonly metric: Metric;
  readonly operator: Operator;
  readonly value: number;
  readonly threshold: number;
  readonly window_seconds: number;
  /** The boundary of the evaluation, RFC 3339. */
  readonly evaluated_at: string;
}

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export type AlertEvent =
  | { readonly type: 'AlertPending'; readonly data: AlertFacts }
  | { readonly type: 'AlertFired'; readonly data: AlertFacts }
  | { readonly type: 'AlertAcknowledged'; readonly data: { readonly by: string; readonly note?: string } }
  | { readonly type: 'AlertEscalated'; readonly data: { readonly by: string; readonly note?: string } }
  | {
      readonly type: 'AlertResolved';
      readonly data: {
        /** An actor's id, or `evaluation` where the condition stopped holding. */
        readonly by: string;
        readonly note?: string;
        readonly value?: number;
        readonly evaluated_at?: string;
      };
    };

export const alertEventTypes = [
  'AlertPending',
  'AlertFired',
  'AlertAcknowledged',
  'AlertEscalated',
  'AlertResolved',
] as const;

/** Once escalated, an alert stays so until it is acknowledged or resolved. */
export type AlertState = 'pending' | 'firing' | 'acknowledged' | 'escalated' | 'resolved';

export type Alert = { readonly state: 'none' } | { readonly state: AlertState };

export const alertDecider: Decider<Alert, AlertEvent> = {
  initial: { state: 'none' },
  evolve: (_alert, event) => {
    switch (event.type) {
      case 'AlertPending':
        return { state: 'pending' };
      case 'AlertFired':
        return { state: 'firing' };
      case 'AlertAcknowledged':
        return { state: 'acknowledged' };
      case 'AlertEscalated':
        return { state: 'escalated' };
      case 'AlertResolved':
        return { state: 'resolved' };
    }
  },
};

const notFound = refuse('alert_not_found', 'There is no such alert.');
const alreadyResolved = refuse('alert_already_resolved', 'The alert is resolved already.');
const notFiring = refuse('alert_not_firing', 'The alert is pending: it has not fired yet.');

/** Acknowledges an alert that has fired. Twice is the same as once. */
export const acknowledge = (alert: Alert, by: string, note?: string): Decision<AlertEvent> => {
  switch (alert.state) {
    case 'none':
      return notFound;
    case 'pending':
      return notFiring;
    case 'resolved':
      return alreadyResolved;
    case 'acknowledged':
      return accept([]);
    case 'firing':
    case 'escalated':
      return accept([{ type: 'AlertAcknowledged', data: { by, ...(note !== undefined && { note }) } }]);
  }
};

/** Escalates an alert that has fired, acknowledged or not. Twice is the same as once. */
export const escalate = (alert: Alert, by: string, note?: string): Decision<AlertEvent> => {
  switch (alert.state) {
    case 'none':
      return notFound;
    case 'pending':
      return notFiring;
    case 'resolved':
      return alreadyResolved;
    case 'escalated':
      return accept([]);
    case 'firing':
    case 'acknowledged':
      return accept([{ type: 'AlertEscalated', data: { by, ...(note !== undefined && { note }) } }]);
  }
};

/** Resolves an alert by hand. Twice is the same as once. */
export const resolve = (alert: Alert, by: string, note?: string): Decision<AlertEvent> => {
  switch (alert.state) {
    case 'none':
      return notFound;
    case 'resolved':
      return accept([]);
    default:
      return accept([{ type: 'AlertResolved', data: { by, ...(note !== undefined && { note }) } }]);
  }
};

/** What the evaluation decided about an alert. */
export type AlertTransition = Extract<AlertEvent, { type: 'AlertPending' | 'AlertFired' | 'AlertResolved' }>;

/**
 * Records a decision of the evaluation. One that was recorded before, or that somebody's hand has overtaken, changes
 * nothing: an alert that was resolved stays resolved.
 */
export const takeTransition = (alert: Alert, transition: AlertTransition): Decision<AlertEvent> => {
  switch (transition.type) {
    case 'AlertPending':
      return accept(alert.state === 'none' ? [transition] : []);
    case 'AlertFired':
      return accept(alert.state === 'none' || alert.state === 'pending' ? [transition] : []);
    case 'AlertResolved':
      return accept(alert.state === 'none' || alert.state === 'resolved' ? [] : [transition]);
  }
};
