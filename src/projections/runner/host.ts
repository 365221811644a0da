import type { Observable } from 'rxjs';
import type { TenantId } from '../../domain/ids.js';
import { START, type EventBatch, type EventLog, type Position } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { Random } from '../../platform/random.js';
import type { Document, ReadStore } from '../../readstore/read-store.js';
import type { Ahead } from '../decoding/decoding-threads.js';
import { typesOf, type AnyProjection, type Projection } from '../projection.js';
import type { ModelChange, ModelReader, ReadModels } from '../read-models.js';
import type { CacheBounds } from './document-cache.js';
import { Errands } from './errands.js';
import { Due, follow, lowest, together, type Window } from './follow.js';
import { Poisoned } from './folded-documents.js';
import type { LaneContext } from './lane-context.js';
import { Checkpoint, CheckpointTaken, generationName, Generations } from './generations.js';
import { Lane, type RetryOutcome } from './lane.js';
import { Maintenance } from './maintenance.js';
import { Meter } from './meter.js';
import { Pace } from './pace.js';
import type { Parked, ParkedKey } from './parking.js';
import { Served, type Documents } from './served.js';
import { statusOf, type HostStatus } from './status.js';

export interface HostOptions {
  /** Of each read model's documents in memory. */
  readonly cache: CacheBounds;
  /** How much is folded before it is written, as long as the log's end is not reached. */
  readonly window: Window;
  /** The same for what is folded beside the loop: nobody waits for it, so fewer and larger writes. */
  readonly bulk: Window;
  /** Makes ready what is read for that. */
  readonly ahead?: Ahead;
}

const defaults: HostOptions = {
  cache: { documents: 5_000, bytes: 32 * 1024 * 1024 },
  window: { events: 2_000, milliseconds: 100 },
  bulk: { events: 20_000, milliseconds: 500 },
};

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 5_000;

/**
 * Keeps the read models of this process at the log's end, and answers for them.
 * One subscription feeds all of them: a batch is read and decoded once, and each read model passes over what it
 * has. The loop pulls: a batch is asked for when the last one is folded, so a slow read store slows the reading
 * down and nothing piles up. At the log's end it writes at once where somebody waits for it, else at a pace that
 * leaves most of the time to folding; behind it in larger windows.
 * It holds no writer of the log and no channel to send on: there is none to hand to it.
 */
export class ProjectionHost implements ReadModels {
  readonly maintenance: Maintenance;
  readonly #context: LaneContext;
  readonly #options: HostOptions;
  readonly #served: Served;
  readonly #errands = new Errands();
  readonly #stopping = new AbortController();
  /** The lane of each read model, attached to the loop or not. */
  readonly #lanes = new Map<string, Lane>();
  readonly #attached = new Set<Lane>();
  readonly #meters = new Map<string, Meter>();
  readonly #joining = new Map<string, Promise<void>>();
  /** Read models that could not catch up beside the loop, and why. */
  readonly #broken = new Map<string, string>();
  #position: Position = START;
  #running: Promise<void> | undefined;
  #trouble: string | undefined;
  #failure: Error | undefined;

