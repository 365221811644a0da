import {
  alertEventTypes,
  type AlertEvent,
  type AlertFacts,
  type AlertState,
} from '../../domain/alerting/alert.js';
import type { TenantId } from '../../domain/ids.js';
import { readEvent } from '../../domain/stored-event.js';
import type { RecordedEvent } from '../../eventstore/event-store.js';
import type { Document } from '../../readstore/read-store.js';
import type { FoldContext } from '../projection.js';

/** Something that happened to an alert. */
interface AlertStep {
  readonly at: string;
  readonly what: 'pending' | 'fired' | 'acknowledged' | 'escalated' | 'resolved';
  readonly by: string;
  readonly note?: string;
}

/** An alert as it is now, and what happened to it. */
export interface AlertDocument
  extends
    Document,
    Pick<
      AlertFacts,
      | 'rule_id'
      | 'rule_name'
      | 'severity'
      | 'group'
      | 'metric'
      | 'operator'
      | 'value'
      | 'threshold'
      | 'window_seconds'
    > {
  readonly state: AlertState;
  /** When it began to be pending, or fired where it never was. */
  readonly started_at: string;
  readonly pending_since?: string;
  readonly fired_at?: string;
  readonly acknowledged_at?: string;
  readonly acknowledged_by?: string;
  readonly escalated_at?: string;
  readonly escalated_by?: string;
  readonly resolved_at?: string;
  readonly resolved_by?: string;
  /** The newest one. */
  readonly note?: string;
  /** The newest steps, the oldest first; all of them are in the alert's stream. */
  readonly history: readonly AlertStep[];
  readonly version: number;
}

/** An event of an alert's, with what its record says about it. */
export interface AlertPart {
  readonly alert_id: string;
  readonly event: AlertEvent;
  readonly version: number;
  readonly at: string;
}

const EVALUATION = 'evaluation';
const STEPS = 100;
const STREAM = 'alert-';

/** Reads an event as one of an alert's; undefined where it is none. Its stream says which alert's. */
export const alertPart = (
  recorded: RecordedEvent,
): { readonly tenant: TenantId; readonly part: AlertPart } | undefined => {
  const event = readEvent<AlertEvent>(alertEventTypes, recorded);
  const { tenant_id: tenant, recorded_at: at } = recorded.metadata;
  if (!event || tenant === undefined) return undefined;
  const alert_id = recorded.stream.slice(STREAM.length);
  return { tenant, part: { alert_id, event, version: recorded.revision + 1, at } };
};

/** The alert after an event. An alert begins by being pending or by firing. */
export const foldAlert = (
  alert: AlertDocument | undefined,
  { event, version, at }: AlertPart,
  { id, position }: FoldContext,
): AlertDocument => {
  if (event.type === 'AlertPending' || event.type === 'AlertFired') {
    const pending = event.type === 'AlertPending';
    return {
      ...alert,
      ...factsOf(event.data),
      id,
      position,
      version,
      state: pending ? 'pending' : 'firing',
      started_at: alert?.started_at ?? at,
      ...(pending ? { pending_since: at } : { fired_at: at }),
      history: withStep(alert, { at, what: pending ? 'pending' : 'fired', by: EVALUATION }),
    };
  }
  if (!alert) throw new Error('something happened to an alert that had not begun');
  const { by, note } = event.data;
  const noted = note === undefined ? {} : { note };
  const changed = { ...alert, ...noted, position, version };
  switch (event.type) {
    case 'AlertAcknowledged':
      return {
        ...changed,
        state: 'acknowledged',
        acknowledged_at: at,
        acknowledged_by: by,
        history: withStep(alert, { at, what: 'acknowledged', by, ...noted }),
      };
    case 'AlertEscalated':
      return {
        ...changed,
        state: 'escalated',
        escalated_at: at,
        escalated_by: by,
        history: withStep(alert, { at, what: 'escalated', by, ...noted }),
      };
    case 'AlertResolved':
      return {
        ...changed,
        state: 'resolved',
        resolved_at: at,
        resolved_by: by,
        ...(event.data.value !== undefined && { value: event.data.value }),
        history: withStep(alert, { at, what: 'resolved', by, ...noted }),
      };
  }
};

const factsOf = ({
  alert_id: _,
  evaluated_at: __,
  ...facts
}: AlertFacts): Omit<AlertFacts, 'alert_id' | 'evaluated_at'> => facts;

const withStep = (alert: AlertDocument | undefined, step: AlertStep): readonly AlertStep[] => [
  ...(alert?.history ?? []).slice(1 - STEPS),
  step,
];
