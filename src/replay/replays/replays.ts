import type { Actor } from '../../domain/provenance.js';
import { START, type Position } from '../../eventstore/event-store.js';
import type { AnyProjection } from '../../projections/projection.js';
import type { Register } from '../../readstore/read-store.js';
import { positionAt, type Moment } from '../moments.js';
import { CarryingOut, type ReplayContext } from './carry-out.js';
import {
  faultOf,
  isOpen,
  ReplayRefused,
  type Replay,
  type ReplayResult,
  type ReplayWanted,
} from './replay.js';
import { StoredReplays, type Owner, type StoredReplay } from './stored-replays.js';

export interface ReplaysOptions {
  /** Carried out side by side by one process; others wait. */
  readonly at_once: number;
  /** Of one owner, that have not ended. */
  readonly open: number;
  /** Of one owner, that have ended and are remembered. */
  readonly remembered: number;
}

const defaults: ReplaysOptions = { at_once: 2, open: 10, remembered: 50 };

/** How often progress is written down, and what was asked meanwhile is looked at. */
const REPORT_MS = 500;
/** A process that has not said for so long that it carries a replay out does not. */
const FORSAKEN_MS = 60_000;

/** A replay as it is shown. */
export interface ShownReplay extends Replay {
  readonly results: readonly ReplayResult[];
}

interface Running {
  readonly stopping: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Replays that were asked for: started, followed, paused, resumed, cancelled. They are known to every process on the
 * read store; the one that took a replay in carries it out, and goes on with it when it is started again. None of it
 * is in the log, and nothing of it can be sent: it is given no writer and no channel.
 */
export class Replays {
  readonly #stored: StoredReplays;
  readonly #options: ReplaysOptions;
  readonly #running = new Map<string, Running>();
  readonly #stopping = new AbortController();
  #queue: { readonly owner: Owner; readonly id: string }[] = [];

  constructor(
    private readonly context: ReplayContext,
    private readonly projections: readonly AnyProjection[],
    register: Register,
    private readonly instance_id: string,
    private readonly newId: () => string,
    options: Partial<ReplaysOptions> = {},
  ) {
    this.#stored = new StoredReplays(register);
    this.#options = { ...defaults, ...options };
  }

