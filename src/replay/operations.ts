import type { RetentionReport, runRetention } from '../processes/retention/run-retention.js';
import type { Position } from '../eventstore/event-store.js';
import type { RetryOutcome } from '../projections/runner/lane.js';
import type { Parked, ParkedKey } from '../projections/runner/parking.js';
import type { HostStatus } from '../projections/runner/status.js';
import { rebuild, type RebuildOutcome, type Replay } from './rebuild.js';
import { verify, type VerifyOutcome } from './verify.js';

/** What can be asked of the log's own files; stores that are servers look after theirs. */
export interface LogInspection {
  stat(): Promise<LogStat>;
  /** Reads everything and checks every byte, hash, revision and index entry. */
  verify(
    onProgress: (progress: { readonly bytes: number; readonly total: number }) => void,
  ): Promise<LogVerification>;
  /** Encodes anew, column by column, what is full; no record changes. */
  seal(
    onProgress: (progress: { readonly bytes: number; readonly total: number }) => void,
  ): Promise<LogSealing>;
}

/** What sealing came to. */
export interface LogSealing {
  readonly segments: number;
  readonly records: number;
  /** Of the lines of telemetry in them, as received. */
  readonly line_bytes: number;
  /** What the sealed segments took before, and what they take now. */
  readonly raw_bytes: number;
  readonly bytes: number;
}

export interface LogStat {
  readonly head: Position;
  readonly records: number;
  /** On disk, with the room made ahead. */
  readonly bytes: number;
  readonly segments: number;
  readonly streams: number;
}

export interface LogVerification {
  readonly records: number;
  readonly bytes: number;
  /** The chain's newest hash, in hexadecimal: two logs with the same one hold the same records. */
  readonly chain: string;
  /** Records of telemetry of which there is the leaf hash only, as the log says. */
  readonly dropped: number;
  /** Records of telemetry out of which events are cut, as the log says. */
  readonly cut: number;
  readonly problems: readonly LogProblem[];
}

export interface LogProblem {
  /** Absent where it is about the index. */
  readonly segment?: string;
  readonly offset?: number;
  readonly detail: string;
}

export type JobKind = 'rebuild' | 'verify' | 'retry' | 'log-verify' | 'log-seal' | 'retention';

/** A long piece of work that was asked for, and how far it is. */
export interface Job {
  readonly id: string;
  readonly kind: JobKind;
  readonly state: 'running' | 'done' | 'failed';
  /** From 0 to 1. */
  readonly share: number;
  readonly done: number;
  readonly unit: 'records' | 'bytes';
  readonly seconds: number;
  readonly rebuilt?: readonly RebuildOutcome[];
  readonly verified?: readonly VerifyOutcome[];
  readonly retried?: readonly Retried[];
  readonly log?: LogVerification;
  readonly sealed?: LogSealing;
  readonly retention?: RetentionReport;
  readonly error?: string;
}

export interface JobOptions {
  /** Names of read models; absent: all of them. */
  readonly projections?: readonly string[];
  /** Begins a rebuild anew even where an unfinished one could be gone on with. */
  readonly fresh?: boolean;
  /** Of retention: says what would be done, and does nothing. */
  readonly dry_run?: boolean;
}

/** How the read models stand, and the first of what is parked in them. */
export interface ReadModelStatus extends HostStatus {
  readonly parked: readonly (Parked & { readonly projection: string })[];
}

/** A parked key, and what came of folding its records once more. */
export interface Retried extends ParkedKey {
  readonly projection: string;
  readonly outcome: RetryOutcome['outcome'];
  /** Why it failed again. */
  readonly error?: string;
}

/** What is asked of the read models of this process. */
interface Host {
  status(): Promise<HostStatus>;
  parked(): ReadModelStatus['parked'];
  retry(key: ParkedKey & { readonly projection: string }): Promise<RetryOutcome>;
}

type Report = (share: number, done: number) => void;
type Result = Pick<Job, 'rebuilt' | 'verified' | 'retried' | 'log' | 'sealed' | 'retention'>;

/** A job that cannot be started, and why. */
export class JobRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JobRefused';
  }
}

/** A fold that takes no event of some kind parks as many documents as there are. */
const PARKED_SHOWN = 100;
/** How many finished jobs are remembered. */
const REMEMBERED = 100;

/** The operator's work on a running process: started, followed by asking again, and remembered until it ends. */
export class Operations {
  readonly #jobs = new Map<string, Job>();

