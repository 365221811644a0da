import { Deployments } from '../../src/deployments/deployments.js';
import type { DeploymentTools } from '../../src/deployments/deployment-steps.js';
import type { Replay } from '../../src/replay/rebuild.js';
import type { CommandBench } from './command-bench.js';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Deployments on a log in memory, without read models. */
export const deploymentsOn = (
  { log, pipeline, guard, clock, quarantines }: CommandBench,
  {
    two_people = false,
    processes = [],
    ...more
  }: {
    two_people?: boolean;
    processes?: ReturnType<DeploymentTools['processes']>;
    others_ms?: number;
  } = {},
): Deployments => {
  const maintenance = {
    signal: new AbortController().signal,
    exclusively: (_names: readonly string[], work: () => Promise<unknown>) => work(),
    follow: () => Promise.resolve(),
  };
  return new Deployments({
    ...{ log, pipeline, guard, clock, logger: quiet, projections: [], snapshots: undefined, backups: '' },
    ...{ quarantines, quarantine_two_people: two_people },
    tree: { head: () => Promise.resolve({ size: 0, root: Buffer.alloc(32) }) },
    readStore: { health: () => Promise.resolve({ status: 'ok' }) },
    models: { reached: () => Promise.resolve(true) },
    host: { status: async () => ({ head: await log.head(), state: 'running', projections: [] }) },
    processes: () => processes,
    replay: { log, clock, maintenance } as unknown as Replay,
    ...more,
  });
};
