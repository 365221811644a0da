import { joinCuts, type ChunkCuts, type Removal } from '../../domain/erasure/cut.js';
import { cutIn, cutsOf } from '../../domain/erasure/erasure.js';
import type { TenantId } from '../../domain/ids.js';
import { retiredBefore, retirementEventTypes, retirementIn } from '../../domain/retention/retention.js';
import { joinRanges, type RevisionRanges } from '../../domain/revision-ranges.js';
import { readEvent } from '../../domain/stored-event.js';
import type { TenantEvent } from '../../domain/tenancy/tenant.js';
import type { DroppingResult, RecordDropping } from '../../eventstore/dropping.js';
import { START, type EventLog, type Position } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { ReadModels } from '../../projections/read-models.js';
import { countRetirable } from './retirable.js';
import type { DueRetirement } from './retention.js';
import type { RetireOldest } from './retire-telemetry.js';

/** What of a tenant's telemetry is older than it is kept. */
export interface TenantRetirement {
  readonly tenant_id: TenantId;
  readonly days: number;
  /** RFC 3339. */
  readonly before: string;
  readonly chunks: number;
  readonly events: number;
}

/** What retention came to, or would. */
export interface RetentionReport {
  readonly dry_run: boolean;
  readonly tenants: readonly TenantRetirement[];
  /** Absent where nothing was to be dropped, or a server keeps the log's files. */
  readonly dropped?: DroppingResult;
}

export interface RunTools {
  readonly log: EventLog;
  readonly models: ReadModels;
  readonly clock: Pick<Clock, 'now'>;
  readonly retire: RetireOldest;
  readonly dropping: RecordDropping | undefined;
  readonly isGuarded: () => boolean;
}

interface Options {
  /** Says what would be retired, and does nothing. */
  readonly dry_run: boolean;
  readonly signal: AbortSignal;
  /** Told of the share that is done, from 0 to 1, and how many chunks were retired. */
  readonly onProgress: (share: number, chunks: number) => void;
}

/** The share of retiring in all of the work; dropping is the rest. */
const RETIRING_SHARE = 0.5;

/** Does at once what the process manager does by itself, and drops again whatever is still in the files. */
export const runRetention =
  (tools: RunTools) =>
  async ({ dry_run, signal, onProgress }: Options): Promise<RetentionReport> => {
    const { log, models, clock, retire, dropping, isGuarded } = tools;
    const due = [...(await rulesIn(log)).values()].map((rule): DueRetirement => ({
      ...rule,
      kind: 'retire',
      before: retiredBefore(rule.days, clock.now()),
    }));
    const tenants: TenantRetirement[] = [];
    for (const { tenant_id, days, before } of due)
      tenants.push({
        ...{ tenant_id, days, before: new Date(before).toISOString() },
        ...(await countRetirable(models, tenant_id, before)),
      });
    if (dry_run) return { dry_run, tenants };

    const all = tenants.reduce((sum, { chunks }) => sum + chunks, 0);
    let done = 0;
    for (const one of due) {
      const outcome = await retire(one, signal, (chunks) => {
        done += chunks;
        onProgress(RETIRING_SHARE * Math.min(1, done / Math.max(1, all)), done);
      });
      if (outcome.outcome !== 'done') throw new Error(outcome.detail);
    }
    const removal = await removedIn(log);
    if (!dropping || !removal) return { dry_run, tenants };
    const dropped = await dropping.drop(removal, removal.through, {
      isAllowed: () => !isGuarded(),
      signal,
      onShare: (share) => {
        onProgress(RETIRING_SHARE + (1 - RETIRING_SHARE) * share, done);
      },
    });
    return { dry_run, tenants, dropped };
  };

type RetentionSet = Extract<TenantEvent, { type: 'TenantRetentionSet' }>;

/** The rules that are in force. */
const rulesIn = async (
  log: EventLog,
): Promise<ReadonlyMap<TenantId, Pick<DueRetirement, 'tenant_id' | 'days' | 'cause'>>> => {
  const rules = new Map<TenantId, Pick<DueRetirement, 'tenant_id' | 'days' | 'cause'>>();
  for await (const { events } of log.readAll(START, { types: ['TenantRetentionSet'] }))
    for (const event of events) {
      const set = readEvent<RetentionSet>(['TenantRetentionSet'], event);
      const { tenant_id, correlation_id } = event.metadata;
      if (!set || tenant_id === undefined) continue;
      const { days } = set.data;
      const cause = { event_id: event.id, correlation_id };
      if (days === null) rules.delete(tenant_id);
      else rules.set(tenant_id, { tenant_id, days, cause });
    }
  return rules;
};

/** Everything that was ever retired or cut out; undefined where nothing was. */
const removedIn = async (log: EventLog): Promise<(Removal & { readonly through: Position }) | undefined> => {
  const records: RevisionRanges[] = [];
  const cuts: ChunkCuts[] = [];
  let through: Position | undefined;
  for await (const { events } of log.readAll(START, { types: [...retirementEventTypes, 'TelemetryCut'] }))
    for (const event of events) {
      const retired = retirementIn(event);
      if (retired) records.push(retired.records);
      const cut = cutIn(event);
      if (cut) cuts.push(cutsOf(cut));
      if (retired ?? cut) through = event.position;
    }
  return through === undefined ? undefined : { records: joinRanges(records), cuts: joinCuts(cuts), through };
};
