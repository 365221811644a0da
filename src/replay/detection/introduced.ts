import { scoreOf, type Reason } from '../../domain/detection/reason.js';
import {
  StructuralRule,
  type DeploymentWindow,
  type TracedRecord,
} from '../../domain/detection/structure.js';
import type { GuardMode } from '../../domain/deployment/deployment.js';
import type { DeploymentId, TenantId } from '../../domain/ids.js';
import type { Actor, Origin } from '../../domain/provenance.js';
import type { IndexRange } from '../../domain/index-ranges.js';
import type { QuarantinedRecord } from '../../domain/quarantine/quarantine.js';
import { deploymentsStream } from '../../domain/streams.js';
import type { EventLog, Position, RecordedEvent, StreamName } from '../../eventstore/event-store.js';
import { Lineage, readReactedTo, type Before } from './lineage.js';
import { named } from './resolve.js';

/** A record that a deployment introduced, and how that is known. */
export interface IntroducedRecord extends QuarantinedRecord {
  /** Absent: the record is no tenant's. */
  readonly tenant_id?: TenantId;
  /** Telemetry events in it; 1 of any other record. */
  readonly count: number;
  readonly recorded_at: string;
  readonly actor: Actor;
  readonly origin: Origin;
  readonly release: string;
  readonly deployment_id?: DeploymentId;
  readonly causation_id: string;
  readonly reasons: readonly Reason[];
  /** From 0 to 1. */
  readonly score: number;
  readonly by_provenance: boolean;
  readonly by_window: boolean;
}

/** What a deployment introduced, in the log's order. */
export interface Introduced {
  readonly window: DeploymentWindow;
  readonly records: readonly IntroducedRecord[];
  /** Positions of the records that only one of the two answers has: each of them is a finding. */
  readonly only_by_provenance: readonly string[];
  readonly only_by_window: readonly string[];
  /** How far the log was looked at. */
  readonly position: Position;
}

/** Records that end a deployment; exactly one of them does. */
const ENDS: ReadonlySet<string> = new Set([
  'DeploymentCompleted',
  'DeploymentRolledBack',
  'DeploymentOverridden',
]);

/** A deployment's window; undefined where there was none of that id. */
export const deploymentWindow = async (
  log: Pick<EventLog, 'readStream'>,
  deployment_id: string,
): Promise<DeploymentWindow | undefined> => {
  let window: DeploymentWindow | undefined;
  let measured = false;
  for await (const { type, data, position } of log.readStream(deploymentsStream as StreamName)) {
    if (data instanceof Uint8Array || data.deployment_id !== deployment_id) continue;
    if (type === 'DeploymentBegun' && !window)
      window = {
        deployment_id: deployment_id as DeploymentId,
        release: data.release as string,
        mode: data.mode as GuardMode,
        begun: position,
        begin: position,
      };
    // What other instances had begun to write when they learned of the begin was measured as what was before: once, for
    // a second measurement is nobody's but a forger's.
    if (type === 'DeploymentMeasured' && window && !measured) {
      measured = true;
      const { position: last } = (data.before ?? {}) as { readonly position?: unknown };
      if (typeof last === 'string') window = { ...window, begin: last };
    }
    if (ENDS.has(type) && window) return { ...window, end: position };
  }
  return window;
};

/** What was found, and the record of the log that it is. */
export interface FoundRecord {
  readonly record: RecordedEvent;
  readonly found: IntroducedRecord;
}

/** Looks through the log behind a deployment's begin, and can go on when there is more of it. */
export class IntroducedScan {
  readonly #rule: StructuralRule;
  readonly #records: IntroducedRecord[] = [];
  readonly #only_by_provenance: string[] = [];
  readonly #only_by_window: string[] = [];
  #position: Position;

  constructor(
    readonly window: DeploymentWindow,
    { release_is_new, rooted, asked }: Before,
  ) {
    this.#rule = new StructuralRule(window, release_is_new, rooted, asked);
    this.#position = window.begin as Position;
  }

