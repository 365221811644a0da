import {
  alertDecider,
  alertEventTypes,
  resolve,
  takeTransition,
  type Alert,
  type AlertEvent,
} from '../../src/domain/alerting/alert.js';
import type { Transition } from '../../src/domain/alerting/evaluation/transition.js';
import type { RuleEvent } from '../../src/domain/alerting/rule.js';
import type { AlertId } from '../../src/domain/ids.js';
import type { JsonObject } from '../../src/domain/json.js';
import { readEvent } from '../../src/domain/stored-event.js';
import { alertStream, routesStream, ruleStream } from '../../src/domain/streams.js';
import { telemetryStream } from '../../src/domain/telemetry/address.js';
import type { TelemetryEvent } from '../../src/domain/telemetry/event.js';
import type { RouteEvent } from '../../src/domain/telemetry/routes/book.js';
import type { EventMetadata, RecordedEvent } from '../../src/eventstore/event-store.js';
import { eventOf } from '../../src/processes/alert-evaluation/record-transition.js';
import { acme, at, chunkOf } from './alert-evaluation.js';
import { MemoryEventLog } from './memory-event-log.js';

/** A log with alerts in it, written to as the command pipeline would. */
export class AlertWorld {
  readonly log: MemoryEventLog;
  readonly #alerts = new Map<string, Alert>();
  now = at(0);

  /** How batches are cut is the test's to say. */
  constructor(batchSize: () => number = () => 1_000) {
    this.log = new MemoryEventLog(batchSize);
  }

  rule(event: RuleEvent): void {
    this.#append(ruleStream(event.data.rule_id), event.type, event.data as unknown as JsonObject);
  }

  routes(event: RouteEvent): void {
    this.#append(routesStream(acme), event.type, event.data as unknown as JsonObject);
  }

  telemetry(events: readonly TelemetryEvent[]): void {
    const { header, data } = chunkOf(events, this.now);
    // The log in memory takes whatever a record may hold.
    this.#append(telemetryStream(acme, '1', '20260101'), 'TelemetryRecorded', data as unknown as JsonObject, {
      chunk: header,
    });
  }

  /** Resolves an alert by hand; says whether it was open. */
  resolveByHand(alert_id: AlertId): boolean {
    const decision = resolve(this.alert(alert_id), 'usr_1');
    return decision.accepted && this.#record(alert_id, decision.events) > 0;
  }

  /** Records what the evaluation decided; how many events that made. */
  take(transition: Transition): number {
    const decision = takeTransition(this.alert(transition.alert_id), eventOf(transition));
    const { event_id, correlation_id } = transition.cause;
    const metadata = { causation_id: event_id, correlation_id };
    return decision.accepted ? this.#record(transition.alert_id, decision.events, metadata) : 0;
  }

  alert(alert_id: AlertId): Alert {
    return this.#alerts.get(alertStream(alert_id)) ?? alertDecider.initial;
  }

  get alertEvents(): readonly { readonly record: RecordedEvent; readonly event: AlertEvent }[] {
    return this.log.events.flatMap((record) => {
      const event = readEvent<AlertEvent>(alertEventTypes, record);
      return event ? [{ record, event }] : [];
    });
  }

  /** What the evaluation wrote, as one line for each record, in no particular order; causes by their number in a log. */
  written(log = this.log): readonly string[] {
    const causes = log.events.filter(({ type }) => !(alertEventTypes as readonly string[]).includes(type));
    const numbers = new Map<string, number>(causes.map(({ id }, number) => [id, number]));
    return this.alertEvents
      .filter(({ event }) => 'evaluated_at' in event.data)
      .map(
        ({ record, event }) =>
          `${record.stream} ${event.type} ${JSON.stringify(event.data)} ${String(numbers.get(record.metadata.causation_id))}`,
      )
      .sort();
  }

  get openAlerts(): readonly AlertId[] {
    return [...this.#alerts].flatMap(([stream, { state }]) =>
      state === 'none' || state === 'resolved'
        ? []
        : [stream.slice(alertStream('' as AlertId).length) as AlertId],
    );
  }

  #record(alert_id: AlertId, events: readonly AlertEvent[], metadata: Partial<EventMetadata> = {}): number {
    for (const event of events) {
      this.#append(alertStream(alert_id), event.type, event.data as unknown as JsonObject, metadata);
      this.#alerts.set(alertStream(alert_id), alertDecider.evolve(this.alert(alert_id), event));
    }
    return events.length;
  }

  #append(stream: string, type: string, data: JsonObject, metadata: Partial<EventMetadata> = {}): void {
    this.log.append(acme, stream, type, data, { recorded_at: new Date(this.now).toISOString(), ...metadata });
  }
}
