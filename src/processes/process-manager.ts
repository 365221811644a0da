import { quarantineEventTypes } from '../domain/quarantine/quarantine.js';
import {
  START,
  type EventBatch,
  type EventLog,
  type Position,
  type RecordedEvent,
} from '../eventstore/event-store.js';
import type { Clock } from '../platform/clock.js';
import type { Logger } from '../platform/logger.js';
import { changedRecords } from '../quarantine/changed.js';
import { isQuarantineEvent, QuarantineShelf } from '../quarantine/shelf.js';
import { TimeSlice } from '../projections/runner/time-slice.js';
import { Loop } from './loop.js';
import type { Process, ProcessDetails, ReactionOutcome, Run } from './process.js';
import type { Snapshots } from './snapshots.js';

/** How a process manager is doing. `waiting`: for a deployment's end, or for the store. */
export interface ProcessStatus {
  readonly name: string;
  readonly state: 'stopped' | 'running' | 'waiting' | 'failing';
  /** Why it waits or fails. */
  readonly detail?: string;
  readonly position: Position;
  readonly caught_up: boolean;
  /** Reactions that were refused for good, since the start. */
  readonly refused: number;
  readonly details: ProcessDetails;
}

export interface ProcessDependencies {
  readonly log: EventLog;
  readonly snapshots: Pick<Snapshots, 'load' | 'save'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Resolves once no record stamped before a time is still to come into the log. */
  readonly settle: (time: number) => Promise<void>;
}

/** Reactions of one step that are under way at the same time. */
const SIDE_BY_SIDE = 16;
/** The state is saved this often, or as often as keeps saving below a hundredth of the time. */
const SAVE_EVERY_MS = 30_000;
const SAVE_SHARE = 100;
const GUARD_RETRY_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A clock may be set while it is waited for. */
const LONGEST_WAIT_MS = 60_000;

/** Drives a process: brings it the log, carries its reactions out, keeps its state. */
export class ProcessManager<Reaction> {
  readonly #loop = new Loop((signal) => this.#keepFollowing(signal));
  #run: Run<Reaction> | undefined;
  #position: Position = START;
  #caughtUp = false;
  #waiting: string | undefined;
  #failing: string | undefined;
  #refused = 0;
  /** What is set aside as of where the run is; behind where it began, as of there. */
  #shelf: QuarantineShelf;
  /** The state was made of what is set aside by now, or without what is back: it is of no use any more. */
  #outdated = false;
  #save = { at: 0, every: SAVE_EVERY_MS };

  constructor(
    private readonly process: Process<Reaction>,
    private readonly dependencies: ProcessDependencies,
  ) {
    this.#shelf = new QuarantineShelf(dependencies.log, START);
  }

  /** Starts, unless it runs already. Failures are retried with growing pauses, for ever. */
  start(): void {
    this.#loop.start();
  }