  constructor(
    private readonly projections: readonly AnyProjection[],
    private readonly log: EventLog,
    private readonly store: ReadStore,
    private readonly clock: Clock,
    random: Random,
    options: Partial<HostOptions> = {},
  ) {
    this.#options = { ...defaults, ...options };
    this.#context = {
      log,
      store,
      clock,
      owner: random.bytes(16).toString('hex'),
      cache: this.#options.cache,
      ahead: this.#options.ahead,
      attempt: (operation) => this.#attempt(operation),
    };
    this.#served = new Served(store, clock, () => this.#errands.wake());
    this.maintenance = new Maintenance(this.#context, new Generations(store.register), {
      signal: this.#stopping.signal,
      window: this.#options.bulk,
      projection: (name) => this.projections.find((projection) => projection.name === name),
      lane: (name) => this.#lanes.get(name),
      hold: (name) => this.#hold(name),
      join: (lane) => this.#join(lane),
      serve: (lane) => this.#serve(lane),
    });
  }

  /** Opens the read models and begins to follow the log. Resolves when queries can be answered, not when caught up. */
  async start(): Promise<void> {
    const late: Lane[] = [];
    const outdated: AnyProjection[] = [];
    for (const projection of this.projections) {
      this.#meters.set(projection.name, new Meter(this.clock));
      const lane = await this.#open(projection);
      if (lane) late.push(lane);
      else outdated.push(projection);
    }
    // A read model that begins at the log's start would hold up those that are far along: it catches up beside them.
    const begun = late.filter((lane) => lane.folded > START);
    for (const lane of begun.length > 0 ? begun : late) this.#attached.add(lane);
    this.#position = lowest([...this.#attached]);
    this.#running = this.#run();
    for (const lane of late) if (!this.#attached.has(lane)) this.#beside(lane.projection, this.#join(lane));
    for (const projection of outdated) this.#beside(projection, this.maintenance.upgrade(projection));
  }

  /** Writes what was folded and ends. Nothing of the host's is used after it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#errands.wake();
    await Promise.allSettled([this.#running, ...this.#joining.values()]);
    await this.maintenance.finished();
  }

  /** Resolves when the host has ended, with what ended it where nobody stopped it. */
  async ended(): Promise<Error | undefined> {
    await this.#running;
    return this.#failure;
  }

  get changes(): Observable<ModelChange> {
    return this.#served.changes;
  }

  read<D extends Document, P>(projection: Projection<D, P>, tenant: TenantId): ModelReader<D> {
    return this.#served.read(projection, tenant);
  }

  position(projection: AnyProjection): Position {
    return this.#served.position(projection);
  }

  reached(projections: readonly AnyProjection[], position: Position, timeout_ms: number): Promise<boolean> {
    return this.#served.reached(projections, position, timeout_ms);
  }

  /** The keys whose events wait because one could not be folded. */
  parked(): readonly (Parked & { readonly projection: string })[] {
    return [...this.#lanes].flatMap(([projection, lane]) =>
      lane.parked.map((parked) => ({ projection, ...parked })),
    );
  }

  /** Folds the events that wait for a parked key once more. Other read models wait meanwhile. */
  retry({ projection, ...key }: ParkedKey & { readonly projection: string }): Promise<RetryOutcome> {
    return this.#errands.add(async () => {
      const lane = this.#lanes.get(projection);
      if (!lane || !this.#attached.has(lane))
        return { outcome: this.#meters.has(projection) ? 'busy' : 'unknown' };
      const outcome = await lane.retry(key);
      this.#show(lane, new Map([[key.tenant, [key.id]]]));
      return outcome;
    });
  }

  /** How each read model stands against the log. */
  async status(): Promise<HostStatus> {
    const trouble = this.#failure?.message ?? this.#trouble ?? [...this.#broken.values()][0];
    return statusOf(
      { head: await this.log.head(), failed: this.#failure !== undefined, ...(trouble && { trouble }) },
      this.projections.map((projection) => ({
        projection,
        position: this.position(projection),
        lane: this.#lanes.get(projection.name),
        held: !this.#joining.has(projection.name) && !this.#isAttached(projection.name),
        per_second: this.#meters.get(projection.name)?.per_second ?? 0,
      })),
    );
  }

  /** The lane that is served and can be gone on with; undefined where the code no longer has its fold. */
  async #open(projection: AnyProjection): Promise<Lane | undefined> {
    const serving = await this.maintenance.serving(projection);
    if (serving.version === projection.version) {
      const lane = await Lane.open(this.#context, projection, serving, 'park');
      this.#lanes.set(projection.name, lane);
      this.#served.show(projection.name, lane.name, lane.position);
      return lane;
    }
    const name = generationName(projection.name, serving);
    const old = new Checkpoint(this.store.register, name, this.#context.owner);
    const { position } = await old.load();
    this.#served.show(projection.name, name, position);
    return undefined;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      const types = [...new Set(this.projections.flatMap(typesOf))];
      const lent = this.log.subscribe(this.#position, { types }, signal, { lent: true });
      const batches = lent[Symbol.asyncIterator]();
      const due = new Due(this.clock, this.#options.window);
      const pace = new Pace(this.clock);
      let next = batches.next();
      /** What was folded and is not written: nothing, part of what is there, all there is. */
      let waiting = 'nothing' as 'nothing' | 'part' | 'all';
      /** What documents that are not written may still be made of. */
      let folded: EventBatch[] = [];
      while (!signal.aborted) {
        // An abandoned promise must not end the process when it is rejected later.
        next.catch(() => undefined);
        const rested: Promise<undefined>[] = waiting === 'all' ? [pace.rested()] : [];
        const got = await Promise.race([next, this.#errands.arrived(), ...rested]);
        if (got?.done) break;
        if (got) {
          await this.#take(got.value);
          folded.push(got.value);
          next = batches.next();
          waiting = got.value.caught_up ? 'all' : 'part';
        }
        const full = got !== undefined && due.add(got.value.events.length, this.#attached);
        const ready = waiting === 'all' && (this.#served.isAwaited || pace.isRested);
        if (this.#errands.waiting || full || ready) {
          await pace.of(() => this.#flush());
          for (const batch of folded) batch.release?.();
          folded = [];
          due.reset();
          waiting = 'nothing';
        }
        await this.#errands.run();
      }
      await together([...this.#attached].map((lane) => lane.close()));
    } catch (error) {
      if (!signal.aborted) this.#failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#errands.end(this.#failure ?? new Error('The projections were stopped.'));
      this.#served.end();
    }
  }

  async #take(batch: EventBatch): Promise<void> {
    await together([...this.#attached].map((lane) => lane.take(batch.events, batch.position)));
    this.#position = batch.position;
  }

  async #flush(): Promise<void> {
    await together(
      [...this.#attached].map(async (lane) => {
        const flushed = await lane.flush();
        if (!flushed) return;
        this.#meters.get(lane.projection.name)?.add(flushed.events);
        this.#show(lane, flushed.documents);
      }),
    );
  }

  #isAttached(name: string): boolean {
    const lane = this.#lanes.get(name);
    return lane !== undefined && this.#attached.has(lane);
  }

  #show(lane: Lane, changed?: Documents): void {
    this.#served.show(lane.projection.name, lane.name, lane.position, changed);
  }

  /** Takes a read model out of the loop, everything written: it rests at its position while the others go on. */
  async #hold(name: string): Promise<void> {
    await this.#joining.get(name);
    await this.#errands.add(async () => {
      const lane = this.#lanes.get(name);
      if (lane) this.#attached.delete(lane);
      return Promise.resolve();
    });
  }

  /** Brings a lane to where the loop is and lets it go on there: the last stretch between two batches. */
  async #join(lane: Lane): Promise<void> {
    const options = { signal: this.#stopping.signal, window: this.#options.bulk };
    await follow(this.#context, [lane], options);
    await this.#errands.add(async () => {
      await follow(this.#context, [lane], { ...options, until: this.#position });
      this.#attached.add(lane);
      this.#show(lane);
    });
  }

  #serve(lane: Lane): void {
    this.#lanes.set(lane.projection.name, lane);
    this.#show(lane);
  }

  /** Lets a lane catch up while the loop is running. */
  #beside({ name }: AnyProjection, work: Promise<void>): void {
    const joined = work
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted) this.#broken.set(name, `${name}: ${String(error)}`);
      })
      .finally(() => this.#joining.delete(name));
    this.#joining.set(name, joined);
  }

  async #attempt<T>(operation: () => Promise<T>): Promise<T> {
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(2 * wait, LONGEST_RETRY_MS)) {
      try {
        const result = await operation();
        this.#trouble = undefined;
        return result;
      } catch (error) {
        const hopeless = error instanceof CheckpointTaken || error instanceof Poisoned;
        if (hopeless || this.#stopping.signal.aborted) throw error;
        this.#trouble = `The read store: ${error instanceof Error ? error.message : String(error)}`;
        await this.clock.sleep(wait, this.#stopping.signal);
      }
    }
  }
}