  /** Goes on with what this process, or one that is no more, was carrying out. To be called once, at the start. */
  async restore(): Promise<void> {
    for (const { owner, replay } of (await this.#stored.all()).toReversed()) {
      const ours = replay.instance_id === this.instance_id || this.#isForsaken(replay);
      if (ours && (replay.state === 'running' || replay.state === 'queued'))
        await this.#enqueue(owner, replay.id);
    }
  }

  /** Stops what is being carried out; it is gone on with at the next start. */
  async stop(): Promise<void> {
    this.#queue = [];
    this.#stopping.abort();
    for (const { stopping } of this.#running.values()) stopping.abort();
    await Promise.allSettled([...this.#running.values()].map(({ ended }) => ended));
  }

  /** Starts a replay, or lets it wait for its turn; throws ReplayRefused where it makes no sense. */
  async start(owner: Owner, wanted: ReplayWanted, requested_by: Actor): Promise<ShownReplay> {
    const fault = faultOf(wanted, this.projections);
    if (fault !== undefined) throw new ReplayRefused('invalid_replay', fault);
    const known = await this.#stored.of(owner);
    if (known.filter(isOpen).length >= this.#options.open)
      throw new ReplayRefused(
        'too_many_replays',
        `${this.#options.open} replays are open; cancel one, or wait for its end.`,
      );
    for (const { id } of known.filter((one) => !isOpen(one)).slice(this.#options.remembered - 1))
      await this.#stored.forget(owner, id);
    const now = this.context.clock.now();
    const replay: StoredReplay = {
      id: this.newId(),
      state: 'queued',
      wanted,
      requested_by,
      created_at: new Date(now).toISOString(),
      progress: { share: 0, events: 0, events_per_second: 0 },
      results: [],
      instance_id: this.instance_id,
      touched: now,
    };
    await this.#stored.add(owner, replay);
    await this.#enqueue(owner, replay.id);
    return shown(replay);
  }

  async get(owner: Owner, id: string): Promise<ShownReplay | undefined> {
    const replay = await this.#stored.get(owner, id);
    return replay && shown(replay);
  }

  /** An owner's replays, the newest first. */
  async list(owner: Owner): Promise<readonly ShownReplay[]> {
    return (await this.#stored.of(owner)).map(shown);
  }

  /** Stops a replay so that it can be gone on with. */
  pause(owner: Owner, id: string): Promise<ShownReplay | undefined> {
    return this.#ask(owner, id, 'pause');
  }

  /** Ends a replay for good; what it has folded is thrown away. */
  cancel(owner: Owner, id: string): Promise<ShownReplay | undefined> {
    return this.#ask(owner, id, 'cancel');
  }

  /** Goes on with a replay that was paused, or whose process is no more. */
  async resume(owner: Owner, id: string): Promise<ShownReplay | undefined> {
    let taken = false as boolean;
    const replay = await this.#stored.change(owner, id, (now) => {
      taken = now.state === 'paused' || (isOpen(now) && !this.#isCarriedOut(now));
      if (!isOpen(now)) throw new ReplayRefused('replay_ended', `The replay is ${now.state}.`);
      return taken ? { ...now, state: 'queued', instance_id: this.instance_id } : now;
    });
    if (replay && taken) await this.#enqueue(owner, id);
    return replay && shown(replay);
  }

  async #ask(owner: Owner, id: string, asked: 'pause' | 'cancel'): Promise<ShownReplay | undefined> {
    const replay = await this.#stored.change(owner, id, (now) => {
      if (!isOpen(now)) {
        if (asked === 'cancel' && now.state === 'cancelled') return now;
        throw new ReplayRefused('replay_ended', `The replay is ${now.state}.`);
      }
      return now.state === 'running' && this.#isCarriedOut(now) ? { ...now, asked } : this.#after(now, asked);
    });
    if (!replay) return undefined;
    this.#queue = this.#queue.filter((one) => one.id !== id);
    const running = this.#running.get(id);
    running?.stopping.abort();
    await running?.ended;
    if (!running && replay.state === 'cancelled') await this.#clear(replay);
    return this.get(owner, id);
  }

  #after({ asked: _, ...replay }: StoredReplay, asked: 'pause' | 'cancel'): StoredReplay {
    if (asked === 'pause') return { ...replay, state: 'paused' };
    return { ...replay, state: 'cancelled', ended_at: new Date(this.context.clock.now()).toISOString() };
  }

  /** Whether some process has it in hand. */
  #isCarriedOut(replay: StoredReplay): boolean {
    const { id, instance_id } = replay;
    if (instance_id !== this.instance_id) return !this.#isForsaken(replay);
    return this.#running.has(id) || this.#queue.some((one) => one.id === id);
  }

  #isForsaken({ instance_id, touched }: StoredReplay): boolean {
    return instance_id !== this.instance_id && this.context.clock.now() - touched > FORSAKEN_MS;
  }

  async #enqueue(owner: Owner, id: string): Promise<void> {
    await this.#stored.change(owner, id, (now) => ({
      ...now,
      state: 'queued',
      instance_id: this.instance_id,
    }));
    this.#queue.push({ owner, id });
    this.#next();
  }

  #next(): void {
    while (this.#running.size < this.#options.at_once && !this.#stopping.signal.aborted) {
      const next = this.#queue.shift();
      if (!next) return;
      const stopping = new AbortController();
      const ended = this.#run(next.owner, next.id, stopping)
        // The read store is away: what the register says of the replay gets old, and whoever looks can resume it.
        .catch(() => undefined)
        .finally(() => {
          this.#running.delete(next.id);
          this.#next();
        });
      this.#running.set(next.id, { stopping, ended });
    }
  }

  /** Carries a replay out and says in the register what became of it; what stops it without being asked leaves it as it is. */
  async #run(owner: Owner, id: string, stopping: AbortController): Promise<void> {
    const { clock, maintenance } = this.context;
    const signal = AbortSignal.any([stopping.signal, maintenance.signal]);
    const change = (by: (replay: StoredReplay) => StoredReplay) =>
      this.#stored.change(owner, id, (now) => ({ ...by(now), touched: clock.now() }));
    const isNext = ({ state, instance_id }: StoredReplay): boolean =>
      state === 'queued' && instance_id === this.instance_id;
    let replay = await change((now) => (isNext(now) ? { ...now, state: 'running' } : now));
    if (replay?.state !== 'running' || replay.instance_id !== this.instance_id) return;
    const progress = new Progress(clock);
    let reporting: Promise<unknown> = Promise.resolve();
    let reported = clock.monotonic();
    try {
      const range = replay.range ?? (await this.#range(replay.wanted, signal));
      if (!signal.aborted) replay = (await change((now) => ({ ...now, range }))) ?? replay;
      const work = new CarryingOut(
        this.context,
        { id, wanted: replay.wanted, range, results: replay.results },
        {
          progress: (share, events) => {
            progress.add(share, events);
            if (clock.monotonic() - reported < REPORT_MS) return;
            reported = clock.monotonic();
            reporting = change((now) => ({ ...now, progress: progress.shown })).then(
              (now) => {
                if (now?.asked) stopping.abort();
              },
              // The next report says it again.
              () => undefined,
            );
          },
          result: async (result) => {
            await change((now) => ({ ...now, results: [...now.results, result] }));
          },
        },
        signal,
      );
      if (!signal.aborted) await work.run();
      await reporting;
      const after = await change((now) => {
        if (now.asked) return this.#after({ ...now, progress: progress.shown }, now.asked);
        if (signal.aborted) return { ...now, progress: progress.shown };
        const ended_at = new Date(clock.now()).toISOString();
        return { ...now, state: 'done', ended_at, progress: { ...progress.shown, share: 1 } };
      });
      if (after && !isOpen(after)) await work.clear();
    } catch (error) {
      await reporting;
      if (maintenance.signal.aborted) return;
      const failed = await change((now) => ({
        ...now,
        state: 'failed',
        ended_at: new Date(clock.now()).toISOString(),
        error: error instanceof Error ? error.message : String(error),
      }));
      if (failed) await this.#clear(failed);
    }
  }

  async #clear({ id, wanted, results, range = { after: START } }: StoredReplay): Promise<void> {
    const silent = { progress: () => undefined, result: () => Promise.resolve() };
    await new CarryingOut(
      this.context,
      { id, wanted, range, results },
      silent,
      this.#stopping.signal,
    ).clear();
  }

  /** Which positions are meant. Two foldings of one range end at one position, though the log goes on meanwhile. */
  async #range(
    { after, until, baseline }: ReplayWanted,
    signal: AbortSignal,
  ): Promise<{ readonly after: Position; readonly until?: Position }> {
    const { log } = this.context;
    const position = (moment: Moment): Promise<Position> =>
      'position' in moment ? Promise.resolve(moment.position) : positionAt(log, moment.time, signal);
    const from = after ? await position(after) : START;
    if (until) return { after: from, until: await position(until) };
    return baseline === 'replayed' ? { after: from, until: await log.head() } : { after: from };
  }
}

const shown = ({
  instance_id: _,
  touched: __,
  asked: ___,
  range: ____,
  ...replay
}: StoredReplay): ShownReplay => replay;

/** Measures how fast a replay is since it was begun or gone on with. */
class Progress {
  #events = 0;
  #share = 0;
  #from: number | undefined;
  readonly #begun: number;

  constructor(private readonly clock: ReplayContext['clock']) {
    this.#begun = clock.monotonic();
  }

  add(share: number, events: number): void {
    this.#from ??= share;
    this.#share = share;
    this.#events += events;
  }

  get shown(): Replay['progress'] {
    const seconds = (this.clock.monotonic() - this.#begun) / 1000;
    const done = this.#share - (this.#from ?? 0);
    return {
      share: this.#share,
      events: this.#events,
      events_per_second: seconds > 0 ? Math.round(this.#events / seconds) : 0,
      ...(done > 0 && { seconds_left: Math.round((seconds * (1 - this.#share)) / done) }),
    };
  }
}
