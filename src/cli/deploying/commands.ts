import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import type { CommandProcess, Journal } from './journal.js';

/** What a deployment's commands find in their environment: the server that they start marks its records with the release. */
const environmentOf = ({ release, deployment_id }: Journal): NodeJS.ProcessEnv => ({
  ...process.env,
  PULSESTREAM_RELEASE: release,
  DEPLOYMENT_ID: deployment_id,
});

/** When a process was started, by Linux' account (proc(5), the 22nd field of stat). */
const startOf = async (pid: number): Promise<string | undefined> => {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => undefined);
  // The name, which stands in brackets, may hold anything.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
};

/** Whether a process that a journal names still runs. */
export const isRunning = async ({ pid, started }: CommandProcess): Promise<boolean> => {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return started === undefined || (await startOf(pid)) === started;
};

/** The programs that run now: a signal that ends this process is theirs, too. */
const underWay = new Set<ChildProcess>();

/** Hands a signal on to the programs that run. */
export const passOn = (signal: NodeJS.Signals): void => {
  for (const child of underWay) child.kill(signal);
};

/**
 * Runs a program and answers its exit code, 128 and the signal's number where a signal ended it, 127 where it cannot
 * be started. What it prints goes to standard error: standard output is for the result. A program that it leaves
 * running, such as a server, is not waited for. `started` is told which process it is.
 */
export const runCommand = async (
  command: readonly string[],
  journal: Journal,
  { shell, started }: { readonly shell: boolean; readonly started: (it: CommandProcess) => Promise<void> },
): Promise<number> => {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: environmentOf(journal), stdio: ['ignore', 2, 2], shell });
  underWay.add(child);
  const ended = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      console.error(`✖ ${error.message}`);
      resolve(127);
    });
    child.once('exit', (code, signal) => {
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
  const { pid } = child;
  if (pid !== undefined) {
    const start = await startOf(pid);
    await started({ pid, ...(start !== undefined && { started: start }) });
  }
  const code = await ended;
  underWay.delete(child);
  return code;
};

/** What a program prints, or undefined where it fails or is not there. */
const output = (program: string, args: readonly string[]): Promise<string | undefined> =>
  new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    child.once('error', () => {
      resolve(undefined);
    });
    child.once('close', (code) => {
      resolve(code === 0 ? text : undefined);
    });
  });

/** The git tree of the working directory: the commit, and what was changed since; undefined where there is none. */
export const gitTree = async (): Promise<
  { readonly commit: string; readonly changed: readonly string[] } | undefined
> => {
  const commit = await output('git', ['rev-parse', '--short=12', 'HEAD']);
  const status = await output('git', ['status', '--porcelain']);
  if (commit === undefined || status === undefined) return undefined;
  return { commit: commit.trim(), changed: status.split('\n').filter((line) => line !== '') };
};
