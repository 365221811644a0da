import { beginDeployment } from '../commands/begin-deployment.js';
import { completeDeployment } from '../commands/complete-deployment.js';
import { done, refused, type CommandContext, type CommandResult, type Step } from '../commands/command.js';
import type { CommandPipeline } from '../commands/handle.js';
import { measureDeployment } from '../commands/measure-deployment.js';
import { overrideDeployment } from '../commands/override-deployment.js';
import { quarantineDeployment } from '../commands/quarantine/quarantine-deployment.js';
import { rollBackDeployment } from '../commands/roll-back-deployment.js';
import { verifyDeployment } from '../commands/verify-deployment.js';
import type { BackupNote, GuardMode, GuardState } from '../domain/deployment/deployment.js';
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
import { introducedBy } from '../replay/detection/introduced.js';
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
import { readDeployments, type DeploymentEnd, type DeploymentHistory } from './history.js';

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

/**
 * How far the deployment under way is. `begun`: the guard is up and nothing was prepared, as after a restart in the
 * middle of it: begin it again. `ready`: prepared, now deploy. `rejected`: verified, and it failed. `interrupted`: what
 * was being done could not be done to its end, and why; it can be asked for again.
 */
export type Phase =
  | 'none'
  | 'begun'
  | 'preparing'
  | 'ready'
  | 'verifying'
  | 'rolling_back'
  | 'verified'
  | 'rejected'
  | 'interrupted';

export interface DeploymentStatus extends GuardState {
  readonly phase: Phase;
  readonly progress?: { readonly step: string; readonly share: number };
  /** Why it was interrupted. */
  readonly error?: string;
  /** What the log was before, to be remembered elsewhere too. */
  readonly before?: { readonly position: string; readonly records: number; readonly root: string };
  readonly backup?: BackupNote;
  readonly verified?: {
    readonly at: string;
    readonly passed: boolean;
    readonly position: string;
    readonly findings: readonly Finding[];
    readonly finding_count: number;
  };
  /** The deployment that ended last. */
  readonly last?: { readonly deployment_id: string; readonly release: string } & DeploymentEnd;
}

type Kind = 'preparing' | 'verifying' | 'rolling_back';

interface Work {
  readonly deployment_id: string;
  readonly kind: Kind;
  state: 'running' | 'failed';
  step: string;
  share: number;
  error?: string;
}

/** How long read models may take to reach the log's end before a deployment, and after it. */
const PATIENCE_MS = 10_000;
const PATIENCE_AFTER_MS = 600_000;

/**
 * Carries deployments through on the running server: checks, backs up and measures with the guard up, verifies, and
 * lowers the guard. What matters is in the log; what is lost with the process is only how far it was, and each step
 * can be asked for again.
 */
export class Deployments {
  readonly #closing = new AbortController();
  #work: Work | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(private readonly tools: DeploymentTools) {}

  async status(): Promise<DeploymentStatus> {
    const { state } = this.tools.guard;
    const histories = await readDeployments(this.tools.log);
    const current = histories.find(({ deployment_id, end }) => !end && deployment_id === state.deployment_id);
    const last = histories.findLast(({ end }) => end !== undefined);
    const ended = last?.end && {
      last: { deployment_id: last.deployment_id, release: last.release, ...last.end },
    };
    if (!current) return { ...state, phase: 'none', ...ended };
    const { measured } = current;
    const verified = current.verified.at(-1);
    return {
      ...state,
      ...this.#phase(current),
      ...(measured && { before: essence(measured.before), backup: measured.backup }),
      ...(verified && { verified }),
      ...ended,
    };
  }

