import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeploymentStatus } from '../deployments/deployments.js';
import type { DeploymentHistory } from '../deployments/history.js';
import { deploymentPage } from '../deployments/page.js';
import { publicId } from '../domain/ids.js';
import { systemClock } from '../platform/clock.js';
import type { Config } from '../platform/config.js';
import { systemRandom } from '../platform/random.js';
import { uuidV7 } from '../platform/uuid.js';
import { carryOut, type DeployResult, type DeployWorld } from './deploying/carry-out.js';
import { gitTree, isRunning, passOn, runCommand } from './deploying/commands.js';
import { readJournal, writeJournal, type CommandProcess, type Journal } from './deploying/journal.js';
import { waitingServer } from './deploying/waiting-server.js';
import { operatorClient, type OperatorClient } from './operator-client.js';
import { CliError, configure, print } from './output.js';
import { findServer } from './server-address.js';

/** What `deploy run` and `deploy resume` exit with; docs/deploying.md has them. */
const exitCodes: Readonly<Record<DeployResult['outcome'], number>> = {
  deployed: 0,
  rolled_back: 1,
  not_begun: 3,
  stuck: 4,
  ended_by_hand: 4,
};
const NOT_BEGUN = 3;
const INTERRUPTED = 5;

const LOOK_MS = 200;

const now = (): string => new Date(systemClock.now()).toISOString();

interface RunOptions {
  readonly release?: string;
  readonly mode: 'strict' | 'allow_ingest';
  readonly rollbackCommand?: string;
  readonly allowDirty: boolean;
  readonly wait: string;
  readonly json: boolean;
}

/** `deploy run -- COMMAND` */
export const deployRun = async (command: readonly string[], options: RunOptions): Promise<void> => {
  const config = configure();
  const patience_ms = secondsOf(options.wait);
  const unfinished = await readJournal(config.PULSESTREAM_DATA_DIR);
  if (unfinished && !unfinished.outcome)
    throw new CliError(
      `The deployment of ${unfinished.release} did not come to its end.`,
      'pulsestream deploy resume goes on with it, or takes it back.',
    );
  const tree = await gitTree();
  const troubles: string[] = [];
  if (tree && tree.changed.length > 0 && !options.allowDirty)
    troubles.push(`the git tree has changes: ${tree.changed.slice(0, 5).join(', ')}`);
  if ((await findServer(config)) === undefined) troubles.push('no server is running');
  const deployment_id = publicId('deployment', uuidV7(systemClock, systemRandom));
  const release = options.release ?? tree?.commit ?? deployment_id;
  if (troubles.length > 0) {
    process.exitCode = NOT_BEGUN;
    const why = troubles.join('; ');
    print(
      options.json,
      { ok: false, outcome: 'not_begun', release, why },
      () => `✖ Nothing was begun: ${why}.`,
    );
    return;
  }
  const journal: Journal = {
    ...{ deployment_id, release, mode: options.mode, command, step: 'begin' },
    ...(options.rollbackCommand !== undefined && { rollback_command: options.rollbackCommand }),
  };
  await writeJournal(config.PULSESTREAM_DATA_DIR, journal);
  await finish(journal, config, { patience_ms, json: options.json });
};

/** `deploy resume` */
export const deployResume = async (options: {
  readonly rerun: boolean;
  readonly rollBack: boolean;
  readonly wait: string;
  readonly json: boolean;
}): Promise<void> => {
  const config = configure();
  const patience_ms = secondsOf(options.wait);
  const found = await readJournal(config.PULSESTREAM_DATA_DIR);
  if (!found || found.outcome)
    throw new CliError('There is no deployment to go on with.', 'pulsestream deploy status shows the guard.');
  await ended(found);
  await finish(from(found, options), config, { patience_ms, json: options.json });
};

/** Waits for a command that outlived the process which started it: two of them at once would undo each other. */
const ended = async ({ step, process: started }: Journal): Promise<void> => {
  if (!started || (step !== 'running' && step !== 'undoing')) return;
  for (let told = false; await isRunning(started); told = true) {
    if (!told)
      console.error(`· the command still runs, as process ${String(started.pid)}: waiting for its end`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
};

/** Where to go on: a command that may have run in part is taken back, unless it is said that it may run again. */
const from = (
  journal: Journal,
  { rerun, rollBack }: { readonly rerun: boolean; readonly rollBack: boolean },
): Journal => {
  if (rollBack && !['undo', 'undoing', 'roll_back'].includes(journal.step)) {
    const ran = !['begin', 'run'].includes(journal.step);
    return { ...journal, step: ran ? 'undo' : 'roll_back', reason: 'the operator asked for it' };
  }
  return rerun && journal.step === 'running' ? { ...journal, step: 'run' } : journal;
};

const secondsOf = (text: string): number => {
  const seconds = Number(text);
  if (!Number.isFinite(seconds) || seconds <= 0 || seconds > 86_400)
    throw new CliError('--wait takes seconds.', undefined, 2);
  return seconds * 1000;
};

/** Carries a deployment out to its end and tells how it came out. */
const finish = async (
  journal: Journal,
  config: Config,
  { patience_ms, json }: { readonly patience_ms: number; readonly json: boolean },
): Promise<void> => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      passOn(signal);
      console.error('✖ Interrupted: the guard stays as it is. Go on with: pulsestream deploy resume');
      process.exit(INTERRUPTED);
    });
  const result = await carryOut(journal, worldOf(config, patience_ms));
  process.exitCode = exitCodes[result.outcome];
  const reports = result.outcome === 'not_begun' ? undefined : await keepReports(config, result.journal);
  const { deployment_id, release, reason } = result.journal;
  const why = 'why' in result ? result.why : reason;
  const { outcome } = result;
  print(
    json,
    {
      ok: outcome === 'deployed',
      ...{ outcome, deployment_id, release },
      ...(why !== undefined && { why }),
      ...(reports && { reports }),
    },
    () => [sentence(result, why), ...(reports ?? []).map((file) => `  ${file}`)].join('\n'),
  );
};

