import { cutIn, cutsOf, erasureEventTypes, type ErasureEvent } from '../../domain/erasure/erasure.js';
import { joinCuts, type Removal } from '../../domain/erasure/cut.js';
import type { EventId, TenantId } from '../../domain/ids.js';
import {
  nextDay,
  retiredBefore,
  retirementEventTypes,
  retirementIn,
  type RetentionDays,
} from '../../domain/retention/retention.js';
import { joinRanges } from '../../domain/revision-ranges.js';
import { readEvent } from '../../domain/stored-event.js';
import type { TenantEvent } from '../../domain/tenancy/tenant.js';
import type { Position, RecordedEvent } from '../../eventstore/event-store.js';
import type { DueCompletion, DueErasure } from '../erasure/erase-telemetry.js';
import type { Process, ProcessDetails, ReactionOutcome, Run } from '../process.js';

/** A tenant's telemetry from before a time is to be retired, because of the record that says how long it is kept. */
export interface DueRetirement {
  readonly kind: 'retire';
  readonly tenant_id: TenantId;
  readonly days: number;
  /** Epoch milliseconds, a midnight in UTC. */
  readonly before: number;
  readonly cause: { readonly event_id: EventId; readonly correlation_id: string };
}

/** Records were retired, or events cut out of them: that is to be taken out of the log's files. */
export interface DueDropping extends Removal {
  readonly kind: 'drop';
  /** Of the newest record that says so. */
  readonly through: Position;
}

export type RetentionReaction = DueRetirement | DueDropping | DueErasure | DueCompletion;

/** How reactions are carried out. `signal` aborts where the process is to end. */
export interface RetentionWork {
  retire(due: DueRetirement, signal: AbortSignal): Promise<ReactionOutcome>;
  drop(due: DueDropping, signal: AbortSignal): Promise<ReactionOutcome>;
  erase(due: DueErasure, signal: AbortSignal): Promise<ReactionOutcome>;
  complete(due: DueCompletion): Promise<ReactionOutcome>;
}

type RetentionSet = Extract<TenantEvent, { type: 'TenantRetentionSet' }>;

/** A tenant that keeps its telemetry for so many days. */
interface Rule {
  readonly tenant_id: TenantId;
  readonly days: number;
  readonly cause: DueRetirement['cause'];
  /** Epoch milliseconds: when there may be a day more to retire. */
  readonly due: number;
}

/** Raised when states of before cannot be gone on with. */
const VERSION = 1;

/**
 * Retires telemetry that is older than its tenant keeps it, and drops from the files what was retired. The first is
 * decided when the rule is recorded and at each midnight in UTC, and recorded; the second follows from that record.
 * So it is where somebody asked for a person's telemetry to be erased: what is cut out of which chunks is recorded, and
 * the files follow. One process does both: what its newest record says of files holds of all that was said before.
 */
export const retention = (work: RetentionWork): Process<RetentionReaction> => ({
  name: 'retention',
  reads: ['TenantRetentionSet', ...retirementEventTypes, ...erasureEventTypes],
  begin: () => Promise.resolve(new RetentionRun()),
  resume: (state) => RetentionRun.resume(JSON.parse(Buffer.from(state).toString()) as SavedRetention),
  steps: (reactions) => merged(reactions).map((reaction) => [reaction]),
  react: (reaction, signal) => {
    switch (reaction.kind) {
      case 'retire':
        return work.retire(reaction, signal);
      case 'drop':
        return work.drop(reaction, signal);
      case 'erase':
        return work.erase(reaction, signal);
      case 'complete':
        return work.complete(reaction);
    }
  },
});

/**
 * What is to be taken out of files, all at once after what is to be decided: a file that holds some of each is written
 * once. An erasure is completed after that.
 */
const merged = (reactions: readonly RetentionReaction[]): readonly RetentionReaction[] => {
  const drops = reactions.filter((reaction) => reaction.kind === 'drop');
  const last = drops.at(-1);
  const decisions = reactions.filter(({ kind }) => kind === 'retire' || kind === 'erase');
  const completions = reactions.filter(({ kind }) => kind === 'complete');
  if (!last) return [...decisions, ...completions];
  const records = joinRanges(drops.map((drop) => drop.records));
  const cuts = joinCuts(drops.map((drop) => drop.cuts));
  return [...decisions, { ...last, records, cuts }, ...completions];
};

interface SavedRetention {
  readonly version: number;
  readonly rules: readonly Rule[];
}

class RetentionRun implements Run<RetentionReaction> {
  readonly #rules = new Map<TenantId, Rule>();

  static resume({ version, rules }: SavedRetention): RetentionRun | undefined {
    if (version !== VERSION) return undefined;
    const run = new RetentionRun();
    for (const rule of rules) run.#rules.set(rule.tenant_id, rule);
    return run;
  }

  take(event: RecordedEvent): readonly RetentionReaction[] {
    const retired = retirementIn(event);
    if (retired) return [{ kind: 'drop', records: retired.records, cuts: {}, through: event.position }];
    const cut = cutIn(event);
    if (cut) return [{ kind: 'drop', records: {}, cuts: cutsOf(cut), through: event.position }];
    const set = readEvent<RetentionSet>(['TenantRetentionSet'], event);
    const { tenant_id } = event.metadata;
    if (set && tenant_id !== undefined) this.#set(tenant_id, set.data.days, event);
    return tenant_id === undefined ? [] : erasing(tenant_id, event);
  }

  #set(tenant_id: TenantId, days: RetentionDays, event: RecordedEvent): void {
    if (days === null) {
      this.#rules.delete(tenant_id);
      return;
    }
    const { correlation_id, recorded_at } = event.metadata;
    const cause = { event_id: event.id, correlation_id };
    this.#rules.set(tenant_id, { tenant_id, days, cause, due: Date.parse(recorded_at) });
  }

  passed(time: number): readonly RetentionReaction[] {
    return [...this.#rules.values()]
      .filter(({ due }) => due <= time)
      .map((rule) => {
        this.#rules.set(rule.tenant_id, { ...rule, due: nextDay(time) });
        const { tenant_id, days, cause } = rule;
        return { kind: 'retire', tenant_id, days, before: retiredBefore(days, time), cause };
      });
  }

  due(): number | undefined {
    const dues = [...this.#rules.values()].map(({ due }) => due);
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  save(): Uint8Array {
    const saved: SavedRetention = { version: VERSION, rules: [...this.#rules.values()] };
    return Buffer.from(JSON.stringify(saved));
  }

  describe(): ProcessDetails {
    const due = this.due();
    return { tenants: this.#rules.size, ...(due !== undefined && { next: new Date(due).toISOString() }) };
  }
}

/** What follows where an erasure was asked for, and where all that it means was found. */
const erasing = (tenant_id: TenantId, event: RecordedEvent): readonly RetentionReaction[] => {
  const said = readEvent<ErasureEvent>(erasureEventTypes, event);
  const { id: event_id, position, metadata } = event;
  const cause = { event_id, correlation_id: metadata.correlation_id };
  switch (said?.type) {
    case 'TelemetryErasureRequested': {
      const { erasure_id, field, subject_hash } = said.data;
      return [{ kind: 'erase', tenant_id, erasure_id, field, subject_hash, until: position, cause }];
    }
    case 'TelemetryErasureFound':
      return [{ kind: 'complete', tenant_id, erasure_id: said.data.erasure_id, cause }];
    default:
      return [];
  }
};
