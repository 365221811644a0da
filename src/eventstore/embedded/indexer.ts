import type { Clock } from '../../platform/clock.js';
import type { IndexedCommit, LogIndex } from './log-index.js';
import type { Unindexed } from './unindexed.js';

const BATCH_RECORDS = 20_000;
const LATEST_MS = 200;
const RETRY_MS = 5_000;

/** Writes the index behind the appends, in batches. It may fail, or lag, and nothing is lost: the log has it all. */
export class Indexer {
  #waiting: IndexedCommit[] = [];
  #records = 0;
  /** How many commits came, and how many of them the index has. */
  #added = 0;
  #written = 0;
  #running: Promise<void> | undefined;
  #attempt: Promise<boolean> | undefined;
  #hurry = new AbortController();
  #trouble: string | undefined;
  readonly #closing = new AbortController();

  constructor(
    private readonly index: LogIndex,
    private readonly unindexed: Unindexed,
    private readonly clock: Clock,
  ) {}

  /** Why the index falls behind; undefined where it does not. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  add(commit: IndexedCommit): void {
    this.unindexed.committed(commit);
    this.#waiting.push(commit);
    this.#records += commit.count;
    this.#added += 1;
    if (this.#records >= BATCH_RECORDS) this.#hurry.abort();
    this.#running ??= this.#run();
  }

  /** Writes what there is without waiting for more, nor for the pause after a failure; says whether all is written. */
  async flush(): Promise<boolean> {
    const due = this.#added;
    // A try that began before may fail of what is over by now.
    let tries = 2;
    while (this.#written < due && tries > 0) {
      this.#hurry.abort();
      if (!(await this.#attempt)) tries -= 1;
    }
    return this.#written >= due;
  }

  /** As `flush`; what then fails is left to the next start. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#hurry.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let pause = LATEST_MS;
    while (this.#waiting.length > 0) {
      this.#attempt = this.#write(pause);
      const written = await this.#attempt;
      if (!written && this.#closing.signal.aborted) break;
      pause = written ? LATEST_MS : RETRY_MS;
    }
    this.#running = undefined;
  }

  /** Writes a batch as soon as it is large, or late, or somebody is in a hurry; says whether it was written. */
  async #write(pause: number): Promise<boolean> {
    if (!this.#closing.signal.aborted) await this.clock.sleep(pause, this.#hurry.signal);
    this.#hurry = new AbortController();
    const batch = this.#waiting;
    this.#waiting = [];
    this.#records = 0;
    try {
      await this.index.write(batch);
      this.unindexed.indexed(batch);
      this.#written += batch.length;
      this.#trouble = undefined;
      return true;
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
      this.#waiting = [...batch, ...this.#waiting];
      return false;
    }
  }
}
