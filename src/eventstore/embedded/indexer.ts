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
    if (this.#records >= BATCH_RECORDS) this.#hurry.abort();
    this.#running ??= this.#run();
  }

  /** Writes what there is without waiting for more; tries once. */
  async flush(): Promise<void> {
    this.#hurry.abort();
    await this.#attempt;
  }

  /** As `flush`; what then fails is left to the next start. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#hurry.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      this.#attempt = this.#write();
      if (await this.#attempt) continue;
      if (this.#closing.signal.aborted) break;
      await this.clock.sleep(RETRY_MS, this.#closing.signal);
    }
    this.#running = undefined;
  }

  /** Writes a batch as soon as it is large, or late, or somebody is in a hurry; says whether it was written. */
  async #write(): Promise<boolean> {
    if (!this.#closing.signal.aborted) await this.clock.sleep(LATEST_MS, this.#hurry.signal);
    this.#hurry = new AbortController();
    const batch = this.#waiting;
    this.#waiting = [];
    this.#records = 0;
    try {
      await this.index.write(batch);
      this.unindexed.indexed(batch);
      this.#trouble = undefined;
      return true;
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
      this.#waiting = [...batch, ...this.#waiting];
      return false;
    }
  }
}
