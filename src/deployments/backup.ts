import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupNote } from '../domain/deployment/deployment.js';
import type { DeploymentId } from '../domain/ids.js';
import type { EventLog, Position } from '../eventstore/event-store.js';
import type { LogTree } from '../eventstore/log-tree.js';

/** What an embedded log can do for a backup: see EmbeddedEventStore.snapshot. */
export interface LogSnapshots {
  snapshot(
    directory: string,
    onProgress?: (progress: { readonly bytes: number; readonly total: number }) => void,
  ): Promise<{
    readonly head: Position;
    readonly records: number;
    readonly bytes: number;
    readonly chain: string;
    readonly expected_chain: string;
    readonly problems: readonly { readonly segment?: string; readonly detail: string }[];
  }>;
}

/** A backup that could not be made, or does not hold what the log holds. */
export class BackupFailed extends Error {
  constructor(detail: string) {
    super(`The backup cannot be relied on: ${detail}`);
    this.name = 'BackupFailed';
  }
}

interface BackupSources {
  readonly log: EventLog;
  /** Absent where the log is a server's. */
  readonly snapshots: LogSnapshots | undefined;
  readonly tree: Pick<LogTree, 'head'>;
  /** Where backups go: a directory for each. */
  readonly directory: string;
}

/** Backups that are kept besides the newest; older ones are deleted when a new one is good. */
const KEPT = 4;

/**
 * Backs the log up, once for a deployment: what an earlier try left is made anew. An embedded log is copied and read
 * back; of a log that is a server's it is noted up to where its own backup must reach, and what it must then hold.
 */
export const backUp = async (
  { log, snapshots, tree, directory }: BackupSources,
  id: DeploymentId,
  onShare: (share: number) => void,
): Promise<BackupNote> => {
  if (!snapshots) {
    const position = await log.head();
    const { size: records, root } = await tree.head();
    return { kind: 'position', position, records, root: Buffer.from(root).toString('base64') };
  }
  const place = join(directory, id);
  await mkdir(directory, { recursive: true, mode: 0o750 });
  await rm(place, { recursive: true, force: true });
  const made = await snapshots.snapshot(place, ({ bytes, total }) => {
    onShare(total === 0 ? 1 : bytes / total);
  });
  const [problem] = made.problems;
  if (problem) throw new BackupFailed(`${problem.segment ?? 'the log'}: ${problem.detail}`);
  if (made.chain !== made.expected_chain) throw new BackupFailed('it does not end as the log does.');
  await dropOld(directory, id);
  const { head: position, records, bytes, chain } = made;
  return { kind: 'snapshot', place, position, records, bytes, chain };
};

/** Deployments' ids begin with their time: the order of names is that of age. */
const dropOld = async (directory: string, newest: DeploymentId): Promise<void> => {
  const others = (await readdir(directory)).filter((name) => name.startsWith('dep_') && name !== newest);
  for (const name of others.sort().slice(0, -KEPT))
    await rm(join(directory, name), { recursive: true, force: true });
};
