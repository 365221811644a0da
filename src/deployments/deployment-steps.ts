import type { CommandContext } from '../commands/command.js';
import type { CommandPipeline } from '../commands/handle.js';
import { measureDeployment } from '../commands/measure-deployment.js';
import { quarantineDeployment } from '../commands/quarantine/quarantine-deployment.js';
import { verifyDeployment } from '../commands/verify-deployment.js';
import type { GuardState } from '../domain/deployment/deployment.js';
import type { Finding } from '../domain/deployment/verification.js';
import type { DeploymentId } from '../domain/ids.js';
import type { EventLog, Position } from '../eventstore/event-store.js';
import type { LogTree } from '../eventstore/log-tree.js';
import type { Clock } from '../platform/clock.js';
import type { Logger } from '../platform/logger.js';
import type { AnyProjection } from '../projections/projection.js';
import type { ReadModels } from '../projections/read-models.js';
import type { HostStatus } from '../projections/runner/status.js';
import type { CurrentQuarantines } from '../quarantine/current.js';
import type { ReadStore } from '../readstore/read-store.js';
import { eachIntroducedBy, type FoundRecord } from '../replay/detection/introduced.js';
import type { Replay } from '../replay/rebuild.js';
import { backUp, type LogSnapshots } from './backup.js';
import {
  examineLog,
  examineReadModels,
  NotExamined,
  printReadModels,
  takeCensus,
  type OnShare,
} from './examination.js';
import type { DeploymentHistory } from './history.js';

/** What deployments are carried through with. */
export interface DeploymentTools {
  readonly log: EventLog;
  readonly pipeline: Pick<CommandPipeline, 'execute'>;
  readonly guard: { readonly state: GuardState };
  readonly readStore: Pick<ReadStore, 'health'>;
  readonly models: Pick<ReadModels, 'reached'>;
  readonly host: { status(): Promise<HostStatus> };
  readonly processes: () => readonly {
    readonly name: string;
    readonly state: string;
    readonly detail?: string;
  }[];
  readonly projections: readonly AnyProjection[];
  readonly replay: Replay;
  readonly quarantines: Pick<CurrentQuarantines, 'sight'>;
  /** What is introduced is proposed to be set aside only: a person has to approve. */
  readonly quarantine_two_people: boolean;
  readonly snapshots: LogSnapshots | undefined;
  readonly tree: Pick<LogTree, 'head'>;
  /** Where other instances write to the same log: how long a write that one of them has begun may be under way. */
  readonly others_ms?: number;
  /** Where backups go: a directory for each deployment. */
  readonly backups: string;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** How long read models may take to reach the log's end before a deployment, and after it. */
const PATIENCE_MS = 10_000;
const PATIENCE_AFTER_MS = 600_000;

/** Begins a step; what it answers is told how much of it is done. */
export type Report = (step: string) => OnShare;

/** What a deployment is made of, a step at a time; each can be done again. */
export class DeploymentSteps {
  constructor(
    private readonly tools: DeploymentTools,
    private readonly signal: AbortSignal,
  ) {}

  async prepare(
    { deployment_id }: DeploymentHistory,
    context: CommandContext,
    report: Report,
    through: Position,
  ): Promise<void> {
    const { log, snapshots, tree, backups: directory, replay, projections } = this.tools;
    const id = deployment_id as DeploymentId;
    const backup = await backUp({ log, snapshots, tree, directory }, id, report('backup'));
    const print = await takeCensus(log, through, this.signal, report('log'));
    await this.#insistReached(through);
    const read_models = await printReadModels(replay, projections, report('read models'));
    await this.execute(
      measureDeployment,
      { deployment_id, before: { ...print, read_models }, backup },
      context,
    );
  }

  /**
   * Up to where the log is as it was before: to the begin, and where other instances write, to the last of what they
   * had begun to write by then.
   */
  async settled(begun: Position): Promise<Position> {
    const { log, clock, others_ms } = this.tools;
    if (others_ms === undefined) return begun;
    await clock.sleep(others_ms, this.signal);
    return log.head();
  }