  constructor(
    private readonly replay: Replay,
    private readonly projections: readonly string[],
    private readonly host: Host,
    private readonly inspection: LogInspection | undefined,
    private readonly retention: ReturnType<typeof runRetention>,
    private readonly newId: () => string,
  ) {}

  async status(): Promise<ReadModelStatus> {
    return { ...(await this.host.status()), parked: this.host.parked().slice(0, PARKED_SHOWN) };
  }

  /** Undefined where the log is a server's. */
  async logStat(): Promise<LogStat | undefined> {
    return this.inspection?.stat();
  }

  job(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  /** Starts a job; throws JobRefused where it makes no sense. */
  start(kind: JobKind, options: JobOptions = {}): Job {
    const names = options.projections ?? this.projections;
    const unknown = names.filter((name) => !this.projections.includes(name));
    if (unknown.length > 0)
      throw new JobRefused(
        `There is no read model ${unknown.join(', ')}; there are ${this.projections.join(', ')}.`,
      );
    const { inspection } = this;
    switch (kind) {
      case 'rebuild':
        return this.#run(kind, async (report) => ({
          rebuilt: await rebuild(this.replay, names, {
            fresh: options.fresh ?? false,
            onProgress: ({ share, events }) => {
              report(share, events);
            },
          }),
        }));
      case 'verify':
        return this.#run(kind, async (report) => ({
          verified: await verify(this.replay, names, {
            onProgress: ({ share, events }) => {
              report(share, events);
            },
          }),
        }));
      case 'retry':
        return this.#run(kind, async (report) => ({ retried: await this.#retry(names, report) }));
      case 'log-verify':
        if (!inspection) throw new JobRefused('The log is a server’s; its own tools check it.');
        return this.#run(kind, async (report) => ({
          log: await inspection.verify(({ bytes, total }) => {
            report(total === 0 ? 1 : bytes / total, bytes);
          }),
        }));
      case 'log-seal':
        if (!inspection) throw new JobRefused('The log is a server’s; it looks after its own files.');
        return this.#run(kind, async (report) => ({
          sealed: await inspection.seal(({ bytes, total }) => {
            report(total === 0 ? 1 : bytes / total, bytes);
          }),
        }));
      case 'retention':
        return this.#run(kind, async (report) => ({
          retention: await this.retention({
            dry_run: options.dry_run ?? false,
            signal: this.replay.maintenance.signal,
            onProgress: report,
          }),
        }));
    }
  }

  /** Folds what is parked once more, key by key. */
  async #retry(names: readonly string[], report: Report): Promise<readonly Retried[]> {
    const parked = this.host.parked().filter(({ projection }) => names.includes(projection));
    const retried: Retried[] = [];
    for (const { projection, kind, tenant, id } of parked) {
      const result = await this.host.retry({ projection, kind, tenant, id });
      const error = result.outcome === 'failed' ? { error: result.error } : {};
      retried.push({ projection, kind, tenant, id, outcome: result.outcome, ...error });
      report(retried.length / parked.length, retried.length);
    }
    return retried;
  }

  #run(kind: JobKind, work: (report: Report) => Promise<Result>): Job {
    const id = this.newId();
    const { clock } = this.replay;
    const begun = clock.monotonic();
    const unit = kind === 'log-verify' || kind === 'log-seal' ? 'bytes' : 'records';
    let job: Job = { id, kind, state: 'running', share: 0, done: 0, unit, seconds: 0 };
    const change = (changes: Partial<Job>): void => {
      job = { ...job, ...changes, seconds: (clock.monotonic() - begun) / 1000 };
      this.#jobs.set(id, job);
    };
    change({});
    this.#forget();
    work((share, done) => {
      change({ share, done });
    }).then(
      (result) => {
        change({ ...result, state: 'done', share: 1 });
      },
      (error: unknown) => {
        change({ state: 'failed', error: error instanceof Error ? error.message : String(error) });
      },
    );
    return job;
  }

  #forget(): void {
    for (const [id, job] of this.#jobs) {
      if (this.#jobs.size <= REMEMBERED) return;
      if (job.state !== 'running') this.#jobs.delete(id);
    }
  }
}

/** Whether a job came to a good end: everything switched, equal, or without a problem. */
export const isGood = (job: Job): boolean =>
  job.state === 'done' &&
  (job.rebuilt ?? []).every(({ outcome }) => outcome === 'switched') &&
  (job.verified ?? []).every((outcome) => outcome.outcome === 'verified' && outcome.equal) &&
  (job.retried ?? []).every(({ outcome }) => outcome === 'folded') &&
  (job.log?.problems ?? []).length === 0;