const sentence = (result: DeployResult, why = ''): string => {
  const { release, deployment_id, command, rollback_command } = result.journal;
  switch (result.outcome) {
    case 'deployed':
      return `✓ ${release} is deployed and verified (${deployment_id}).`;
    case 'rolled_back':
      return rollback_command === undefined
        ? `✖ Not deployed: ${why}. Log and read models are as before; what ${command.join(' ')} did is not taken back: there was no --rollback-command.`
        : `✖ Rolled back: ${why}. Everything is as before.`;
    case 'not_begun':
      return `✖ Nothing was begun: ${why}`;
    case 'ended_by_hand':
      return `✖ A person lowered the guard meanwhile; ${release} is not verified.`;
    case 'stuck':
      return `✖ The guard stays up, and a person is needed: ${why}\n  pulsestream deploy status shows what was found; pulsestream deploy resume tries again.`;
  }
};

const worldOf = (config: Config, patience_ms: number): DeployWorld => {
  let told = '';
  let at = 0;
  const noting = (journal: Journal) => (process: CommandProcess) =>
    writeJournal(config.PULSESTREAM_DATA_DIR, { ...journal, process });
  return {
    server: waitingServer(config, patience_ms),
    deploy: (journal) =>
      runCommand(journal.command, journal, {
        shell: false,
        started: noting({ ...journal, step: 'running' }),
      }),
    undo: (journal) => {
      const started = noting({ ...journal, step: 'undoing' });
      return runCommand([journal.rollback_command ?? ''], journal, { shell: true, started });
    },
    keep: (journal) => writeJournal(config.PULSESTREAM_DATA_DIR, journal),
    tell: (what, share) => {
      // On a terminal each step is told as it comes, and how far it is every few seconds.
      const now = performance.now();
      if (what === told && now - at < 2_000) return;
      told = what;
      at = now;
      console.error(`· ${what}${share === undefined ? '' : ` ${String(Math.floor(share * 100))} %`}`);
    },
    pause: () => new Promise((resolve) => setTimeout(resolve, LOOK_MS)),
  };
};

/** Keeps the report beside the journal; a deployment is over without it, too. */
const keepReports = async (
  config: Config,
  { deployment_id }: Journal,
): Promise<readonly string[] | undefined> => {
  const base = join(config.PULSESTREAM_DATA_DIR, 'deployments', deployment_id);
  try {
    const ask = await atServer(config);
    const history = await ask<DeploymentHistory>('GET', `/_deploy/${deployment_id}/report`);
    await writeFile(`${base}.json`, `${JSON.stringify(history, null, 2)}\n`);
    await writeFile(`${base}.html`, deploymentPage(history, now()));
    return [`${base}.json`, `${base}.html`];
  } catch (error) {
    console.error(
      `  The report could not be kept: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  }
};

const atServer = async (config: Config): Promise<OperatorClient> => {
  const server = await findServer(config);
  if (server === undefined) throw new CliError('No server is running.', 'Start one: pulsestream serve');
  return operatorClient(server, config);
};

/** `deploy status` */
export const deployStatus = async (options: { readonly json: boolean }): Promise<void> => {
  const config = configure();
  const status = await (await atServer(config))<DeploymentStatus>('GET', '/_deploy/status');
  const journal = await readJournal(config.PULSESTREAM_DATA_DIR);
  const unfinished = journal && !journal.outcome ? journal : undefined;
  print(options.json, { ...status, ...(unfinished && { journal: unfinished }) }, () =>
    [
      status.mode === 'open'
        ? '✓ The guard is down.'
        : `The guard is up (${status.mode}): ${status.release ?? 'DEPLOYMENT_MODE'}, ${status.phase}${status.error === undefined ? '' : `: ${status.error}`}.`,
      ...(status.verified?.findings ?? []).map(
        ({ code, position = '', detail }) => `  ✖ ${code} ${position}: ${detail}`,
      ),
      ...(unfinished
        ? [`  ${unfinished.release} stopped before "${unfinished.step}": pulsestream deploy resume`]
        : []),
      ...(status.last
        ? [`  Last: ${status.last.release}, ${status.last.outcome} at ${status.last.at}.`]
        : []),
    ].join('\n'),
  );
};

/** `deploy report ID` */
export const deployReport = async (
  deployment_id: string,
  options: { readonly html: boolean },
): Promise<void> => {
  const ask = await atServer(configure());
  const path = `/_deploy/${encodeURIComponent(deployment_id)}/report`;
  const history = await ask<DeploymentHistory>('GET', path);
  console.log(options.html ? deploymentPage(history, now()) : JSON.stringify(history, null, 2));
};
