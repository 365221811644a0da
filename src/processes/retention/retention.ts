import type { EventId, TenantId } from '../../domain/ids.js';
import {
  nextDay,
  retiredBefore,
  retirementEventTypes,
  retirementIn,
  type RetentionDays,
} from '../../domain/retention/retention.js';
import { joinRanges, type RevisionRanges } from '../../domain/revision-ranges.js';
import { readEvent } from '../../domain/stored-event.js';
import type { TenantEvent } from '../../domain/tenancy/tenant.js';
import type { Position, RecordedEvent } from '../../eventstore/event-store.js';
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

/** Records were retired: their content is to be dropped from the log's files. */
export interface DueDropping {
  readonly kind: 'drop';
  readonly records: RevisionRanges;
  /** Of the newest record that says so. */
  readonly through: Position;
}

export type RetentionReaction = DueRetirement | DueDropping;

/** How reactions are carried out. `signal` aborts where the process is to end. */
export interface RetentionWork {
  retire(due: DueRetirement, signal: AbortSignal): Promise<ReactionOutcome>;
  drop(due: DueDropping, signal: AbortSignal): Promise<ReactionOutcome>;
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
 */
export const retention = (work: RetentionWork): Process<RetentionReaction> => ({
  name: 'retention',
  reads: ['TenantRetentionSet', ...retirementEventTypes],
  begin: () => Promise.resolve(new RetentionRun()),
  resume: (state) => RetentionRun.resume(JSON.parse(Buffer.from(state).toString()) as SavedRetention),
  steps: (reactions) => merged(reactions).map((reaction) => [reaction]),
  react: (reaction, signal) =>
    reaction.kind === 'retire' ? work.retire(reaction, signal) : work.drop(reaction, signal),
});

/** What is to be dropped, all at once after what is to be retired: a file that holds some of each is written once. */
const merged = (reactions: readonly RetentionReaction[]): readonly RetentionReaction[] => {
  const drops = reactions.filter((reaction) => reaction.kind === 'drop');
  const last = drops.at(-1);
  const retirements = reactions.filter((reaction) => reaction.kind === 'retire');
  if (!last) return retirements;
  return [...retirements, { ...last, records: joinRanges(drops.map(({ records }) => records)) }];
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
    if (retired) return [{ kind: 'drop', records: retired.records, through: event.position }];
    const set = readEvent<RetentionSet>(['TenantRetentionSet'], event);
    const { tenant_id } = event.metadata;
    if (set && tenant_id !== undefined) this.#set(tenant_id, set.data.days, event);
    return [];
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