  /** Reads what was not looked at yet, up to the log's end or a position; gives what it finds with the log's record of it. */
  async *look(log: Pick<EventLog, 'readAll'>, until?: Position): AsyncGenerator<FoundRecord, void> {
    for await (const { events, position } of log.readAll(this.#position)) {
      for (const record of events) {
        if (until !== undefined && record.position > until) {
          this.#position = until;
          return;
        }
        const finding = this.#rule.take(traced(record));
        if (finding)
          yield { record, found: { ...introduced(record), ...finding, score: scoreOf(finding.reasons) } };
      }
      this.#position = position;
    }
  }

  /** Reads what was not looked at yet, up to the log's end or a position; tells of all that was found so far. */
  async advance(log: Pick<EventLog, 'readAll'>, until?: Position): Promise<Introduced> {
    for await (const { found } of this.look(log, until)) {
      this.#records.push(found);
      if (!found.by_window) this.#only_by_provenance.push(found.position);
      if (!found.by_provenance) this.#only_by_window.push(found.position);
    }
    return {
      window: this.window,
      records: [...this.#records],
      only_by_provenance: [...this.#only_by_provenance],
      only_by_window: [...this.#only_by_window],
      position: this.#position,
    };
  }
}

/**
 * Finds the records that a deployment introduced, from its begin to the log's end: those that nobody asked for, and
 * all that followed from them. Undefined where there was no such deployment. Trusts nothing but the log, and reads all
 * of it; {@link Detection} finds the same and remembers what it read.
 */
export const introducedBy = async (log: EventLog, deployment_id: string): Promise<Introduced | undefined> => {
  const begun = await scanOf(log, deployment_id);
  return begun?.scan.advance(log, begun.until);
};

/** The same, one after the other: of what was found only the ids are held, by which what followed from it is found. */
export async function* eachIntroducedBy(
  log: EventLog,
  deployment_id: string,
): AsyncGenerator<FoundRecord, void> {
  const begun = await scanOf(log, deployment_id);
  if (begun) yield* begun.scan.look(log, begun.until);
}

/** A scan that holds no more than process managers reacted to, however long the log is, and how far it can look. */
const scanOf = async (
  log: EventLog,
  deployment_id: string,
): Promise<{ readonly scan: IntroducedScan; readonly until: Position } | undefined> => {
  const window = await deploymentWindow(log, deployment_id);
  if (!window) return undefined;
  const { asked, until } = await readReactedTo(log);
  const lineage = new Lineage(Infinity, asked);
  await lineage.advance(log, window.begin);
  return { scan: new IntroducedScan(window, lineage.before(window)), until };
};

const traced = ({ id, type, position, metadata, data }: RecordedEvent): TracedRecord => ({
  ...{ id, type, position, metadata },
  ...madeBy(type, data),
});

const madeBy = (type: string, data: RecordedEvent['data']): { readonly makes_actor?: string } => {
  if (data instanceof Uint8Array) return {};
  const id = type === 'ApiKeyIssued' ? data.key_id : type === 'UserRegistered' ? data.user_id : undefined;
  return typeof id === 'string' ? { makes_actor: id } : {};
};

/** A record as a report has it, or some events of a chunk. */
export const introduced = (record: RecordedEvent, indexes?: readonly IndexRange[]) => {
  const { tenant_id, actor, origin, release, deployment_id, causation_id, recorded_at, chunk } =
    record.metadata;
  const count = indexes?.reduce((sum, [first, last]) => sum + last - first + 1, 0) ?? chunk?.count ?? 1;
  return {
    ...named(record, indexes),
    ...(tenant_id !== undefined && { tenant_id }),
    ...(deployment_id !== undefined && { deployment_id }),
    ...{ actor, origin, release, causation_id, recorded_at, count },
  };
};
