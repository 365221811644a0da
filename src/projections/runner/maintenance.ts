import type { Position } from '../../eventstore/event-store.js';
import type { Collection, Document } from '../../readstore/read-store.js';
import type { AnyProjection } from '../projection.js';
import { follow, type FollowOptions, type Window } from './follow.js';
import type { LaneContext } from './lane-context.js';
import {
  Checkpoint,
  checkpointKey,
  generationName,
  sameGeneration,
  type Generation,
  type Generations,
  type Pointer,
} from './generations.js';
import { Lane } from './lane.js';
import { Parking } from './parking.js';

/** What the host lets maintenance do. */
interface Workplace {
  /** Aborts when the host stops. */
  readonly signal: AbortSignal;
  /** How much is folded before it is written. */
  readonly window: Window;
  projection(name: string): AnyProjection | undefined;
  lane(name: string): Lane | undefined;
  hold(name: string): Promise<void>;
  join(lane: Lane): Promise<void>;
  serve(lane: Lane): void;
}

/**
 * Building, comparing and switching generations beside the ones that are served, on the process that serves them.
 *
 * A switch leaves no gap because nobody folds the log at that moment: the served generation is taken out of the
 * host's loop between two batches, the candidate is brought to the very same position, the pointer moves, and the
 * candidate joins the loop between two batches, from its own position.
 */
export class Maintenance {
  readonly #busy = new Set<string>();
  readonly #running = new Set<Promise<unknown>>();

  constructor(
    private readonly context: LaneContext,
    private readonly generations: Generations,
    private readonly host: Workplace,
  ) {}

  /** Aborts when the host stops. */
  get signal(): AbortSignal {
    return this.host.signal;
  }

