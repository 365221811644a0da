import type { AlertEvent } from '../../domain/alerting/alert.js';
import { canonical } from '../../domain/canonical.js';
import {
  AlertEvaluation,
  type EvaluationOptions,
  type Recount,
  type Taken,
} from '../../domain/alerting/evaluation/evaluation.js';
import {
  restoreEvaluation,
  saveEvaluation,
  type SavedEvaluation,
} from '../../domain/alerting/evaluation/saved.js';
import type { NameAlert, Transition } from '../../domain/alerting/evaluation/transition.js';
import { ruleEventTypes, type RuleEvent } from '../../domain/alerting/rule.js';
import { publicId, type TenantId } from '../../domain/ids.js';
import { readEvent } from '../../domain/stored-event.js';
import { decodeChunk, type TelemetryChunk } from '../../domain/telemetry/chunk.js';
import { TELEMETRY_RECORDED, UnreadableChunk } from '../../domain/telemetry/stored-chunk.js';
import {
  readBook,
  RouteBook,
  routeBookDecider,
  routeEventTypes,
  writeBook,
  type RouteEvent,
  type WrittenBook,
} from '../../domain/telemetry/routes/book.js';
import type { Position, RecordedEvent } from '../../eventstore/event-store.js';
import { uuidFrom } from '../../platform/uuid.js';
import type { Amendment, Process, ProcessDetails, ReactionOutcome, Run } from '../process.js';
import { readDecided } from './decided.js';
import { recentChunks } from './recent-chunks.js';
import { alertOfStream } from './streams.js';

const iso = (time: number): string => new Date(time).toISOString();

/** An alert's id is a function of its rule, its group and the window that it began in. */
export const nameAlert: NameAlert = (rule_id, group, window_start, window_end) =>
  publicId('alert', uuidFrom(rule_id, canonical(group), iso(window_start), iso(window_end)));

/** Evaluates the rules of all tenants on the log's order; `record` puts a decision into the log, once. */
export const alertEvaluation = (
  grid_seconds: number,
  record: (transition: Transition) => Promise<ReactionOutcome>,
): Process<Transition> => {
  const options: EvaluationOptions = { grid_ms: grid_seconds * 1000, nameAlert };
  return {
    name: 'alert-evaluation',
    reads: [TELEMETRY_RECORDED, ...routeEventTypes, ...ruleEventTypes, 'AlertResolved'],
    begin: async (log) => new EvaluationRun(new AlertEvaluation(options, await readDecided(log))),
    resume: (state) => {
      const { routes, ...saved } = JSON.parse(Buffer.from(state).toString()) as SavedRun;
      // Saved before there were route books.
      if (!routes) return undefined;
      const evaluation = restoreEvaluation(saved, options);
      const books = routes.map(([tenant, book]) => [tenant, readBook(book)] as const);
      return evaluation && new EvaluationRun(evaluation, new Map(books));
    },
    steps: boundaries,
    react: record,
  };
};

/**
 * Boundary by boundary, so that the log never has a decision of one without all those before it; of each boundary
 * first what ends, then what begins.
 */
const boundaries = (transitions: readonly Transition[]): readonly (readonly Transition[])[] => {
  const steps: [Transition, ...Transition[]][] = [];
  for (const transition of transitions) {
    const last = steps.at(-1);
    if (last && sameStep(last[0], transition)) last.push(transition);
    else steps.push([transition]);
  }
  return steps;
};

const sameStep = (one: Transition, other: Transition): boolean =>
  one.evaluated_at === other.evaluated_at && (one.kind === 'resolved') === (other.kind === 'resolved');

interface SavedRun extends SavedEvaluation {
  readonly routes?: readonly (readonly [TenantId, WrittenBook])[];
}

/** The evaluation as the runner drives it: makes inputs of records. */
export class EvaluationRun implements Run<Transition> {
  #unreadable = 0;

  /** `books`: what each tenant's paths are shown as where the evaluation is. */
  constructor(
    private readonly evaluation: AlertEvaluation,
    private readonly books = new Map<TenantId, RouteBook>(),
  ) {}

