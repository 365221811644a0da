import { Baseline, type SavedBaseline } from '../../domain/detection/content.js';
import { Legitimacy } from '../../domain/detection/legitimacy/rules.js';
import type { DeploymentWindow } from '../../domain/detection/structure.js';
import type { TenantId } from '../../domain/ids.js';
import { erasuresStream, retirementsStream } from '../../domain/streams.js';
import { START, type EventLog, type Position, type StreamName } from '../../eventstore/event-store.js';
import { InTurn } from '../../platform/in-turn.js';
import { remember } from '../../platform/remember.js';
import type { Snapshots } from '../../processes/snapshots.js';
import type { CurrentQuarantines } from '../../quarantine/current.js';
import { deploymentWindow, introducedBy, IntroducedScan, type Introduced } from './introduced.js';
import { judged, rulesBefore, type ReportedRecord } from './judged.js';
import { Lineage } from './lineage.js';
import { learnUntil, suspectedIn } from './suspected.js';

/** Records that the lineage holds; of a longer log all is read for each report. */
const LINEAGE_RECORDS = 250_000;
/** Deployments and baselines that are remembered. */
const SCANS = 8;
const BASELINES = 4;
const FORMAT = 1;

export interface DetectionTools {
  readonly log: EventLog;
  /** The log without what is set aside. */
  readonly visible_log: EventLog;
  readonly quarantines: Pick<CurrentQuarantines, 'of'>;
  readonly snapshots: Pick<Snapshots, 'load' | 'save'>;
}

/** A deployment's report. */
export interface DeploymentReport extends Omit<Introduced, 'records'> {
  /** In the log's order, from behind a position on; read as far as they are taken. */
  readonly records: (after?: string) => AsyncGenerator<ReportedRecord, void>;
}

/** What is known of a tenant's telemetry up to a position, and what of it was gone when it was learned. */
interface Checkpoint {
  readonly position: Position;
  readonly gone: string;
  readonly baseline: Baseline;
}

/**
 * Reports on deployments, the same as a full reading of the log would give, and remembers what it read: what structure
 * asks of the past in memory, what a tenant's telemetry was like in the read store, where it may be lost. Reports are
 * made one at a time.
 */
export class Detection {
  readonly #scans = new Map<string, IntroducedScan>();
  readonly #baselines = new Map<string, Checkpoint>();
  readonly #lineage = new Lineage(LINEAGE_RECORDS);
  /** None reads what another is just reading. */
  readonly #readings = new InTurn();

  constructor(private readonly tools: DetectionTools) {}

  /** What a deployment introduced, and what its tenants' rules say; of those tenants that are wanted. */
  async report(
    deployment_id: string,
    wanted: (tenant: TenantId | undefined) => boolean,
  ): Promise<DeploymentReport | undefined> {
    const { log, visible_log } = this.tools;
    const introduced = await this.#readings.do(() => this.#introduced(deployment_id));
    return (
      introduced && {
        ...introduced,
        records: (after) => judged(log, visible_log, introduced, wanted, after),
      }
    );
  }

  /** What of a tenant's telemetry during a deployment looks made up. Undefined where there was no such deployment. */
  async suspected(deployment_id: string, tenant: TenantId) {
    const { visible_log } = this.tools;
    const window = await deploymentWindow(visible_log, deployment_id);
    if (!window) return undefined;
    const legitimacy = new Legitimacy(await rulesBefore(visible_log, tenant, window.begun));
    const baseline = await this.#readings.do(() => this.#baselineAt(tenant, window.begin as Position));
    return suspectedIn(visible_log, window, tenant, baseline, legitimacy);
  }

  async #introduced(deployment_id: string): Promise<Introduced | undefined> {
    const { log } = this.tools;
    const window = await deploymentWindow(log, deployment_id);
    if (!window) return undefined;
    await this.#lineage.advance(log, window.begin);
    if (this.#lineage.isFull) return introducedBy(log, deployment_id);
    return this.#scanOf(window).advance(log);
  }

  /** The scan of a deployment; one that was measured or has ended since is looked at anew, for the window is another. */
  #scanOf(window: DeploymentWindow): IntroducedScan {
    const known = this.#scans.get(window.deployment_id);
    const scan =
      known?.window.begin === window.begin && known.window.end === window.end
        ? known
        : new IntroducedScan(window, this.#lineage.before(window));
    remember(this.#scans, window.deployment_id, scan, SCANS);
    return scan;
  }

  /** What a tenant's telemetry was like before a position. */
  async #baselineAt(tenant: TenantId, position: Position): Promise<Baseline> {
    const key = `${tenant} ${position}`;
    const gone = await this.#goneOf(tenant, position);
    const known = this.#baselines.get(key);
    if (known?.gone === gone) return this.#remembered(key, known);
    const stored = await this.#load(tenant);
    if (stored?.position === position && stored.gone === gone) return this.#remembered(key, stored);
    const valid = stored !== undefined && stored.gone === (await this.#goneOf(tenant, stored.position));
    const { baseline, position: after } =
      valid && stored.position < position ? stored : { baseline: new Baseline(), position: START };
    await learnUntil(this.tools.visible_log, tenant, baseline, after, position);
    // What was set aside meanwhile was learned in part, or not.
    if (gone !== (await this.#goneOf(tenant, position))) return this.#baselineAt(tenant, position);
    const learned = { position, gone, baseline };
    if (!valid || stored.position < position) await this.#save(tenant, learned);
    return this.#remembered(key, learned);
  }

  #remembered(key: string, checkpoint: Checkpoint): Baseline {
    remember(this.#baselines, key, checkpoint, BASELINES);
    return checkpoint.baseline;
  }

  /** What tells one past of a tenant's telemetry up to a position from another: what is set aside, retired or erased. */
  async #goneOf(tenant: TenantId, position: Position): Promise<string> {
    const quarantines = await this.tools.quarantines.of(tenant);
    const aside = [...quarantines.values()]
      .filter(
        ({ status, records }) => status === 'approved' && records.some((one) => one.position <= position),
      )
      .map(({ quarantine_id, released }) => `${quarantine_id} ${released.length}`)
      .sort();
    const changes = [retirementsStream(tenant), erasuresStream(tenant)].map(async (stream) => {
      let last = -1;
      for await (const { revision } of this.tools.log.readStream(stream as StreamName)) last = revision;
      return last;
    });
    return JSON.stringify([aside, ...(await Promise.all(changes))]);
  }

  async #load(tenant: TenantId): Promise<Checkpoint | undefined> {
    const snapshot = await this.tools.snapshots.load(nameOf(tenant));
    if (!snapshot) return undefined;
    const { format, gone, saved } = JSON.parse(Buffer.from(snapshot.state).toString()) as Saved;
    if (format !== FORMAT) return undefined;
    return { position: snapshot.position, gone, baseline: Baseline.restore(saved) };
  }

  async #save(tenant: TenantId, { position, gone, baseline }: Checkpoint): Promise<void> {
    const saved: Saved = { format: FORMAT, gone, saved: baseline.save() };
    await this.tools.snapshots.save(nameOf(tenant), { position, state: Buffer.from(JSON.stringify(saved)) });
  }
}

interface Saved {
  readonly format: number;
  readonly gone: string;
  readonly saved: SavedBaseline;
}

const nameOf = (tenant: TenantId): string => `detection-${tenant}`;
