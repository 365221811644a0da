import { BufferPool } from '../../platform/buffer-pool.js';

/**
 * Memory that is used again once nobody holds it. Who got it holds it; who else goes on looking at it beyond the turn
 * in which it came upon it holds it too, and says when it is done.
 */
export class LentMemory {
  #holders = 1;
  #state: 'lent' | 'given_back' | 'abandoned' = 'lent';

  constructor(
    readonly bytes: Buffer,
    private readonly ended: (bytes: Buffer, again: boolean) => void,
  ) {}

  /** Throws where something else may stand in it by now: whoever looks at it then has not held it. */
  insist(): void {
    if (this.#state === 'given_back') throw new Error('Memory is looked at that was given back.');
  }

  hold(): void {
    this.insist();
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#end('given_back');
  }

  /** It is not used again, since a holder will not say when it is done. */
  abandon(): void {
    this.#end('abandoned');
  }

  #end(state: 'given_back' | 'abandoned'): void {
    if (this.#state !== 'lent') return;
    this.#state = state;
    this.ended(this.bytes, state === 'given_back');
  }
}

/** What one reader holds, to be released together. */
export class Loan {
  readonly #held = new Set<LentMemory>();

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  add(all: readonly LentMemory[]): void {
    for (const memory of all) {
      if (this.#held.has(memory)) continue;
      memory.hold();
      this.#held.add(memory);
    }
  }

  /** Also where it was released before. */
  release(): void {
    for (const memory of this.#held) memory.release();
    this.#held.clear();
  }

  abandon(): void {
    for (const memory of this.#held) memory.abandon();
    this.#held.clear();
  }
}

const MIB = 1024 * 1024;

export interface MemoryLimits {
  /** Bytes that may be lent. Default 64 MiB. */
  readonly lent?: number;
  /** Bytes that are kept for the next ones. Default 32 MiB. */
  readonly kept?: number;
  /** Called with what is given back, before it is used again. */
  readonly givenBack?: (bytes: Buffer) => void;
}

/**
 * Lends memory that threads share: nothing has to be handed over to them and back, and the engine's collector does not
 * count it, which marks the whole heap for every 64 MB of other new buffers.
 */
export class MemoryPool {
  readonly #pool: BufferPool;
  readonly #most: number;
  readonly #givenBack: MemoryLimits['givenBack'];
  #lent = 0;

  constructor({ lent = 64 * MIB, kept = 32 * MIB, givenBack }: MemoryLimits = {}) {
    this.#pool = new BufferPool(kept, (size) => new SharedArrayBuffer(size));
    this.#most = lent;
    this.#givenBack = givenBack;
  }

  /** Memory of so many bytes with anything in it; undefined where too much is lent. */
  lend(bytes: number): LentMemory | undefined {
    if (this.#lent + bytes > this.#most) return undefined;
    this.#lent += bytes;
    return new LentMemory(this.#pool.take(bytes), (memory, again) => {
      this.#lent -= bytes;
      if (!again) return;
      this.#givenBack?.(memory);
      this.#pool.give(memory);
    });
  }
}
