import {
  judgeTogether,
  Legitimacy,
  legitimacyDecider,
  legitimacyEventTypes,
  type LegitimacyEvent,
  type LegitimacyRules,
  type RecordJudgement,
  type Verdict,
} from '../../domain/detection/legitimacy/rules.js';
import { declared, scoreOf } from '../../domain/detection/reason.js';
import { isBookkeeping, isClientCommand } from '../../domain/detection/structure.js';
import type { TenantId } from '../../domain/ids.js';
import { indexRanges, type IndexRange } from '../../domain/index-ranges.js';
import { readEvent } from '../../domain/stored-event.js';
import { legitimacyStream } from '../../domain/streams.js';
import { numberIn } from '../../domain/telemetry/stored-chunk.js';
import type { EventLog, Position, RecordedEvent, StreamName } from '../../eventstore/event-store.js';
import { recordsAt } from '../../quarantine/records.js';
import { contentsOf } from './contents.js';
import { introduced, type Introduced, type IntroducedRecord } from './introduced.js';

/** A record of a deployment's report, with what its tenant's rules say of it. */
export interface ReportedRecord extends IntroducedRecord {
  /** Absent: the rules say nothing. */
  readonly verdict?: Verdict;
}

/**
 * The rules that a tenant had when a deployment began. What was said later does not count, and so no deployment can
 * declare what it wrote itself to be legitimate; nor does what no client said, or what is set aside in `visible_log`.
 */
export const rulesBefore = async (
  visible_log: Pick<EventLog, 'readStream'>,
  tenant: TenantId,
  begun: string,
): Promise<LegitimacyRules> => {
  let rules = legitimacyDecider.initial;
  for await (const record of visible_log.readStream(legitimacyStream(tenant) as StreamName)) {
    if (record.position >= begun) break;
    if (record.metadata.tenant_id !== tenant || !isClientCommand(record.metadata)) continue;
    const event = readEvent<LegitimacyEvent>(legitimacyEventTypes, record);
    if (event) rules = legitimacyDecider.evolve(rules, event);
  }
  return rules;
};

/** The rules of those tenants that somebody meets in one deployment's report. */
export class RulesOfTenants {
  readonly #known = new Map<TenantId, Legitimacy>();

  constructor(
    private readonly visible_log: Pick<EventLog, 'readStream'>,
    private readonly begun: string,
  ) {}

  async of(tenant: TenantId): Promise<Legitimacy> {
    const known = this.#known.get(tenant);
    if (known) return known;
    const legitimacy = new Legitimacy(await rulesBefore(this.visible_log, tenant, this.begun));
    this.#known.set(tenant, legitimacy);
    return legitimacy;
  }

  /** What a record's tenant says of it; undefined: nothing. */
  async judge(record: RecordedEvent): Promise<RecordJudgement | undefined> {
    const { tenant_id } = record.metadata;
    if (tenant_id === undefined) return undefined;
    const legitimacy = await this.of(tenant_id);
    if (legitimacy.isSilent) return undefined;
    const { type, stream, metadata } = record;
    return judgeTogether(dataIn(record).map((data) => legitimacy.judge({ type, stream, metadata, data })));
  }
}

/** What a record says: one thing, or each event of a chunk. */
const dataIn = (record: RecordedEvent): readonly unknown[] =>
  record.data instanceof Uint8Array ? contentsOf(record) : [record.data];

/**
 * What a deployment introduced, with what tenants' rules say of it, and besides, of what was recorded while it was under
 * way, what the rules declare illegitimate. What structure proves stays a finding whatever a rule says: a rule tells by
 * what a record says of itself, and whoever writes false records writes what the rule asks for.
 */
export const judged = async (
  log: EventLog,
  visible_log: Pick<EventLog, 'readStream'>,
  { window, records }: Introduced,
  wanted: (tenant: TenantId | undefined) => boolean,
): Promise<readonly ReportedRecord[]> => {
  const rules = new RulesOfTenants(visible_log, window.begun);
  const reported = new Map<string, ReportedRecord>();
  for (const record of records) if (wanted(record.tenant_id)) reported.set(record.position, record);
  for await (const some of recordsAt(log, [...reported.values()]))
    for (const record of some) {
      const found = reported.get(record.position);
      const judgement = await rules.judge(record);
      if (!found || !judgement) continue;
      const reasons = [...found.reasons, declared(judgement)];
      const { verdict } = judgement;
      reported.set(record.position, { ...found, reasons, score: scoreOf(reasons), verdict });
    }
  window: for await (const { events } of log.readAll(window.begin as Position))
    for (const record of events) {
      if (window.end !== undefined && record.position >= window.end) break window;
      if (reported.has(record.position) || isBookkeeping(record.type)) continue;
      if (!wanted(record.metadata.tenant_id)) continue;
      const judgement = await rules.judge(record);
      if (judgement?.verdict !== 'illegitimate') continue;
      const reasons = [declared(judgement)];
      reported.set(record.position, {
        ...introduced(record, rangesIn(record, judgement)),
        ...{ reasons, score: scoreOf(reasons), verdict: judgement.verdict },
        by_provenance: record.metadata.deployment_id === window.deployment_id,
        by_window: true,
      });
    }
  return [...reported.values()].sort((one, other) => (one.position < other.position ? -1 : 1));
};

/** Which of a chunk's events a judgement is about; undefined: all of it. */
const rangesIn = (record: RecordedEvent, { items }: RecordJudgement): readonly IndexRange[] | undefined => {
  const { chunk } = record.metadata;
  if (!chunk || items.length >= chunk.count) return undefined;
  return indexRanges(items.map((n) => numberIn(record, n)));
};
