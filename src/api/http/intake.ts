import type { Clock } from '../../platform/clock.js';
import { BufferPool } from '../../platform/buffer-pool.js';
import { SharedBudget } from '../../platform/shared-budget.js';
import type { BodyAccount } from './body.js';
import { Turns, type CROWDED, type TurnOptions } from './turns.js';

/** What a request costs besides its bytes, in bytes: about what a single event takes longer than one among many. */
const REQUEST_COST = 4096;

/** Memory for bodies that is kept between them. */
const KEPT_BYTES = 32 * 1024 * 1024;

export interface IntakeOptions {
  /** Memory for bodies from their first byte until they are answered. */
  readonly memory_bytes: number;
  readonly turns?: TurnOptions;
  /** Instead of memory of its own. */
  readonly pool?: BufferPool;
}

/** A request with telemetry on its way in. */
export interface Entry extends BodyAccount {
  /** Does its work in the tenant's turn; CROWDED where that took too long to come. */
  turn<T>(bytes: number, work: () => Promise<T>): Promise<T | typeof CROWDED>;
  /** Gives back what it held, memory included; to be called once, when nothing reads the body any more. */
  leave(): void;
}

/**
 * The door for telemetry: divides memory and time among tenants, and refuses early what would not get its share soon.
 */
export class Intake {
  readonly #memory: SharedBudget;
  readonly #turns: Turns;
  readonly #pool: BufferPool;

  constructor(
    clock: Pick<Clock, 'monotonic'>,
    { memory_bytes, turns, pool = new BufferPool(KEPT_BYTES) }: IntakeOptions,
    schedule?: (work: () => void) => void,
  ) {
    this.#memory = new SharedBudget(memory_bytes);
    this.#pool = pool;
    this.#turns = new Turns(clock, turns, schedule);
  }

  /** Bytes of bodies that are held now. */
  get held_bytes(): number {
    return this.#memory.used;
  }

  /** Requests that wait for their turn. */
  get waiting(): number {
    return this.#turns.waiting;
  }

  /** Lets a request in whose body is announced to have so many bytes, none of which is read yet; undefined: not now. */
  enter(tenant: string, announced_bytes: number): Entry | undefined {
    if (this.#turns.crowded(tenant, this.#memory.heldBy(tenant))) return undefined;
    if (!this.#memory.take(tenant, announced_bytes)) return undefined;
    let held = announced_bytes;
    let counted = 0;
    let room: Buffer | undefined;
    return {
      take: (bytes) => {
        const more = Math.max(0, counted + bytes - held);
        if (!this.#memory.take(tenant, more)) return false;
        counted += bytes;
        held += more;
        return true;
      },
      room: (bytes) => (room ??= this.#pool.take(bytes)),
      turn: (bytes, work) => this.#turns.take(tenant, REQUEST_COST + bytes, work),
      leave: () => {
        this.#memory.release(tenant, held);
        if (room) this.#pool.give(room);
      },
    };
  }
}
