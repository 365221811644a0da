import type { EventLog, Position } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import { lowest } from '../../projections/runner/follow.js';
import type { Lane } from '../../projections/runner/lane.js';
import type { Maintenance } from '../../projections/runner/maintenance.js';
import { distance } from '../../projections/runner/status.js';
import { LogView } from '../log-view.js';
import { giveWay } from './courtesy.js';
import { compareServed } from './compare-served.js';
import { DifferenceCount, differencesOf, type Differences, type Documents } from './differences.js';
import { isAnother, leftOut, type ReplayResult, type ReplayWanted } from './replay.js';

/** What replays work with. They are given neither a writer of the log nor a channel to notify on. */
export interface ReplayContext {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly maintenance: Maintenance;
}

/** A replay to be carried out, or gone on with. */
export interface Assignment {
  readonly id: string;
  readonly wanted: ReplayWanted;
  readonly range: { readonly after: Position; readonly until?: Position };
  /** Of read models that are compared already. */
  readonly results: readonly ReplayResult[];
}

export interface Reports {
  /** How much of the folding is done, from 0 to 1, and how many events were folded since the last report. */
  progress(share: number, events: number): void;
  result(result: ReplayResult): Promise<void>;
}

/** What a replay compares cannot be compared. */
export class NotComparable extends Error {}

type Side = 'baseline' | 'candidate';

/** Read models that one walk along the log folds. */
interface Pass {
  readonly side: Side;
  readonly names: readonly string[];
  readonly until?: Position;
}

/**
 * Folds a past into generations of their own, which are never served, and compares them. Stopped or killed, it goes on
 * from their checkpoints when it is carried out again.
 */
export class CarryingOut {
  constructor(
    private readonly context: ReplayContext,
    private readonly assignment: Assignment,
    private readonly reports: Reports,
    private readonly signal: AbortSignal,
  ) {}

  /** Ends early where the signal aborts. */
  async run(): Promise<void> {
    const { results, wanted } = this.assignment;
    const names = wanted.projections.filter((name) => results.every(({ projection }) => projection !== name));
    const passes = await this.#passes(names);
    const baselines = new Map<string, Lane>();
    const candidates = new Map<string, Lane>();
    for (const [index, pass] of passes.entries()) {
      const lanes = await this.#fold(pass, (share, events) => {
        this.reports.progress((index + share) / passes.length, events);
      });
      if (this.signal.aborted) return;
      for (const [at, name] of pass.names.entries()) {
        const lane = lanes[at];
        if (lane) (pass.side === 'baseline' ? baselines : candidates).set(name, lane);
      }
    }
    for (const [projection, candidate] of candidates) {
      const differences = await this.#compare(projection, candidate, baselines.get(projection));
      if (this.signal.aborted) return;
      const { position, parked } = candidate;
      await this.reports.result({ projection, position, parked: parked.length, differences });
    }
  }

  /** Throws away what was folded. */
  async clear(): Promise<void> {
    const { maintenance } = this.context;
    for (const side of ['baseline', 'candidate'] as const)
      for (const name of this.assignment.wanted.projections)
        await maintenance.discard(
          await maintenance.apart(name, this.#nameOf(name, side), this.#view({ side })),
        );
  }

  /** What is compared with documents that were left where they stopped is folded up to there. */
  async #passes(names: readonly string[]): Promise<readonly Pass[]> {
    const { range, wanted } = this.assignment;
    const until = range.until === undefined ? {} : { until: range.until };
    switch (wanted.baseline) {
      case 'served':
        return [{ side: 'candidate', names, ...until }];
      case 'replayed':
        return [
          { side: 'baseline', names, ...until },
          { side: 'candidate', names, ...until },
        ];
      case 'previous': {
        const passes: Pass[] = [];
        for (const name of names) {
          const { position } = await this.#previous(name);
          passes.push({ side: 'candidate', names: [name], until: position });
        }
        return passes;
      }
    }
  }

  /** Folds a pass, or what is left of it. */
  async #fold(pass: Pass, report: (share: number, events: number) => void): Promise<readonly Lane[]> {
    const { maintenance, log } = this.context;
    const { after } = this.assignment.range;
    const view = this.#view(pass);
    const lanes: Lane[] = [];
    for (const name of pass.names)
      lanes.push(await maintenance.apart(name, this.#nameOf(name, pass.side), view));
    // Taken once: an end that moved on with the log might never be reached.
    const until = pass.until ?? (await log.head());
    const whole = distance(after, until);
    const share = (position: Position): number =>
      whole === 0 ? 1 : Math.min(1, distance(after, position) / whole);
    report(share(lowest(lanes)), 0);
    await maintenance.follow(lanes, {
      log: view,
      signal: this.signal,
      until,
      onProgress: (events, position) => {
        report(share(position), events);
      },
    });
    for (const lane of lanes) await lane.close();
    return lanes;
  }

  async #compare(projection: string, candidate: Lane, baseline: Lane | undefined): Promise<Differences> {
    const { wanted } = this.assignment;
    const { clock } = this.context;
    const count = new DifferenceCount(isAnother(wanted), candidate.projection);
    if (wanted.baseline === 'served')
      await compareServed(this.context, {
        candidate,
        projection,
        view: this.#view({ side: 'candidate' }),
        theirs: (documents) => this.#theirs(documents),
        count,
        signal: this.signal,
      });
    else {
      const documents = baseline?.documents ?? (await this.#previous(projection)).documents;
      await differencesOf(
        this.#theirs(documents),
        this.#theirs(candidate.documents),
        count,
        clock,
        this.signal,
      );
    }
    return count.differences;
  }

  /** The documents of the tenants that are replayed. */
  async *#theirs(documents: Documents): ReturnType<Documents['scan']> {
    const { tenants } = this.assignment.wanted;
    if (!tenants) yield* documents.scan();
    else for (const tenant of tenants.toSorted()) yield* documents.scan(tenant);
  }

  async #previous(name: string): Promise<NonNullable<Awaited<ReturnType<Maintenance['replaced']>>>> {
    const previous = await this.context.maintenance.replaced(name);
    if (previous) return previous;
    throw new NotComparable(
      `${name} was never rebuilt: there is no generation before the one that is served.`,
    );
  }

  #view({ side, until }: Pick<Pass, 'side' | 'until'>): LogView {
    const { wanted, range } = this.assignment;
    const { log, clock } = this.context;
    const without = side === 'candidate' ? leftOut(wanted) : undefined;
    const { route_patterns } = wanted;
    return new LogView(
      log,
      {
        after: range.after,
        ...(until !== undefined && { until }),
        ...(wanted.tenants && { tenants: new Set(wanted.tenants) }),
        ...(without && { without }),
        ...(side === 'candidate' && route_patterns && { route_patterns }),
      },
      () => giveWay(clock, this.signal),
    );
  }

  /** Of the collection: letters, digits and hyphens. */
  #nameOf(projection: string, side: Side): string {
    return `${projection}-${side}-${this.assignment.id.replaceAll('_', '-')}`;
  }
}