  take(event: RecordedEvent): readonly Transition[] {
    const { tenant_id, recorded_at, correlation_id } = event.metadata;
    const time = Date.parse(recorded_at);
    if (tenant_id === undefined) return this.passed(time);
    const taken = { tenant_id, recorded_at: time, cause: { event_id: event.id, correlation_id } };
    if (event.type === TELEMETRY_RECORDED) return this.#count(taken, event);
    const route = readEvent<RouteEvent>(routeEventTypes, event);
    if (route) {
      this.books.set(tenant_id, routeBookDecider.evolve(this.#bookOf(tenant_id), route));
      return this.passed(time);
    }
    const rule = readEvent<RuleEvent>(ruleEventTypes, event);
    return rule ? this.#takeRule(taken, rule) : this.#takeResolution(taken, event);
  }

  async amend({ event, changed, log }: Amendment): Promise<readonly Transition[] | undefined> {
    const { tenant_id, correlation_id } = event.metadata;
    if (tenant_id === undefined || this.evaluation.catching_up) return undefined;
    let counts = false;
    let returned = false;
    for await (const { record, returns } of changed) {
      const { chunk } = record.metadata;
      if (record.type !== TELEMETRY_RECORDED || !chunk) return undefined;
      counts ||= this.evaluation.counts(tenant_id, record.id, chunk);
      returned ||= returns !== undefined;
    }
    if (!counts) return [];
    const recount = this.evaluation.beginRecount(tenant_id, { event_id: event.id, correlation_id });
    await this.#countAgain(tenant_id, recount, event.position, log);
    if (returned) recount.keepQuiet();
    return [];
  }

  passed(time: number): readonly Transition[] {
    return this.evaluation.passed(time);
  }

  due(): number | undefined {
    return this.evaluation.due;
  }

  save(): Uint8Array | undefined {
    // What the log says of the alerts is not in the state: it would have to be read again.
    if (this.evaluation.catching_up) return undefined;
    const routes = [...this.books].map(([tenant, book]) => [tenant, writeBook(book)] as const);
    return Buffer.from(JSON.stringify({ ...saveEvaluation(this.evaluation), routes } satisfies SavedRun));
  }

  describe(): ProcessDetails {
    const { boundary } = this.evaluation;
    return {
      ...this.evaluation.size,
      unreadable_chunks: this.#unreadable,
      ...(boundary !== undefined && { boundary: iso(boundary) }),
    };
  }

  #count(taken: Taken, event: RecordedEvent): readonly Transition[] {
    const { chunk: header } = event.metadata;
    return header
      ? this.evaluation.count(taken, header, () => this.#decode(event, this.#bookOf(taken.tenant_id)))
      : this.passed(taken.recorded_at);
  }

  /** Counts as much of a tenant's telemetry up to a position as may still count. */
  async #countAgain(
    tenant_id: TenantId,
    recount: Recount,
    upto: Position,
    log: Amendment['log'],
  ): Promise<void> {
    const stamp = ({ metadata }: RecordedEvent): number => Date.parse(metadata.recorded_at);
    const isOld = (chunk: RecordedEvent): boolean => this.evaluation.hasForgotten(tenant_id, stamp(chunk));
    let recorded_at = 0;
    for await (const { chunk, book } of recentChunks(log, tenant_id, upto, isOld)) {
      const { chunk: header, correlation_id } = chunk.metadata;
      recorded_at = Math.max(recorded_at, stamp(chunk));
      const taken = { tenant_id, recorded_at, cause: { event_id: chunk.id, correlation_id } };
      if (header) recount.count(taken, header, () => this.#decode(chunk, book));
    }
  }

  #bookOf(tenant: TenantId): RouteBook {
    return this.books.get(tenant) ?? RouteBook.EMPTY;
  }

  /** A chunk that cannot be read counts for nothing, now and in every replay; it is the log's verifier that complains. */
  #decode(event: RecordedEvent, book: RouteBook): TelemetryChunk | undefined {
    try {
      return decodeChunk(event, book);
    } catch (error) {
      if (!(error instanceof UnreadableChunk || error instanceof SyntaxError)) throw error;
      this.#unreadable += 1;
      return undefined;
    }
  }

  #takeRule(taken: Taken, rule: RuleEvent): readonly Transition[] {
    if (rule.type === 'AlertRuleDeleted' || !rule.data.enabled)
      return this.evaluation.unwatch(taken, rule.data.rule_id);
    const { rule_id, name, severity, condition, window_seconds, for_seconds, group_by = [] } = rule.data;
    return this.evaluation.watch(taken, {
      ...{ tenant_id: taken.tenant_id, rule_id, name, severity },
      ...{ condition, window_seconds, for_seconds, group_by },
    });
  }

  /** The evaluation knows its own decisions; what people resolve it learns here. */
  #takeResolution(taken: Taken, event: RecordedEvent): readonly Transition[] {
    const resolved = readEvent<Extract<AlertEvent, { type: 'AlertResolved' }>>(['AlertResolved'], event);
    return resolved && resolved.data.evaluated_at === undefined
      ? this.evaluation.dismiss(taken, alertOfStream(event.stream))
      : this.passed(taken.recorded_at);
  }
}