  /** Stops after the record at hand and saves the state. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  status(): ProcessStatus {
    const detail = this.#failing ?? this.#waiting;
    const active = this.#failing !== undefined ? 'failing' : detail === undefined ? 'running' : 'waiting';
    return {
      name: this.process.name,
      state: this.#loop.isRunning ? active : 'stopped',
      ...(this.#loop.isRunning && detail !== undefined && { detail }),
      position: this.#position,
      caught_up: this.#caughtUp,
      refused: this.#refused,
      details: this.#run?.describe() ?? {},
    };
  }

  async #keepFollowing(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      const before = this.#position;
      try {
        await this.#follow(signal);
      } catch (error) {
        failures = this.#position > before ? 1 : failures + 1;
        this.#failing = error instanceof Error ? error.message : String(error);
        this.dependencies.logger.error(
          { err: error, process: this.process.name },
          'A process manager failed.',
        );
        await this.dependencies.clock.sleep(Math.min(LONGEST_PAUSE_MS, 250 * 2 ** failures), signal);
      }
    }
  }

  /** Goes along the log until the signal aborts, from the last saved state on. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { log, clock } = this.dependencies;
    const run = await this.#begin();
    const end = new AbortController();
    const filter = { types: [...this.process.reads, ...quarantineEventTypes] };
    const until = AbortSignal.any([signal, end.signal]);
    const batches = log.subscribe(this.#position, filter, until, { lent: true });
    const iterator = batches[Symbol.asyncIterator]();
    const slice = new TimeSlice(clock);
    try {
      let next = pull(iterator);
      for (let line: Line | undefined; ;) {
        const result = line || !this.#caughtUp ? await next : await this.#batchOrTime(next, run);
        if (signal.aborted) {
          await this.#keep(run);
          return;
        }
        if (result === 'time') line = await this.#drawLine();
        else {
          if (result.done) throw new Error('The subscription to the log has ended.');
          next = pull(iterator);
          if (!(await this.#take(run, result.value, signal))) return;
          // A run keeps what it counts, and no events.
          result.value.release?.();
        }
        if (line && this.#position >= line.reached) {
          if (!(await this.#react(run.passed(line.time), signal))) return;
          line = undefined;
        }
        this.#failing = undefined;
        if (clock.monotonic() - this.#save.at >= this.#save.every) await this.#keep(run);
        if (slice.over) await slice.rest();
      }
    } finally {
      end.abort();
    }
  }

  async #begin(): Promise<Run<Reaction>> {
    const { snapshots, log, clock } = this.dependencies;
    const snapshot = this.#outdated ? undefined : await snapshots.load(this.process.name);
    const resumed = snapshot && this.process.resume(snapshot.state);
    const shelf = new QuarantineShelf(log, resumed ? snapshot.position : await log.head());
    const run = resumed ?? (await this.process.begin(shelf.over(log)));
    this.#shelf = shelf;
    this.#outdated = false;
    this.#position = resumed ? snapshot.position : START;
    this.#caughtUp = false;
    this.#waiting = undefined;
    this.#run = run;
    this.#save = { at: clock.monotonic(), every: SAVE_EVERY_MS };
    return run;
  }

  /** The next batch, or `time` where something is due before it comes. The subscription's end counts as a batch. */
  async #batchOrTime(next: Pulled, run: Run<Reaction>): Promise<Awaited<Pulled> | 'time'> {
    const { clock } = this.dependencies;
    const due = run.due();
    if (due === undefined) return next;
    const wait = Math.min(due - clock.now(), LONGEST_WAIT_MS);
    if (wait <= 0) return 'time';
    const arrived = new AbortController();
    const time = clock.sleep(wait, arrived.signal).then(() => 'time' as const);
    try {
      return await Promise.race([next, time]);
    } finally {
      arrived.abort();
    }
  }

  /** Everything up to the log's end as it is now, and nothing that comes later, is stamped before the line. */
  async #drawLine(): Promise<Line> {
    const { clock, settle, log } = this.dependencies;
    const time = clock.now();
    await settle(time);
    return { time, reached: await log.head() };
  }

  async #take(run: Run<Reaction>, batch: EventBatch, signal: AbortSignal): Promise<boolean> {
    const shelf = this.#shelf;
    await shelf.meet(batch.events);
    const reactions: Reaction[] = [];
    for (const event of batch.events) {
      if (shelf.isNews(event)) {
        // What was decided before somebody set something aside stays decided.
        if (!(await this.#react(reactions.splice(0), signal))) return false;
        const amended = await this.#amend(run, event, shelf);
        this.#outdated = !amended;
        if (!amended) return false;
        reactions.push(...amended);
      } else if (!isQuarantineEvent(event)) {
        const visible = shelf.sight(event);
        if (visible) reactions.push(...run.take(visible));
      }
    }
    if (!(await this.#react(reactions, signal))) return false;
    this.#position = batch.position;
    this.#caughtUp = batch.caught_up;
    return true;
  }

  /**
   * Takes in what is set aside from an event on, or is back; undefined where the run has to begin anew, as it would had
   * its state been lost: what it has decided stands in the log. A process that is killed meanwhile resumes before the
   * event and meets it again.
   */
  async #amend(
    run: Run<Reaction>,
    event: RecordedEvent,
    shelf: QuarantineShelf,
  ): Promise<readonly Reaction[] | undefined> {
    const { log } = this.dependencies;
    const { tenant_id } = event.metadata;
    const before = shelf.asideOf(tenant_id);
    shelf.advance(event.position);
    const records = shelf.changedBy(event).filter(({ type }) => this.process.reads.includes(type));
    if (records.length === 0) return [];
    const changed = changedRecords(log, records, before, shelf.asideOf(tenant_id));
    return run.amend?.({ event, changed, log: shelf.over(log) });
  }

  /** Carries reactions out; false where it was told to stop before all were. */
  async #react(reactions: readonly Reaction[], signal: AbortSignal): Promise<boolean> {
    for (const step of this.process.steps(reactions))
      for (let start = 0; start < step.length; start += SIDE_BY_SIDE) {
        const together = step.slice(start, start + SIDE_BY_SIDE);
        const done = await Promise.all(together.map((reaction) => this.#carryOut(reaction, signal)));
        if (done.includes(false)) return false;
      }
    return true;
  }

  async #carryOut(reaction: Reaction, signal: AbortSignal): Promise<boolean> {
    for (let tries = 0; !signal.aborted; tries += 1) {
      const result = await this.#attempt(reaction, signal);
      switch (result.outcome) {
        case 'done':
          this.#waiting = undefined;
          return true;
        case 'refused':
          this.#refused += 1;
          this.dependencies.logger.warn({ process: this.process.name, reaction }, result.detail);
          return true;
        case 'guarded':
        case 'unavailable': {
          this.#waiting = result.detail;
          const growing = Math.min(LONGEST_PAUSE_MS, 100 * 2 ** Math.min(tries, 16));
          const pause = result.outcome === 'guarded' ? GUARD_RETRY_MS : growing;
          await this.dependencies.clock.sleep(pause, signal);
        }
      }
    }
    return false;
  }

  async #attempt(reaction: Reaction, signal: AbortSignal): Promise<ReactionOutcome> {
    try {
      return await this.process.react(reaction, signal);
    } catch (error) {
      return { outcome: 'unavailable', detail: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Saves the state. All that came out of it is in the log by now. Losing it costs time and nothing else. */
  async #keep(run: Run<Reaction>): Promise<void> {
    const { clock, snapshots, logger } = this.dependencies;
    const began = clock.monotonic();
    try {
      const state = run.save();
      if (state) await snapshots.save(this.process.name, { position: this.#position, state });
    } catch (error) {
      logger.warn({ err: error, process: this.process.name }, 'The state could not be saved.');
    }
    const at = clock.monotonic();
    this.#save = { at, every: Math.max(SAVE_EVERY_MS, (at - began) * SAVE_SHARE) };
  }
}

/** A line drawn in time, and the position behind which nothing is stamped before it. */
interface Line {
  readonly time: number;
  readonly reached: Position;
}

type Pulled = Promise<IteratorResult<EventBatch, unknown>>;

/** Asks for the next batch. Whoever awaits it later sees its failure; until then nobody does. */
const pull = (iterator: AsyncIterator<EventBatch>): Pulled => {
  const next = iterator.next();
  next.catch(() => undefined);
  return next;
};
