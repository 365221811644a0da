import type { Clock } from '../../platform/clock.js';
import type { IndexedCommit, LogIndex } from './log-index.js';
import type { Unindexed } from './unindexed.js';

const BATCH_RECORDS = 20_000;
const LATEST_MS = 200;
const RETRY_MS = 1_000;

/** Writes the index behind the appends, in batches. It may fail, or lag, and nothing is lost: the log has it all. */
export class Indexer {
  #waiting: IndexedCommit[] = [];
  #records = 0;
  #running: Promise<void> | undefined;
  #hurry = new AbortController();
  #closing = false;

  constructor(
    private readonly index: LogIndex,
    private readonly unindexed: Unindexed,
    private readonly clock: Clock,
  ) {}

  add(commit: IndexedCommit): void {
    this.unindexed.committed(commit);
    this.#waiting.push(commit);
    this.#records += commit.count;
    if (this.#records >= BATCH_RECORDS) this.#hurry.abort();
    this.#running ??= this.#run();
  }

  /** Writes what there is. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#hurry.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.clock.sleep(LATEST_MS, this.#hurry.signal);
      if (!this.#closing) this.#hurry = new AbortController();
      const batch = this.#waiting;
      this.#waiting = [];
      this.#records = 0;
      try {
        await this.index.write(batch);
        this.unindexed.indexed(batch);
      } catch {
        this.#waiting = [...batch, ...this.#waiting];
        if (this.#closing) return;
        await this.clock.sleep(RETRY_MS, this.#hurry.signal);
      }
    }
    this.#running = undefined;
  }
}
