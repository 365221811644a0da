import type { AlertId, EventId, RuleId, TenantId } from '../../ids.js';
import type { ChunkHeader } from '../../telemetry/chunk-header.js';
import type { TelemetryChunk } from '../../telemetry/chunk.js';
import { boundaryAt } from './grid.js';
import type { Cause, NameAlert, Transition } from './transition.js';
import { RuleWatch, type OpenAlert, type RecordedAlert, type WatchedRule } from './watch.js';

/** Of every record that the evaluation takes in, in the log's order. */
export interface Taken {
  readonly tenant_id: TenantId;
  /** Epoch milliseconds. */
  readonly recorded_at: number;
  readonly cause: Cause;
}

/**
 * What was decided already, for an evaluation that starts again from the log's beginning. Every decision of a boundary
 * before `until` is in the log or was decided otherwise (on another grid, by an older release): it is not made again.
 */
export interface Decided {
  /** The latest boundary of which there is a decision; others of that boundary may be missing. */
  readonly until: number;
  /** The alerts that are open by those decisions, but for what people resolved before that boundary. */
  readonly open: readonly RecordedAlert[];
}

export interface EvaluationOptions {
  readonly grid_ms: number;
  readonly nameAlert: NameAlert;
}

/** An alert of a rule that is watched no more, to be resolved at the next boundary. */
export interface Orphan extends OpenAlert {
  readonly rule_id: RuleId;
}

/** Telemetry that was taken in before is counted once more, as it counted when it came. Nothing is decided by it. */
export interface Recount {
  count(taken: Taken, header: ChunkHeader, decode: () => TelemetryChunk | undefined): void;
  /** What holds now and did not is nothing to be told of: it was known before. */
  keepQuiet(): void;
}

export interface TenantWatches {
  readonly watches: Map<RuleId, RuleWatch>;
  orphans: Orphan[];
}

/**
 * Evaluates alert rules on the log's own order. Boundary T decides over everything that the log holds before the first
 * record stamped T or later; that record, or word that time has passed, brings the decision about. What comes out is
 * therefore a function of the log alone, however it is cut into batches and whenever it is read.
 */
export class AlertEvaluation {
  readonly tenants = new Map<TenantId, TenantWatches>();
  #time = 0;
  #boundary: number | undefined;

  /** `decided`: where the log was decided over before, by an evaluation whose state is lost. */
  constructor(
    readonly options: EvaluationOptions,
    private decided?: Decided,
  ) {}

  /** The last boundary that was decided. */
  get boundary(): number | undefined {
    return this.#boundary;
  }

  /** The latest stamp of the records taken in. */
  get time(): number {
    return this.#time;
  }

  /** The next boundary, where it may decide something although no record comes. */
  get due(): number | undefined {
    return this.#idle && !this.decided ? undefined : this.#nextBoundary;
  }

  /** How much is being watched. */
  get size(): { readonly rules: number; readonly groups: number } {
    const watches = [...this.tenants.values()].flatMap((tenant) => [...tenant.watches.values()]);
    return { rules: watches.length, groups: watches.reduce((sum, { groups }) => sum + groups.size, 0) };
  }

  /** True while it goes over what was decided before. */
  get catching_up(): boolean {
    return this.decided !== undefined;
  }

  /** Goes on where another evaluation with the same options was. */
  resume(time: number, boundary: number | undefined): void {
    this.#time = time;
    this.#boundary = boundary;
  }

