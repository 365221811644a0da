import { beginDeployment } from '../commands/begin-deployment.js';
import { completeDeployment } from '../commands/complete-deployment.js';
import { done, refused, type CommandContext, type CommandResult, type Step } from '../commands/command.js';
import { overrideDeployment } from '../commands/override-deployment.js';
import { rollBackDeployment } from '../commands/roll-back-deployment.js';
import type { BackupNote, GuardMode, GuardState } from '../domain/deployment/deployment.js';
import type { Finding } from '../domain/deployment/verification.js';
import type { DeploymentId } from '../domain/ids.js';
import { DeploymentSteps, type DeploymentTools, type Report } from './deployment-steps.js';
import { NotExamined } from './examination.js';
import { readDeployments, type DeploymentEnd, type DeploymentHistory } from './history.js';

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

/**
 * Carries deployments through on the running server: checks, backs up and measures with the guard up, verifies, and
 * lowers the guard. What matters is in the log; what is lost with the process is only how far it was, and each step
 * can be asked for again.
 */
export class Deployments {
  readonly #closing = new AbortController();
  #work: Work | undefined;
  #running: Promise<void> = Promise.resolve();

  readonly #steps: DeploymentSteps;

  constructor(private readonly tools: DeploymentTools) {
    this.#steps = new DeploymentSteps(tools, this.#closing.signal);
  }

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
      const troubles = await this.#steps.troubles();
      if (troubles.length > 0)
        return refused('conflict', 'precheck_failed', `Nothing was begun: ${troubles.join(' ')}`);
    }
    const begun = await pipeline.execute(beginDeployment, wish, context);
    if (!begun.ok) return begun;
    const { deployment_id } = begun.value;
    const history = await this.history(deployment_id);
    if (history && !history.measured && !history.end)
      this.#start(deployment_id, 'preparing', async (report) => {
        await this.#steps.prepare(
          history,
          context,
          report,
          await this.#steps.settled(history.begun.position),
        );
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
      await this.#steps.verify(history, context, report, root);
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
      if (!history.measured) await this.#steps.prepare(history, context, report, history.begun.position);
      const measured = (await this.history(deployment_id)) ?? history;
      report('what was introduced is set aside');
      await this.#steps.setAside(measured, reason, context);
      if (!(await this.#steps.verify(measured, context, report, root))) return;
      await this.#steps.execute(rollBackDeployment, { deployment_id, reason }, context);
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
}

const essence = ({ position, records, root }: { position: string; records: number; root: string }) => ({
  position,
  records,
  root,
});
