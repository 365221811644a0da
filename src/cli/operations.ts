import type { Config } from '../platform/config.js';
import type {
  Job,
  JobKind,
  JobOptions,
  LogStat,
  LogVerification,
  ReadModelStatus,
} from '../replay/operations.js';
import { verifyClosedLog } from '../stores.js';
import { LogCorrupt } from '../eventstore/event-store.js';
import { isGood, type Operations } from '../replay/operations.js';
import { openOperations } from '../main.js';
import { operatorClient } from './operator-client.js';
import { CliError, configure, count, print, table } from './output.js';
import { shownRetention } from './retention.js';
import { showProgress } from './progress.js';
import { findServer } from './server-address.js';

/** The operator's work, on a running server or on the stores themselves. */
interface Workplace {
  status(): Promise<ReadModelStatus>;
  logStat(): Promise<LogStat | undefined>;
  start(kind: JobKind, options: JobOptions): Promise<Job>;
  job(id: string): Promise<Job>;
  close(): Promise<void>;
}

const FOLLOW_MS = 200;

/** `projections list` */
export const listProjections = (options: { json: boolean }): Promise<void> =>
  atWork(async (workplace) => {
    const status = await workplace.status();
    print(options.json, status, () =>
      [
        table([
          ['read model', 'version', 'state', 'position', 'lag', 'parked'],
          ...status.projections.map(({ name, version, state, position, lag, parked }) => [
            name,
            version,
            state,
            position,
            lag,
            parked,
          ]),
        ]),
        ...status.parked.map(
          ({ projection, kind, id, position, waiting, error }) =>
            `✖ ${projection}: the ${kind} ${id} waits, with ${count(waiting)} records from ${position} on: ${error}`,
        ),
      ].join('\n'),
    );
  });

/** `projections retry [NAME…]` */
export const retryProjections = (names: readonly string[], options: { json: boolean }): Promise<void> =>
  atWork(async (workplace) => {
    const wanted = names.length > 0 ? { projections: names } : {};
    const job = await follow(workplace, 'retry', wanted, 'Retrying', options.json);
    print(options.json, { ok: isGood(job), ...job }, () => {
      if (!job.retried?.length) return 'Nothing is parked.';
      return job.retried
        .map(({ projection, tenant, id, outcome, error }) => {
          const mark = outcome === 'folded' ? '✓' : '✖';
          return `${mark} ${projection} ${tenant} ${id}: ${retryOutcomes[outcome]}${error === undefined ? '' : ` ${error}`}`;
        })
        .join('\n');
    });
  });

const retryOutcomes = {
  folded: 'folded.',
  failed: 'failed again:',
  needs_rebuild: 'can be folded now, but only in its order: rebuild the read model.',
  busy: 'something else is being done with the read model; try again when it is finished.',
  unknown: 'is not parked any more.',
} as const;

interface ReplayOptions {
  readonly all?: boolean;
  readonly fresh?: boolean;
  readonly json: boolean;
}

/** `projections rebuild [NAME…|--all]` */
export const rebuildProjections = (names: readonly string[], options: ReplayOptions): Promise<void> => {
  if (names.length === 0 && !options.all)
    throw new CliError('Which read models?', 'Name them, or pass --all; projections list shows them.', 2);
  const wanted = { ...(names.length > 0 && { projections: names }), fresh: options.fresh ?? false };
  return atWork(async (workplace) => {
    const job = await follow(workplace, 'rebuild', wanted, 'Rebuilding', options.json);
    print(options.json, { ok: isGood(job), ...job }, () =>
      (job.rebuilt ?? [])
        .map((outcome) => {
          switch (outcome.outcome) {
            case 'switched':
              return `✓ ${outcome.projection}: generation ${outcome.generation} is served; ${count(outcome.comparison.documents)} documents compared, ${count(outcome.comparison.differing)} differed.`;
            case 'poisoned':
              return `✖ ${outcome.projection}: the record at ${outcome.position} cannot be folded: ${outcome.error}`;
            case 'stopped':
              return `✖ ${outcome.projection}: stopped at ${outcome.position}; the next rebuild goes on from there.`;
            case 'busy':
              return `✖ ${outcome.projection}: something else is being done with it; try again when it is finished.`;
          }
        })
        .join('\n'),
    );
  });
};

/** `projections verify [NAME…]` */
export const verifyProjections = (names: readonly string[], options: { json: boolean }): Promise<void> =>
  atWork(async (workplace) => {
    const wanted = names.length > 0 ? { projections: names } : {};
    const job = await follow(workplace, 'verify', wanted, 'Verifying', options.json);
    print(options.json, { ok: isGood(job), ...job }, () =>
      (job.verified ?? [])
        .map((outcome) => {
          if (outcome.outcome !== 'verified') return `✖ ${outcome.projection}: ${outcome.outcome}.`;
          const { projection, documents, differing, digest, differences } = outcome;
          if (outcome.equal)
            return `✓ ${projection}: ${count(documents)} documents, all equal, digest ${digest.slice(0, 16)}`;
          const named = differences.map(
            ({ kind, tenant, id, paths }) => `    ${kind}: ${tenant} ${id} ${paths.join(' ')}`,
          );
          return [
            `✖ ${projection}: ${count(differing)} of ${count(documents)} documents differ:`,
            ...named,
          ].join('\n');
        })
        .join('\n'),
    );
  });

