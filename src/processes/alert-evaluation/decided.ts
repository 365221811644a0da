import type { AlertEvent } from '../../domain/alerting/alert.js';
import type { Decided } from '../../domain/alerting/evaluation/evaluation.js';
import type { RecordedAlert } from '../../domain/alerting/evaluation/watch.js';
import type { AlertId, EventId } from '../../domain/ids.js';
import {
  nextDay,
  retirementEventTypes,
  retirementIn,
  type RetiredTelemetry,
} from '../../domain/retention/retention.js';
import { readEvent } from '../../domain/stored-event.js';
import { START, type EventLog, type RecordedEvent } from '../../eventstore/event-store.js';
import { alertOfStream } from './streams.js';

type Fact = Extract<AlertEvent, { type: 'AlertPending' | 'AlertFired' | 'AlertResolved' }>;
const factTypes: readonly Fact['type'][] = ['AlertPending', 'AlertFired', 'AlertResolved'];

/**
 * Reads out of the log what an evaluation decided whose state is lost. Decisions are recorded boundary by boundary, so
 * every one before the latest boundary is there, and of the latest those that are there hold. What somebody resolved by
 * hand at or after that boundary is still to be taken in. Undefined where nothing was ever decided.
 *
 * Of telemetry that was retired since nothing can be counted any more; what it came to was decided while it was there.
 */
export const readDecided = async (log: Pick<EventLog, 'readAll'>): Promise<Decided | undefined> => {
  const open = new Map<AlertId, RecordedAlert>();
  const by_hand = new Map<AlertId, number>();
  let until: number | undefined;
  for await (const { events } of log.readAll(START, { types: [...factTypes, ...retirementEventTypes] }))
    for (const event of events) {
      const retired = retirementIn(event);
      if (retired) {
        const end = decidedUpTo(retired, Date.parse(event.metadata.recorded_at));
        until = Math.max(until ?? end, end);
        continue;
      }
      const fact = readEvent<Fact>(factTypes, event);
      const alert_id = alertOfStream(event.stream);
      if (fact?.data.evaluated_at === undefined)
        by_hand.set(alert_id, Date.parse(event.metadata.recorded_at));
      else {
        const boundary = Date.parse(fact.data.evaluated_at);
        until = Math.max(until ?? boundary, boundary);
        apply(open, fact, boundary, event);
      }
    }
  if (until === undefined) return undefined;
  for (const [alert_id, time] of by_hand) if (time < until) open.delete(alert_id);
  return { until, open: [...open.values()] };
};

/** The end of the last day on which something was recorded that is retired, or when it was retired. */
const decidedUpTo = ({ recorded_on }: RetiredTelemetry, retired_at: number): number =>
  Math.min(retired_at, ...recorded_on.slice(-1).map((day) => nextDay(Date.parse(day))));

const apply = (
  open: Map<AlertId, RecordedAlert>,
  fact: Fact,
  boundary: number,
  event: RecordedEvent,
): void => {
  const alert_id = alertOfStream(event.stream);
  const { tenant_id, correlation_id, causation_id } = event.metadata;
  if (fact.type === 'AlertResolved') open.delete(alert_id);
  else if (tenant_id !== undefined)
    open.set(alert_id, {
      ...{ tenant_id, rule_id: fact.data.rule_id, group: fact.data.group, alert_id },
      status: fact.type === 'AlertPending' ? 'pending' : 'firing',
      opened: open.get(alert_id)?.opened ?? boundary,
      cause: { event_id: causation_id as EventId, correlation_id },
    });
};
