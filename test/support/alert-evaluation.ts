import {
  AlertEvaluation,
  type Decided,
  type Taken,
} from '../../src/domain/alerting/evaluation/evaluation.js';
import type { Transition } from '../../src/domain/alerting/evaluation/transition.js';
import type { WatchedRule } from '../../src/domain/alerting/evaluation/watch.js';
import type { AlertId, EventId, RuleId, TenantId } from '../../src/domain/ids.js';
import type { ChunkHeader } from '../../src/domain/telemetry/chunk-header.js';
import { decodeChunk, type TelemetryChunk } from '../../src/domain/telemetry/chunk.js';
import { RouteBook } from '../../src/domain/telemetry/routes/book.js';
import type { TelemetryEvent } from '../../src/domain/telemetry/event.js';
import { nameAlert } from '../../src/processes/alert-evaluation/alert-evaluation.js';

export const acme = 'ten_00000000000040008000000000000001' as TenantId;
export const ruleId = 'rul_00000000000040008000000000000001' as RuleId;
/** A boundary of every grid that tests use; seconds in tests count from here. */
export const EPOCH = Date.UTC(2026, 0, 1);
export const at = (seconds: number): number => EPOCH + seconds * 1000;

/** More than 5 errors in a minute, unless said otherwise. */
export const aRule = (changes: Partial<WatchedRule> = {}): WatchedRule => ({
  tenant_id: acme,
  rule_id: ruleId,
  name: 'Too many errors',
  severity: 'critical',
  condition: { metric: 'error_count', operator: '>', threshold: 5 },
  window_seconds: 60,
  for_seconds: 0,
  group_by: [],
  ...changes,
});

export const ok = (more: Partial<TelemetryEvent> = {}): TelemetryEvent => ({
  type: 'api_call',
  status_code: 200,
  ...more,
});
export const failed = (more: Partial<TelemetryEvent> = {}): TelemetryEvent =>
  ok({ status_code: 500, ...more });
export const times = <T>(count: number, event: T): readonly T[] => Array.from({ length: count }, () => event);

/** A chunk as ingest makes one. */
export const chunkOf = (
  events: readonly TelemetryEvent[],
  received_at: number,
): { readonly header: ChunkHeader; readonly chunk: TelemetryChunk; readonly data: Uint8Array } => {
  const own = events.map(({ timestamp }) => (typeof timestamp === 'number' ? timestamp : received_at));
  const header: ChunkHeader = {
    codec: 'ndjson',
    count: events.length,
    min_time: Math.min(...own),
    max_time: Math.max(...own),
    received_at,
    producer: 'test',
    first_sequence: 0,
  };
  const data = Buffer.from(events.map((event) => JSON.stringify(event)).join('\n'));
  const id = '00000000-0000-7000-8000-000000000000' as EventId;
  const chunk = decodeChunk({ id, data, metadata: { chunk: header } }, RouteBook.EMPTY);
  return { header, chunk, data };
};

/** An evaluation with what it decided so far, told by seconds. */
export class Evaluating {
  readonly evaluation: AlertEvaluation;
  readonly decided: Transition[] = [];
  #records = 0;

  constructor(grid_seconds = 5, decided?: Decided) {
    this.evaluation = new AlertEvaluation({ grid_ms: grid_seconds * 1000, nameAlert }, decided);
  }

  watching(seconds: number, rule: WatchedRule = aRule()): this {
    return this.#add(this.evaluation.watch(this.#record(seconds), rule));
  }

  unwatching(seconds: number, rule_id: RuleId = ruleId): this {
    return this.#add(this.evaluation.unwatch(this.#record(seconds), rule_id));
  }

  receiving(seconds: number, events: readonly TelemetryEvent[]): this {
    const { header, chunk } = chunkOf(events, at(seconds));
    return this.#add(this.evaluation.count(this.#record(seconds), header, () => chunk));
  }

  dismissing(seconds: number, alert_id: AlertId | undefined = this.decided.at(-1)?.alert_id): this {
    if (alert_id === undefined) throw new Error('there is no alert to resolve');
    return this.#add(this.evaluation.dismiss(this.#record(seconds), alert_id));
  }

  passing(seconds: number): this {
    return this.#add(this.evaluation.passed(at(seconds)));
  }

  /** `fired@10 1` and the like: what, at which second, for which group. */
  get story(): readonly string[] {
    return this.decided.map(({ kind, evaluated_at, ...transition }) => {
      const group = 'group' in transition ? Object.values(transition.group).join('/') : '';
      return `${kind}@${String((evaluated_at - EPOCH) / 1000)}${group === '' ? '' : ` ${group}`}`;
    });
  }

  #record(seconds: number): Taken {
    this.#records += 1;
    const event_id = `record-${String(this.#records)}` as EventId;
    return { tenant_id: acme, recorded_at: at(seconds), cause: { event_id, correlation_id: event_id } };
  }

  #add(transitions: readonly Transition[]): this {
    this.decided.push(...transitions);
    return this;
  }
}
