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
import { isBookkeeping, isClientCommand, type DeploymentWindow } from '../../domain/detection/structure.js';
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
 * way, what the rules declare illegitimate; in the log's order, from behind a position on. What structure proves stays a
 * finding whatever a rule says: a rule tells by what a record says of itself, and whoever writes false records writes
 * what the rule asks for. Of the log no more is read than whoever asks takes.
 */
export async function* judged(
  log: EventLog,
  visible_log: Pick<EventLog, 'readStream'>,
  { window, records }: Pick<Introduced, 'window' | 'records'>,
  wanted: (tenant: TenantId | undefined) => boolean,
  after = '',
): AsyncGenerator<ReportedRecord, void> {
  const rules = new RulesOfTenants(visible_log, window.begun);
  let next = firstBehind(records, after);
  const from = after > window.begin ? after : window.begin;
  window: for await (const { events } of log.readAll(from as Position))
    for (const record of events) {
      if (window.end !== undefined && record.position >= window.end) break window;
      const { tenant_id } = record.metadata;
      const found = records[next]?.position === record.position ? records[next++] : undefined;
      if (!wanted(tenant_id) || (!found && isBookkeeping(record.type))) continue;
      const judgement = await rules.judge(record);
      if (found) yield withVerdict(found, judgement);
      else if (judgement?.verdict === 'illegitimate') yield onlyDeclared(record, judgement, window);
    }
  // What stands behind the window followed from what stands in it, or is stamped with it.
  for (let some = records.slice(next, next + AT_ONCE); some.length > 0;) {
    next += some.length;
    yield* judgedEach(
      log,
      rules,
      some.filter(({ tenant_id }) => wanted(tenant_id)),
    );
    some = records.slice(next, next + AT_ONCE);
  }
}

/** Records behind a window that are read at once. */
const AT_ONCE = 100;

/** The first of some records in the log's order that stands behind a position. */
const firstBehind = (records: readonly IntroducedRecord[], after: string): number => {
  let [low, high] = [0, records.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle]?.position ?? '') > after) high = middle;
    else low = middle + 1;
  }
  return low;
};

/** Records with what their tenants say of them; only those are read whose tenants say anything. */
async function* judgedEach(
  log: Pick<EventLog, 'readStream'>,
  rules: RulesOfTenants,
  found: readonly IntroducedRecord[],
): AsyncGenerator<ReportedRecord, void> {
  const asked: IntroducedRecord[] = [];
  for (const one of found)
    if (one.tenant_id !== undefined && !(await rules.of(one.tenant_id)).isSilent) asked.push(one);
  const judgements = new Map<string, RecordJudgement | undefined>();
  for await (const some of recordsAt(log, asked))
    for (const record of some) judgements.set(record.position, await rules.judge(record));
  for (const one of found) yield withVerdict(one, judgements.get(one.position));
}

const withVerdict = (found: IntroducedRecord, judgement: RecordJudgement | undefined): ReportedRecord => {
  if (!judgement) return found;
  const reasons = [...found.reasons, declared(judgement)];
  return { ...found, reasons, score: scoreOf(reasons), verdict: judgement.verdict };
};

/** A record that structure does not find, and a rule does. */
const onlyDeclared = (
  record: RecordedEvent,
  judgement: RecordJudgement,
  { deployment_id }: DeploymentWindow,
): ReportedRecord => {
  const reasons = [declared(judgement)];
  return {
    ...introduced(record, rangesIn(record, judgement)),
    ...{ reasons, score: scoreOf(reasons), verdict: judgement.verdict },
    by_provenance: record.metadata.deployment_id === deployment_id,
    by_window: true,
  };
};

/** Which of a chunk's events a judgement is about; undefined: all of it. */
const rangesIn = (record: RecordedEvent, { items }: RecordJudgement): readonly IndexRange[] | undefined => {
  const { chunk } = record.metadata;
  if (!chunk || items.length >= chunk.count) return undefined;
  return indexRanges(items.map((n) => numberIn(record, n)));
};