  /** Does something with read models that nobody else is doing something with; undefined where somebody is. */
  async exclusively<T>(names: readonly string[], work: () => Promise<T>): Promise<T | undefined> {
    if (names.some((name) => this.#busy.has(name))) return undefined;
    for (const name of names) this.#busy.add(name);
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
      for (const name of names) this.#busy.delete(name);
    }
  }

  /** Resolves once nothing is being built or compared. */
  async finished(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  /** The generation that is served; the first one is made here. */
  async serving({ name, version }: AnyProjection): Promise<Generation> {
    const pointer = await this.#change(
      name,
      (now) => now ?? { serving: { version, generation: 1 }, next: 2 },
    );
    return pointer?.serving ?? { version, generation: 1 };
  }

  async pointer(name: string): Promise<Pointer | undefined> {
    return this.generations.read(name);
  }

  /**
   * The generation that is being built beside the served one: an unfinished one of this version goes on where it
   * was left, unless a fresh one is wanted. It stops at an event that it cannot fold.
   */
  async candidate(name: string, fresh: boolean): Promise<Lane> {
    return this.#candidate(this.#projection(name), fresh, 'throw');
  }

  /** The generation that was served before the last switch, where this code has the fold that made it. */
  async previous(name: string): Promise<Lane | undefined> {
    const projection = this.#projection(name);
    const pointer = await this.pointer(name);
    if (pointer?.previous?.version !== projection.version) return undefined;
    return Lane.open(this.context, projection, pointer.previous, 'park');
  }

  /** A generation to compare with and throw away; it parks what the served one had to park. */
  async scratch(name: string): Promise<Lane> {
    const projection = this.#projection(name);
    const pointer = await this.#change(name, (now) => now && { ...now, next: now.next + 1 });
    await this.#sweep(name);
    const generation = { version: projection.version, generation: (pointer?.next ?? 1) - 1 };
    return Lane.open(this.context, projection, generation, 'park');
  }

  /** The lane that is served; undefined where what is served was made by another version's fold. */
  served(name: string): Lane | undefined {
    return this.host.lane(name);
  }

  /**
   * A generation that is never served, of another reading of the log, under a name of its own: one that is there
   * already goes on where it was left. It parks what cannot be folded. {@link discard} throws it away.
   */
  async apart(name: string, as: string, log: LaneContext['log']): Promise<Lane> {
    const projection = { ...this.#projection(name), name: as };
    return Lane.open(
      { ...this.context, log },
      projection,
      { version: projection.version, generation: 1 },
      'park',
    );
  }

  /** Brings lanes along the log beside the loop, or along another reading of it, until its end or a position. */
  async follow(
    lanes: readonly Lane[],
    options: Omit<FollowOptions, 'window' | 'signal'> & {
      readonly signal?: AbortSignal;
      readonly log?: LaneContext['log'];
    } = {},
  ): Promise<void> {
    const { log = this.context.log, signal = this.host.signal, ...rest } = options;
    await follow({ ...this.context, log }, lanes, { ...rest, signal, window: this.host.window });
  }

  /** What is kept of the generation that was served before, and how far it had got. */
  async replaced(
    name: string,
  ): Promise<{ readonly documents: Collection<Document>; readonly position: Position } | undefined> {
    const pointer = await this.pointer(name);
    if (!pointer?.previous) return undefined;
    const generation = generationName(name, pointer.previous);
    const { store, owner } = this.context;
    const documents = await store.collection<Document>({
      name: generation,
      indexes: this.#projection(name).indexes,
    });
    const { position } = await new Checkpoint(store.register, generation, owner).load();
    return { documents, position };
  }

  /**
   * Does something while the served generation is out of the loop: it rests at its position, still served. Whichever
   * generation is served then catches up and goes on in the loop.
   */
  async whileHeld<T>(name: string, work: (held: Lane) => Promise<T>): Promise<T> {
    await this.host.hold(name);
    try {
      const lane = this.host.lane(name);
      if (!lane) throw new Error(`The read model ${name} is not being followed.`);
      return await work(lane);
    } finally {
      const lane = this.host.lane(name);
      if (lane) await this.host.join(lane);
    }
  }

  /**
   * Serves another generation in place of the one that is served, by one compare-and-set; false where the pointer
   * moved meanwhile. The one before stays for a rollback, older ones are dropped.
   */
  async promote(lane: Lane): Promise<boolean> {
    const { name } = lane.projection;
    const served = this.host.lane(name)?.generation;
    const { generation } = lane;
    const pointer = await this.#change(name, (now) =>
      now && (!served || sameGeneration(now.serving, served))
        ? { serving: generation, previous: now.serving, next: now.next }
        : undefined,
    );
    if (!pointer) return false;
    lane.park();
    this.host.serve(lane);
    await this.#sweep(name);
    return true;
  }

  /** Throws away a generation that is not served. */
  async discard(lane: Lane): Promise<void> {
    const { name } = lane.projection;
    await this.#change(name, (now) => {
      if (!sameGeneration(now?.candidate, lane.generation)) return now;
      return now && withoutCandidate(now);
    });
    await this.#drop(lane.name);
  }

  /** Builds the generation of a fold that has changed, serves it, and lets it join the loop. */
  async upgrade(projection: AnyProjection): Promise<void> {
    await this.exclusively([projection.name], async () => {
      const lane = await this.#candidate(projection, false, 'park');
      await this.follow([lane]);
      if (this.signal.aborted) return;
      await this.promote(lane);
      await this.host.join(lane);
    });
  }

  async #candidate(projection: AnyProjection, fresh: boolean, on_poison: 'park' | 'throw'): Promise<Lane> {
    const { name, version } = projection;
    const pointer = await this.#change(name, (now) => {
      if (!now || (now.candidate?.version === version && !fresh)) return now;
      return { ...now, candidate: { version, generation: now.next }, next: now.next + 1 };
    });
    if (!pointer?.candidate) throw new Error(`The read model ${name} is not served here.`);
    await this.#sweep(name);
    return Lane.open(this.context, projection, pointer.candidate, on_poison);
  }

  /** Drops the generations of a read model that its pointer does not name. */
  async #sweep(name: string): Promise<void> {
    const pointer = await this.pointer(name);
    const kept = [pointer?.serving, pointer?.previous, pointer?.candidate]
      .filter((generation) => generation !== undefined)
      .map((generation) => generationName(name, generation));
    const ours = new RegExp(`^${name}-v\\d+-g\\d+$`);
    for (const collection of await this.context.store.collections())
      if (ours.test(collection) && !kept.includes(collection)) await this.#drop(collection);
  }

  async #drop(generation: string): Promise<void> {
    const { store } = this.context;
    await (await Parking.open(store, generation)).clear();
    await store.drop(generation);
    await store.register.delete(checkpointKey(generation));
  }

  async #change(
    name: string,
    by: (pointer: Pointer | undefined) => Pointer | undefined,
  ): Promise<Pointer | undefined> {
    return this.generations.change(name, by);
  }

  #projection(name: string): AnyProjection {
    const projection = this.host.projection(name);
    if (!projection) throw new Error(`There is no read model ${name}.`);
    return projection;
  }
}

const withoutCandidate = ({ candidate: _, ...pointer }: Pointer): Pointer => pointer;