/** `log stat` */
export const statLog = (options: { json: boolean }): Promise<void> =>
  atWork(async (workplace) => {
    const stat = await workplace.logStat();
    if (!stat) throw new CliError('The log is a server’s; its own tools tell about it.');
    print(options.json, stat, () =>
      table([
        ['records', stat.records],
        ['streams', stat.streams],
        ['segments', stat.segments],
        ['bytes', stat.bytes],
        ['head', stat.head],
      ]),
    );
  });

/** `log seal` */
export const sealLog = (options: { json: boolean }): Promise<void> =>
  atWork(async (workplace) => {
    const { sealed } = await follow(workplace, 'log-seal', {}, 'Sealing', options.json);
    if (!sealed) return;
    const { segments, records, line_bytes, raw_bytes, bytes } = sealed;
    print(options.json, { ok: true, sealed }, () =>
      segments === 0
        ? '✓ Every full segment is sealed.'
        : `✓ ${count(records)} records in ${count(segments)} segments take ${count(bytes)} bytes where they took ${count(raw_bytes)}; telemetry as received: ${count(line_bytes)}.`,
    );
  });

/** `retention run [--dry-run]` */
export const runRetention = (options: { dryRun: boolean; json: boolean }): Promise<void> =>
  atWork(async (workplace) => {
    const wanted = { dry_run: options.dryRun };
    const { retention } = await follow(workplace, 'retention', wanted, 'Retiring', options.json);
    if (retention) print(options.json, { ok: true, retention }, () => shownRetention(retention));
  });

/** `log verify`: of a log that is too damaged to be opened, too. */
export const verifyLog = async (options: { json: boolean }): Promise<void> => {
  try {
    await atWork(async (workplace) => {
      const { log, seconds } = await follow(workplace, 'log-verify', {}, 'Verifying', options.json);
      if (log) showVerification(log, seconds, options.json);
    });
  } catch (error) {
    if (!(error instanceof LogCorrupt)) throw error;
    const progress = showProgress('Verifying', 'bytes', 0, options.json);
    const started = performance.now();
    const log = await verifyClosedLog(configure(), ({ bytes, total }) => {
      progress.update(bytes, total);
    });
    progress.stop();
    showVerification(log, (performance.now() - started) / 1000, options.json);
  }
};

const showVerification = (log: LogVerification, seconds: number, json: boolean): void => {
  const { records, bytes, chain, dropped, cut, problems } = log;
  if (problems.length > 0) process.exitCode = 1;
  print(json, { ok: problems.length === 0, seconds, log }, () => {
    const gone = dropped > 0 ? `, and of ${count(dropped)} that are gone the leaf hash is there` : '';
    const less = cut > 0 ? `, and of ${count(cut)} what is left is what was said` : '';
    if (problems.length === 0)
      return `✓ ${count(records)} records in ${count(bytes)} bytes in ${seconds.toFixed(1)} s: every byte checks out${gone}${less}; chain ${chain.slice(0, 16)}`;
    const named = problems.map(
      ({ segment, offset, detail }) =>
        `    ${segment ?? 'index'}${offset === undefined ? '' : ` at byte ${offset}`}: ${detail}`,
    );
    return [`✖ ${count(problems.length)} problems:`, ...named].join('\n');
  });
};

/** Follows a job to its end; a bad end is this program's, too. */
const follow = async (
  workplace: Workplace,
  kind: JobKind,
  options: JobOptions,
  what: string,
  json: boolean,
): Promise<Job> => {
  let job = await workplace.start(kind, options);
  const progress = showProgress(what, job.unit, 0, json);
  while (job.state === 'running') {
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
    job = await workplace.job(job.id);
    progress.update(job.done, job.share > 0 ? Math.round(job.done / job.share) : job.done);
  }
  progress.stop();
  if (job.state === 'failed') throw new CliError(job.error ?? 'The work failed.');
  if (!isGood(job)) process.exitCode = 1;
  return job;
};

const atWork = async (work: (workplace: Workplace) => Promise<void>): Promise<void> => {
  const config = configure();
  const server = await findServer(config);
  const workplace = server ? await remote(server, config) : await local(config);
  try {
    await work(workplace);
  } finally {
    await workplace.close();
  }
};

/** The stores themselves, with no server running. */
const local = async (config: Config): Promise<Workplace> => {
  const opened = await openOperations(config);
  const { operations } = opened;
  return {
    status: () => operations.status(),
    logStat: () => operations.logStat(),
    start: (kind, options) => Promise.resolve(operations.start(kind, options)),
    job: (id) => Promise.resolve(known(operations, id)),
    close: () => opened.close(),
  };
};

const known = (operations: Operations, id: string): Job => {
  const job = operations.job(id);
  if (!job) throw new CliError('The job is not known any more.');
  return job;
};

/** The running server, asked with the operator's token. */
const remote = async (server: string, config: Config): Promise<Workplace> => {
  const ask = await operatorClient(server, config);
  return {
    status: () => ask('GET', '/_ops/projections'),
    logStat: async () => (await ask<{ log: LogStat | null }>('GET', '/_ops/log')).log ?? undefined,
    start: (kind, options) => ask('POST', '/_ops/jobs', { kind, ...options }),
    job: (id) => ask('GET', `/_ops/jobs/${id}`),
    close: () => Promise.resolve(),
  };
};
