import type { AlertEvent } from '../../domain/alerting/alert.js';
import type { Decided } from '../../domain/alerting/evaluation/evaluation.js';
import type { RecordedAlert } from '../../domain/alerting/evaluation/watch.js';
import type { AlertId, EventId } from '../../domain/ids.js';
import { readEvent } from '../../domain/stored-event.js';
import { START, type EventLog, type RecordedEvent } from '../../eventstore/event-store.js';
import { alertOfStream } from './streams.js';

type Fact = Extract<AlertEvent, { type: 'AlertPending' | 'AlertFired' | 'AlertResolved' }>;
const factTypes: readonly Fact['type'][] = ['AlertPending', 'AlertFired', 'AlertResolved'];

interface Dated {
  /** When it counts: the boundary of a decision, the time of recording of what somebody did. */
  readonly time: number;
  readonly fact: Fact;
  readonly event: RecordedEvent;
}

/**
 * Reads out of the log what an evaluation decided whose state is lost. Decisions are recorded boundary by boundary, so
 * every one before the latest boundary is there. Of the latest some may be missing: it is decided again, over the
 * alerts that were open before it. Undefined where nothing was ever decided.
 */
export const readDecided = async (log: EventLog): Promise<Decided | undefined> => {
  const open = new Map<AlertId, RecordedAlert>();
  let until: number | undefined;
  let held: Dated[] = [];
  for await (const { events } of log.readAll(START, { types: factTypes }))
    for (const event of events) {
      const fact = readEvent<Fact>(factTypes, event);
      if (!fact) continue;
      const { evaluated_at } = fact.data;
      const time = Date.parse(evaluated_at ?? event.metadata.recorded_at);
      if (evaluated_at !== undefined && time > (until ?? -Infinity)) until = time;
      const before = until ?? Infinity;
      held.push({ time, fact, event });
      for (const dated of held) if (dated.time < before) apply(open, dated);
      held = held.filter((dated) => dated.time >= before);
    }
  return until === undefined ? undefined : { until, open: [...open.values()] };
};

const apply = (open: Map<AlertId, RecordedAlert>, { time, fact, event }: Dated): void => {
  const alert_id = alertOfStream(event.stream);
  const { tenant_id, correlation_id, causation_id } = event.metadata;
  if (fact.type === 'AlertResolved') open.delete(alert_id);
  else if (tenant_id !== undefined)
    open.set(alert_id, {
      ...{ tenant_id, rule_id: fact.data.rule_id, group: fact.data.group, alert_id },
      status: fact.type === 'AlertPending' ? 'pending' : 'firing',
      opened: open.get(alert_id)?.opened ?? time,
      cause: { event_id: causation_id as EventId, correlation_id },
    });
};
