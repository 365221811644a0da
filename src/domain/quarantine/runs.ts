import type { QuarantinedRecord } from './held.js';

type Run = { -readonly [F in keyof QuarantinedRecord]: QuarantinedRecord[F] };

/**
 * Puts records that follow each other in their streams into runs, in which they are named in the room of one. Holds so
 * many runs at the most; what does not fit is counted.
 */
export class RecordRuns {
  readonly #runs: Run[] = [];
  readonly #last = new Map<string, Run>();
  #remaining = 0;

  constructor(private readonly most: number) {}

  get records(): readonly QuarantinedRecord[] {
    return this.#runs;
  }

  get remaining(): number {
    return this.#remaining;
  }

  /** Takes the next record, those of a stream in its order; says whether it fits. */
  add(record: QuarantinedRecord): boolean {
    const { stream, revision, position, type, indexes } = record;
    const last = this.#last.get(stream);
    const follows =
      last &&
      !indexes &&
      !last.indexes &&
      last.type === type &&
      (last.through?.revision ?? last.revision) + 1 === revision;
    if (follows) {
      last.through = { revision, position };
      return true;
    }
    if (this.#runs.length === this.most) {
      this.#remaining += 1;
      return false;
    }
    const run = { ...record };
    this.#runs.push(run);
    this.#last.set(stream, run);
    return true;
  }
}
