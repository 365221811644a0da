import type { ErasureId } from '../../domain/ids.js';
import { shareOf, type Position } from '../../eventstore/event-store.js';

/** How far this process has looked for what is to be erased; nothing of it outlives the process. */
export class SearchProgress {
  readonly #shares = new Map<ErasureId, number>();

  reached(erasure: ErasureId, position: Position, until: Position): void {
    this.#shares.set(erasure, shareOf(position, until));
  }

  end(erasure: ErasureId): void {
    this.#shares.delete(erasure);
  }

  /** From 0 to 1; undefined where it is not looked for now. */
  shareOf(erasure: ErasureId): number | undefined {
    return this.#shares.get(erasure);
  }
}
