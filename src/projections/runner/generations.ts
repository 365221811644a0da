import type { Json } from '../../domain/json.js';
import type { TenantId } from '../../domain/ids.js';
import { START, type Position } from '../../eventstore/event-store.js';
import type { DocumentKey, Register } from '../../readstore/read-store.js';

/** One build of a read model: the version of the fold that makes it, and its running number. */
export interface Generation {
  readonly version: number;
  readonly generation: number;
}

/** Which generations of a read model there are, and which of them is served. */
export interface Pointer {
  readonly serving: Generation;
  /** What was served before; kept for a rollback. */
  readonly previous?: Generation;
  /** Being built beside the one that is served. */
  readonly candidate?: Generation;
  /** The number of the generation to be made next: numbers are never used again. */
  readonly next: number;
}

/** A generation's name: its collection, and its checkpoint in the register. */
export const generationName = (projection: string, { version, generation }: Generation): string =>
  `${projection}-v${version}-g${generation}`;

export const sameGeneration = (one: Generation | undefined, other: Generation | undefined): boolean =>
  one?.version === other?.version && one?.generation === other?.generation;

/** The pointers of all read models, each one value in the register that moves by compare-and-set. */
export class Generations {
  constructor(private readonly register: Register) {}

  async read(projection: string): Promise<Pointer | undefined> {
    const entry = await this.register.get(pointerKey(projection));
    return entry && toPointer(entry.value);
  }

  /**
   * Moves the pointer of a projection to what `by` makes of it; where another moved it meanwhile, `by` is asked again.
   * `by` says undefined where what it wanted no longer holds; nothing is changed then.
   */
  async change(
    projection: string,
    by: (pointer: Pointer | undefined) => Pointer | undefined,
  ): Promise<Pointer | undefined> {
    for (;;) {
      const entry = await this.register.get(pointerKey(projection));
      const before = entry && toPointer(entry.value);
      const after = by(before);
      if (!after || after === before) return after;
      const moved = await this.register.set(
        pointerKey(projection),
        after as unknown as Json,
        entry?.version ?? 0,
      );
      if (moved) return after;
    }
  }
}

const pointerKey = (projection: string): string => `projections/${projection}`;

/** Pointers are written by this file only, so the register's word is taken for it. */
const toPointer = (value: Json): Pointer => value as unknown as Pointer;

/** Another process folds the same generation: of two writers one must go. */
export class CheckpointTaken extends Error {
  constructor(generation: string) {
    super(`Another process moved the checkpoint of ${generation}.`);
    this.name = 'CheckpointTaken';
  }
}

/** How far a generation's documents have been written. */
export interface Reached {
  readonly position: Position;
  /** Documents that the fold had deleted at that position; they may still be there. */
  readonly sweep: readonly DocumentKey[];
  /** The deletions hold only where their keys are no longer parked. */
  readonly unless_parked: boolean;
}

/** A generation's checkpoint, moved by compare-and-set so that two processes cannot both fold it. */
export class Checkpoint {
  #version = 0;
  readonly #key: string;

  /** `owner` is unique to each run of a host. */
  constructor(
    private readonly register: Register,
    private readonly generation: string,
    private readonly owner: string,
  ) {
    this.#key = checkpointKey(generation);
  }

  async load(): Promise<Reached> {
    const entry = await this.register.get(this.#key);
    this.#version = entry?.version ?? 0;
    if (!entry) return { position: START, sweep: [], unless_parked: false };
    const { position, sweep, unless_parked } = entry.value as unknown as Stored;
    return { position, sweep: sweep.map(([tenant, id]) => ({ tenant, id })), unless_parked };
  }

  /** Throws CheckpointTaken where another has moved it since. */
  async save({ position, sweep, unless_parked }: Reached): Promise<void> {
    const value: Stored = {
      position,
      owner: this.owner,
      sweep: sweep.map(({ tenant, id }) => [tenant, id] as const),
      unless_parked,
    };
    if (await this.register.set(this.#key, value as unknown as Json, this.#version)) {
      this.#version += 1;
      return;
    }
    // An earlier try whose answer was lost may have been ours.
    const entry = await this.register.get(this.#key);
    const stored = entry?.value as unknown as Stored | undefined;
    if (!entry || stored?.owner !== this.owner || stored.position !== position)
      throw new CheckpointTaken(this.generation);
    this.#version = entry.version;
  }
}

interface Stored {
  readonly position: Position;
  readonly owner: string;
  readonly sweep: readonly (readonly [TenantId, string])[];
  readonly unless_parked: boolean;
}

export const checkpointKey = (generation: string): string => `checkpoints/${generation}`;