  #phase({
    deployment_id,
    measured,
    verified,
  }: DeploymentHistory): Pick<DeploymentStatus, 'phase' | 'progress' | 'error'> {
    const work = this.#work?.deployment_id === deployment_id ? this.#work : undefined;
    if (work?.state === 'running')
      return { phase: work.kind, progress: { step: work.step, share: work.share } };
    if (work?.state === 'failed') return { phase: 'interrupted', error: work.error ?? '' };
    const result = verified.at(-1);
    if (result) return { phase: result.passed ? 'verified' : 'rejected' };
    return { phase: measured ? 'ready' : 'begun' };
  }

  /** Of one deployment, all that the log says; undefined where there was none of that id. */
  async history(deployment_id: string): Promise<DeploymentHistory | undefined> {
    return (await readDeployments(this.tools.log)).find((one) => one.deployment_id === deployment_id);
  }

  /**
   * Raises the guard, where everything is well, and then backs up and measures. The same deployment again goes on
   * where it was interrupted.
   */
  async begin(
    wish: { readonly release: string; readonly mode?: GuardMode; readonly deployment_id?: string },
    context: CommandContext,
  ): Promise<CommandResult<{ deployment_id: DeploymentId; mode: GuardMode; epoch: number }>> {
    const { guard, pipeline } = this.tools;
    const goesOn = wish.deployment_id !== undefined && guard.state.deployment_id === wish.deployment_id;
    if (!goesOn) {
      const troubles = await this.#troubles(PATIENCE_MS, () => undefined);
      if (troubles.length > 0)
        return refused('conflict', 'precheck_failed', `Nothing was begun: ${troubles.join(' ')}`);
    }
    const begun = await pipeline.execute(beginDeployment, wish, context);
    if (!begun.ok) return begun;
    const { deployment_id } = begun.value;
    const history = await this.history(deployment_id);
    if (history && !history.measured && !history.end)
      this.#start(deployment_id, 'preparing', async (report) => {
        await this.#prepare(history, context, report, await this.#settled(history.begun.position));
      });
    return begun;
  }

  /** Verifies the deployment under way. `root`: what the caller remembers of the log's root before it. */
  async verify(
    deployment_id: string,
    context: CommandContext,
    root?: string,
  ): Promise<Step<DeploymentStatus>> {
    return this.#ask(deployment_id, 'verifying', async (history, report) => {
      await this.#verify(history, context, report, root);
    });
  }

  /** Verifies that everything is as before, what the deployment introduced set aside, and then lowers the guard. */
  async rollBack(
    deployment_id: string,
    reason: string,
    context: CommandContext,
    root?: string,
  ): Promise<Step<DeploymentStatus>> {
    return this.#ask(deployment_id, 'rolling_back', async (history, report) => {
      if (!history.measured) await this.#prepare(history, context, report, history.begun.position);
      const measured = (await this.history(deployment_id)) ?? history;
      report('what was introduced is set aside');
      await this.#setAside(measured, reason, context);
      if (!(await this.#verify(measured, context, report, root))) return;
      await this.#execute(rollBackDeployment, { deployment_id, reason }, context);
    });
  }

  /** Lowers the guard after a passed verification. */
  complete(deployment_id: string, context: CommandContext) {
    return this.tools.pipeline.execute(completeDeployment, { deployment_id }, context);
  }

  /** Lowers the guard on a person's word. */
  async override(
    deployment_id: string,
    override: { readonly by: string; readonly reason: string },
    context: CommandContext,
  ) {
    const result = await this.tools.pipeline.execute(
      overrideDeployment,
      { deployment_id, override },
      context,
    );
    if (result.ok)
      this.tools.logger.warn({ deployment_id, ...override }, 'The deployment guard was lowered by hand.');
    return result;
  }

  /** Gives up what is under way; it can be asked for again. */
  async close(): Promise<void> {
    this.#closing.abort(new NotExamined('The server is being stopped.'));
    await this.#running;
  }

  async #ask(
    deployment_id: string,
    kind: Kind,
    work: (history: DeploymentHistory, report: Report) => Promise<void>,
  ): Promise<Step<DeploymentStatus>> {
    const history = await this.history(deployment_id);
    if (!history) return refused('not_found', 'deployment_not_found', 'There is no such deployment.');
    if (history.end) return refused('conflict', 'no_deployment', 'This deployment has ended.');
    if (!history.measured && kind === 'verifying')
      return refused('conflict', 'not_measured', 'The deployment was not prepared yet; begin it again.');
    if (!this.#start(deployment_id, kind, (report) => work(history, report)))
      return refused(
        'conflict',
        'busy',
        'Something is being done for this deployment already; see its status.',
      );
    return done(await this.status());
  }

  /** Does something in the background; false where something is being done already. */
  #start(deployment_id: string, kind: Kind, work: (report: Report) => Promise<void>): boolean {
    if (this.#work?.state === 'running') return false;
    const current: Work = { deployment_id, kind, state: 'running', step: 'starting', share: 0 };
    this.#work = current;
    const report: Report = (step) => {
      Object.assign(current, { step, share: 0 });
      return (share) => {
        current.share = share;
      };
    };
    this.#running = work(report).then(
      () => {
        this.#work = undefined;
      },
      (error: unknown) => {
        current.state = 'failed';
        current.error = error instanceof Error ? error.message : String(error);
        this.tools.logger.error({ err: error, deployment_id, kind }, 'A deployment was interrupted.');
      },
    );
    return true;
  }

  async #prepare(
    { deployment_id }: DeploymentHistory,
    context: CommandContext,
    report: Report,
    through: Position,
  ): Promise<void> {
    const { log, snapshots, tree, backups: directory, replay, projections } = this.tools;
    const id = deployment_id as DeploymentId;
    const backup = await backUp({ log, snapshots, tree, directory }, id, report('backup'));
    const print = await takeCensus(log, through, this.#closing.signal, report('log'));
    await this.#insistReached(through);
    const read_models = await printReadModels(replay, projections, report('read models'));
    await this.#execute(
      measureDeployment,
      { deployment_id, before: { ...print, read_models }, backup },
      context,
    );
  }

  /**
   * Up to where the log is as it was before: to the begin, and where other instances write, to the last of what they
   * had begun to write by then.
   */
  async #settled(begun: Position): Promise<Position> {
    const { log, clock, others_ms } = this.tools;
    if (others_ms === undefined) return begun;
    await clock.sleep(others_ms, this.#closing.signal);
    return log.head();
  }

  /** Sets aside what nobody asked for; a record that is no tenant's cannot be, and is found by verifying. */
  async #setAside(
    { deployment_id, release }: DeploymentHistory,
    why: string,
    { principal, request_id, correlation_id }: CommandContext,
  ): Promise<void> {
    const { log, pipeline, quarantine_two_people: two_people } = this.tools;
    const introduced = await introducedBy(log, deployment_id);
    const records = (introduced?.records ?? []).flatMap(({ tenant_id, ...record }) =>
      tenant_id === undefined ? [] : [{ ...record, tenant_id }],
    );
    if (records.length === 0) return;
    const reason = `Introduced by the deployment of ${release}, which was rolled back: ${why}`;
    const result = await quarantineDeployment(
      pipeline,
      { deployment_id: deployment_id as DeploymentId, reason, records, two_people },
      { principal, origin: 'deployment', request_id, correlation_id },
    );
    if (!result.ok) throw new NotExamined(result.refusal.detail);
    this.tools.logger.warn(
      { deployment_id, set_aside: result.value },
      'Records of a deployment were set aside.',
    );
  }

  /** Whether everything is as it has to be; what is not is kept in the log. */
  async #verify(
    { deployment_id, mode, epoch, begun, measured }: DeploymentHistory,
    context: CommandContext,
    report: Report,
    root: string | undefined,
  ): Promise<boolean> {
    if (!measured) throw new NotExamined('How everything stood before was not measured.');
    const { before } = measured;
    const { signal } = this.#closing;
    const findings: Finding[] = [];
    if (root !== undefined && root !== before.root)
      findings.push({
        code: 'records_changed',
        detail: 'The root that was remembered before the deployment is not the one that the log says it had.',
      });
    for (const detail of await this.#troubles(PATIENCE_AFTER_MS, report('read models catch up')))
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
    await this.#execute(verifyDeployment, { deployment_id, position, findings }, context);
    if (findings.length > 0)
      this.tools.logger.error(
        { deployment_id, findings: findings.slice(0, 20), finding_count: findings.length },
        'The verification of a deployment failed: the guard stays up.',
      );
    return findings.length === 0;
  }

  /** What keeps this server from being deployed to, or is wrong with it afterwards: sentences. */
  async #troubles(patience_ms: number, onShare: OnShare): Promise<readonly string[]> {
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
        this.#closing.signal.throwIfAborted();
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
  async #execute(
    command: Parameters<CommandPipeline['execute']>[0],
    input: object,
    { principal, request_id, correlation_id }: CommandContext,
  ): Promise<void> {
    const context = { principal, origin: 'deployment', request_id, correlation_id } as const;
    const result = await this.tools.pipeline.execute(command, input, context);
    if (!result.ok) throw new NotExamined(result.refusal.detail);
  }
}

/** Begins a step; what it answers is told how much of it is done. */
type Report = (step: string) => OnShare;

const essence = ({ position, records, root }: { position: string; records: number; root: string }) => ({
  position,
  records,
  root,
});
