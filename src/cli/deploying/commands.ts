import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Journal } from './journal.js';

/** What a deployment's commands find in their environment: the server that they start marks its records with the release. */
const environmentOf = ({ release, deployment_id }: Journal): NodeJS.ProcessEnv => ({
  ...process.env,
  PULSESTREAM_RELEASE: release,
  DEPLOYMENT_ID: deployment_id,
});

/**
 * Runs a program and answers its exit code, 128 and the signal's number where a signal ended it, 127 where it cannot
 * be started. What it prints goes to standard error: standard output is for the result. A program that it leaves
 * running, such as a server, is not waited for.
 */
export const runCommand = (
  command: readonly string[],
  journal: Journal,
  { shell }: { readonly shell: boolean },
): Promise<number> =>
  new Promise((resolve) => {
    const [program = '', ...args] = command;
    const child = spawn(program, args, { env: environmentOf(journal), stdio: ['ignore', 2, 2], shell });
    child.once('error', (error) => {
      console.error(`✖ ${error.message}`);
      resolve(127);
    });
    child.once('exit', (code, signal) => {
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });

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