  /** Sets aside what nobody asked for; a record that is no tenant's cannot be, and is found by verifying. */
  async setAside(
    { deployment_id, release }: DeploymentHistory,
    why: string,
    { principal, request_id, correlation_id }: CommandContext,
  ): Promise<void> {
    const { log, pipeline, quarantine_two_people: two_people } = this.tools;
    const reason = `Introduced by the deployment of ${release}, which was rolled back: ${why}`;
    const result = await quarantineDeployment(
      pipeline,
      {
        ...{ deployment_id: deployment_id as DeploymentId, reason, two_people },
        records: tenantsRecords(eachIntroducedBy(log, deployment_id)),
      },
      { principal, origin: 'deployment', request_id, correlation_id },
    );
    if (!result.ok) throw new NotExamined(result.refusal.detail);
    if (result.value.length === 0) return;
    this.tools.logger.warn(
      { deployment_id, set_aside: result.value },
      'Records of a deployment were set aside.',
    );
  }

  /** Whether everything is as it has to be; what is not is kept in the log. */
  async verify(
    { deployment_id, mode, epoch, begun, measured }: DeploymentHistory,
    context: CommandContext,
    report: Report,
    root: string | undefined,
  ): Promise<boolean> {
    if (!measured) throw new NotExamined('How everything stood before was not measured.');
    const { before } = measured;
    const { signal } = this;
    const findings: Finding[] = [];
    if (root !== undefined && root !== before.root)
      findings.push({
        code: 'records_changed',
        detail: 'The root that was remembered before the deployment is not the one that the log says it had.',
      });
    for (const detail of await this.troubles(PATIENCE_AFTER_MS, report('read models catch up')))
      findings.push({ code: 'unhealthy', detail });
    const window = { deployment_id, mode, epoch, begun_at: begun.at };
    const { replay, projections } = this.tools;
    const examined = await examineLog(this.tools, before, window, signal, report('log'));
    findings.push(...examined.findings);
    findings.push(
      ...(await examineReadModels(
        replay,
        projections,
        before.read_models,
        examined.recorded,
        signal,
        report('replay'),
      )),
    );
    const { position } = examined;
    await this.execute(verifyDeployment, { deployment_id, position, findings }, context);
    if (findings.length > 0)
      this.tools.logger.error(
        { deployment_id, findings: findings.slice(0, 20), finding_count: findings.length },
        'The verification of a deployment failed: the guard stays up.',
      );
    return findings.length === 0;
  }

  /** What keeps this server from being deployed to, or is wrong with it afterwards: sentences. */
  async troubles(patience_ms = PATIENCE_MS, onShare: OnShare = () => undefined): Promise<readonly string[]> {
    const { log, readStore, host, models, projections, processes, clock } = this.tools;
    const troubles: string[] = [];
    const [event_store, read_store] = await Promise.all([log.health(), readStore.health()]);
    if (event_store.status !== 'ok') troubles.push(`The event store is ${event_store.status}.`);
    if (read_store.status !== 'ok') troubles.push(`The read store is ${read_store.status}.`);
    if (troubles.length > 0) return troubles;
    const head = await log.head();
    const begun = clock.monotonic();
    const late = async (): Promise<boolean> => {
      for (let waited = 0; waited < patience_ms; waited = clock.monotonic() - begun) {
        this.signal.throwIfAborted();
        onShare(waited / patience_ms);
        if (await models.reached(projections, head, Math.min(1_000, patience_ms - waited))) return false;
      }
      return true;
    };
    if (await late()) troubles.push('Read models have not caught up with the log.');
    const status = await host.status();
    if (status.state !== 'running') troubles.push('The read models are not being followed.');
    for (const { name, parked, state } of status.projections) {
      if (parked > 0) troubles.push(`The read model ${name} has ${String(parked)} parked documents.`);
      if (state === 'failed') troubles.push(`The read model ${name} has failed.`);
    }
    for (const { name, state, detail } of processes())
      if (state === 'failing') troubles.push(`The process manager ${name} fails: ${detail ?? ''}`);
    return troubles;
  }

  async #insistReached(position: Position): Promise<void> {
    const { models, projections } = this.tools;
    if (!(await models.reached(projections, position, PATIENCE_MS)))
      throw new NotExamined('Read models have not caught up with the log.');
  }

  /** Carries out a command that must not be refused. */
  async execute(
    command: Parameters<CommandPipeline['execute']>[0],
    input: object,
    { principal, request_id, correlation_id }: CommandContext,
  ): Promise<void> {
    const context = { principal, origin: 'deployment', request_id, correlation_id } as const;
    const result = await this.tools.pipeline.execute(command, input, context);
    if (!result.ok) throw new NotExamined(result.refusal.detail);
  }
}

/** Of what was found the records of tenants. */
async function* tenantsRecords(all: AsyncIterable<FoundRecord>) {
  for await (const {
    found: { tenant_id, ...record },
  } of all)
    if (tenant_id !== undefined) yield { ...record, tenant_id };
}