  /** Decides every boundary up to a time, before which no record is still to come. */
  passed(time: number): readonly Transition[] {
    const { grid_ms } = this.options;
    const transitions: Transition[] = [];
    let boundary = this.#boundary ?? boundaryAt(time, grid_ms);
    while (boundary + grid_ms <= time) {
      const idle_until = this.#idle
        ? boundaryAt(Math.min(time, (this.decided?.until ?? Infinity) - 1), grid_ms)
        : 0;
      if (idle_until > boundary) boundary = idle_until;
      else {
        boundary += grid_ms;
        transitions.push(...this.#decide(boundary));
      }
    }
    this.#boundary = boundary;
    return transitions;
  }

  /** Takes telemetry in. It is only decoded where some rule may count some of it; what cannot be counts for nothing. */
  count(taken: Taken, header: ChunkHeader, decode: () => TelemetryChunk | undefined): readonly Transition[] {
    const transitions = this.#take(taken);
    const watches = this.#watches(taken.tenant_id);
    const interested = watches.filter(({ reach }) => header.max_time > this.#time - reach);
    const chunk = interested.length > 0 ? decode() : undefined;
    if (chunk)
      for (const watch of interested)
        watch.count(chunk, { time: this.#time, next_boundary: this.#nextBoundary, cause: taken.cause });
    return transitions;
  }

  /** Whether some of what a chunk held counts now, or was the last that did. */
  counts(tenant_id: TenantId, event_id: EventId, { max_time }: ChunkHeader): boolean {
    const boundary = this.#boundary ?? -Infinity;
    return this.#watches(tenant_id).some(
      (watch) => !watch.hasForgotten(max_time, boundary, this.options.grid_ms) || watch.isCausedBy(event_id),
    );
  }

  /** Whether nothing that was recorded up to a time counts any more. */
  hasForgotten(tenant_id: TenantId, recorded_at: number): boolean {
    const boundary = this.#boundary ?? -Infinity;
    return this.#watches(tenant_id).every((watch) =>
      watch.hasForgotten(recorded_at, boundary, this.options.grid_ms),
    );
  }

  /**
   * Forgets what was counted of a tenant's telemetry, which is to be counted again, as far as it may still count.
   * `cause`: why; alerts that end by it are caused by it.
   */
  beginRecount(tenant_id: TenantId, cause: Cause): Recount {
    const { grid_ms } = this.options;
    const watches = this.#watches(tenant_id);
    const boundary = this.#boundary ?? boundaryAt(this.#time, grid_ms);
    const raising = watches.map((watch) => watch.raising(boundary));
    for (const watch of watches) watch.forgetCounts(cause);
    return {
      count: ({ recorded_at: time, cause }, header, decode) => {
        const interested = watches.filter(
          ({ reach, since }) => since <= time && header.max_time > time - reach,
        );
        const chunk = interested.length > 0 ? decode() : undefined;
        const next_boundary = boundaryAt(time, grid_ms) + grid_ms;
        if (chunk) for (const watch of interested) watch.count(chunk, { time, next_boundary, cause });
      },
      keepQuiet: () => {
        for (const [i, watch] of watches.entries()) watch.keepQuiet(boundary, raising[i] ?? new Set());
      },
    };
  }

  /** Watches a rule from now on, or as it is from now on. Alerts end where what the rule counts is something else now. */
  watch(taken: Taken, rule: WatchedRule): readonly Transition[] {
    const transitions = this.#take(taken);
    const tenant = this.#tenant(taken.tenant_id);
    if (tenant.watches.get(rule.rule_id)?.change(rule)) return transitions;
    this.#abandon(tenant, rule.rule_id, taken.cause);
    const { grid_ms, nameAlert } = this.options;
    tenant.watches.set(rule.rule_id, new RuleWatch(rule, this.#time, taken.cause, grid_ms, nameAlert));
    return transitions;
  }

  /** Stops watching a rule; its open alerts are resolved at the next boundary. */
  unwatch(taken: Taken, rule_id: RuleId): readonly Transition[] {
    const transitions = this.#take(taken);
    this.#abandon(this.#tenant(taken.tenant_id), rule_id, taken.cause);
    return transitions;
  }

  /** Takes note that an alert was resolved by hand: there is no other until its condition has stopped holding once. */
  dismiss(taken: Taken, alert_id: AlertId): readonly Transition[] {
    const transitions = this.#take(taken);
    for (const watch of this.tenants.get(taken.tenant_id)?.watches.values() ?? [])
      if (watch.dismiss(alert_id)) break;
    return transitions;
  }

  #watches(tenant_id: TenantId): readonly RuleWatch[] {
    return [...(this.tenants.get(tenant_id)?.watches.values() ?? [])];
  }

  get #nextBoundary(): number {
    return (this.#boundary ?? boundaryAt(this.#time, this.options.grid_ms)) + this.options.grid_ms;
  }

  /** Whether no boundary decides anything until the next record. */
  get #idle(): boolean {
    for (const { watches, orphans } of this.tenants.values()) {
      if (orphans.length > 0) return false;
      for (const watch of watches.values()) if (!watch.settled) return false;
    }
    return true;
  }

  #take({ recorded_at }: Taken): readonly Transition[] {
    const transitions = this.passed(recorded_at);
    this.#time = Math.max(this.#time, recorded_at);
    return transitions;
  }

  #tenant(tenant_id: TenantId): TenantWatches {
    const known = this.tenants.get(tenant_id);
    if (known) return known;
    const made = { watches: new Map<RuleId, RuleWatch>(), orphans: [] };
    this.tenants.set(tenant_id, made);
    return made;
  }

  #abandon(tenant: TenantWatches, rule_id: RuleId, cause: Cause): void {
    const watch = tenant.watches.get(rule_id);
    if (!watch) return;
    for (const { alert_id } of watch.open()) tenant.orphans.push({ alert_id, rule_id, cause });
    tenant.watches.delete(rule_id);
  }

  #decide(boundary: number): readonly Transition[] {
    if (this.decided && boundary >= this.decided.until) {
      this.#believe(this.decided.open);
      this.decided = undefined;
    }
    const transitions: Transition[] = [];
    for (const [tenant_id, tenant] of this.tenants) {
      for (const orphan of tenant.orphans)
        transitions.push({ kind: 'resolved', tenant_id, evaluated_at: boundary, ...orphan });
      tenant.orphans = [];
      for (const watch of tenant.watches.values()) transitions.push(...watch.decide(boundary));
    }
    // What ends comes first, so that in the log, too, a group never has two open alerts.
    const ends = (transition: Transition): boolean => transition.kind === 'resolved';
    return this.decided
      ? []
      : [...transitions.filter(ends), ...transitions.filter((transition) => !ends(transition))];
  }

  /**
   * Takes the log's word for which alerts are open. Where the log was decided over by the same rules on the same grid
   * this changes nothing.
   */
  #believe(open: readonly RecordedAlert[]): void {
    const recorded = new Map(open.map((alert) => [alert.alert_id, alert]));
    for (const tenant of this.tenants.values()) {
      tenant.orphans = tenant.orphans.filter(({ alert_id }) => recorded.delete(alert_id));
      for (const watch of tenant.watches.values())
        for (const adopted of watch.believe(recorded.values())) recorded.delete(adopted);
    }
    for (const { tenant_id, rule_id, alert_id, cause } of recorded.values())
      this.#tenant(tenant_id).orphans.push({ rule_id, alert_id, cause });
  }
}
