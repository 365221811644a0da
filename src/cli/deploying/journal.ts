import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../../platform/errors.js';

/**
 * Where a deployment goes on after its process died. `running`: the command was started, and nobody knows how far it
 * got; `undoing`: the same of the rollback command.
 */
export type DeployStep =
  'begin' | 'run' | 'running' | 'verify' | 'complete' | 'undo' | 'undoing' | 'roll_back' | 'done';

/** A process by its number and by when it was started, since numbers are used again. */
export interface CommandProcess {
  readonly pid: number;
  /** As the system counts it; absent where it does not say. */
  readonly started?: string;
}

/** `ended_by_hand`: a person lowered the guard meanwhile. */
export type DeployOutcome = 'deployed' | 'rolled_back' | 'not_begun' | 'ended_by_hand';

/** Everything that carrying a deployment through depends on besides the server; written before each step. */
export interface Journal {
  readonly deployment_id: string;
  readonly release: string;
  readonly mode: 'strict' | 'allow_ingest';
  readonly command: readonly string[];
  /** For the shell. */
  readonly rollback_command?: string;
  readonly step: DeployStep;
  /** The command that runs, or did when the journal was written. */
  readonly process?: CommandProcess;
  /** The log's root before the deployment: what is verified against it, whatever the log says. */
  readonly root?: string;
  /** Why it is rolled back. */
  readonly reason?: string;
  /** How it ended; absent where it is to be gone on with. */
  readonly outcome?: DeployOutcome;
}

const fileOf = (data_directory: string): string => join(data_directory, 'deployments', 'current.json');

/** The deployment that was begun last from this data directory; undefined where there was none. */
export const readJournal = async (data_directory: string): Promise<Journal | undefined> => {
  try {
    return JSON.parse(await readFile(fileOf(data_directory), 'utf8')) as Journal;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** Replaces the journal, durably: after a crash it is the old one or the new one. */
export const writeJournal = async (data_directory: string, journal: Journal): Promise<void> => {
  const file = fileOf(data_directory);
  await mkdir(dirname(file), { recursive: true });
  const next = await open(`${file}.next`, 'w', 0o600);
  try {
    await next.writeFile(JSON.stringify(journal));
    await next.sync();
  } finally {
    await next.close();
  }
  await rename(`${file}.next`, file);
  const directory = await open(dirname(file));
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
};
