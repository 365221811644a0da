import { filterOf } from '../filter.js';
import { toPosition, type EventBatch, type EventFilter, type RecordedEvent } from '../event-store.js';
import { compileFilter, type RecordRun } from './commit.js';
import { Loan } from './lent-memory.js';
import type { LogCursor, LogReader } from './log-reader.js';
import type { RunPlace } from './log-index.js';
import type { Tide } from './tide.js';

const BATCH_EVENTS = 512;
const BATCH_BYTES = 4 * 1024 * 1024;
/** A filter that lets nothing through still says how far it is after this much. */
const LOOK_BYTES = 16 * 1024 * 1024;

/**
 * The events after a record, up to the end of the log as it is when the end is reached. The last batch says that it
 * caught up, and is empty where there is nothing else to say it with.
 */
export async function* readBatches(
  cursor: LogCursor,
  after: number,
  filter: EventFilter,
  tide: Tide,
  loans?: Loans,
): AsyncGenerator<EventBatch, void> {
  const lets = compileFilter(filter);
  const batch = new Batch(after, tide, loans);
  for (let commits = await cursor.read(); commits.length > 0; commits = await cursor.read()) {
    for (const commit of commits) {
      for (let i = Math.max(0, after + 1 - commit.number); i < commit.count; i += 1) {
        const event = loans ? commit.lentEvent(i, lets) : commit.event(i, lets);
        batch.add(commit, i, event);
        if (batch.isFull) yield batch.take();
      }
      if (batch.looked >= LOOK_BYTES) yield batch.take();
    }
  }
  if (!batch.caughtUp) yield batch.take();
}

/** The events of runs that were found in the index, in the log's order. Does not say that it caught up. */
export async function* readFound(
  reader: LogReader,
  runs: readonly RunPlace[],
  after: number,
  filter: EventFilter,
): AsyncGenerator<EventBatch, void> {
  const lets = filterOf(filter);
  let events: RecordedEvent[] = [];
  let bytes = 0;
  for await (const event of reader.readRuns(runs)) {
    if (Number.parseInt(event.position, 16) <= after || !lets(event)) continue;
    events.push(event);
    bytes += event.metadata.chunk?.bytes ?? (event.data instanceof Uint8Array ? event.data.length : 0);
    if (events.length < BATCH_EVENTS && bytes < BATCH_BYTES) continue;
    yield { events, position: event.position, caught_up: false };
    events = [];
    bytes = 0;
  }
  const last = events.at(-1);
  if (last) yield { events, position: last.position, caught_up: false };
}

/** As `readBatches`, and then those to come, until the signal aborts or the log is closed. */
export async function* followBatches(
  cursor: LogCursor,
  after: number,
  filter: EventFilter,
  tide: Tide,
  signal: AbortSignal,
  loans?: Loans,
): AsyncGenerator<EventBatch, void> {
  const over = (): boolean => signal.aborted || tide.ended;
  let reached = after;
  while (!over()) {
    for await (const batch of readBatches(cursor, reached, filter, tide, loans)) {
      if (over()) return;
      yield batch;
      if (over()) return;
      reached = Number.parseInt(batch.position, 16);
    }
    await tide.above(reached, signal);
  }
}

/** What a reader was lent with batches and has not given back. */
export class Loans {
  readonly #loans = new Set<Loan>();

  begin(): Loan {
    const loan = new Loan();
    this.#loans.add(loan);
    return loan;
  }

  end(loan: Loan): void {
    if (this.#loans.delete(loan)) loan.release();
  }

  /** The reader went away: it may still look at what it has, and will not say when it is done. */
  abandon(): void {
    for (const loan of this.#loans) loan.abandon();
    this.#loans.clear();
  }
}

class Batch {
  #events: RecordedEvent[] = [];
  #bytes = 0;
  /** Bytes of records looked at since the last batch. */
  looked = 0;
  /** Whether the last batch said so and nothing came after it. */
  caughtUp = false;
  #loan: Loan | undefined;

  constructor(
    private reached: number,
    private readonly tide: Tide,
    private readonly loans: Loans | undefined,
  ) {}

  get isFull(): boolean {
    return this.#events.length >= BATCH_EVENTS || this.#bytes >= BATCH_BYTES;
  }

  /** Adds what is to be seen of a run's record, or that there is nothing. */
  add(run: RecordRun, i: number, event: RecordedEvent | undefined): void {
    const bytes = run.bytesOf(i);
    this.reached = run.number + i;
    this.caughtUp = false;
    this.looked += bytes;
    if (!event) return;
    this.#events.push(event);
    this.#bytes += bytes;
    if (this.loans && run.memory && run.memory.length > 0)
      (this.#loan ??= this.loans.begin()).add(run.memory);
  }

  take(): EventBatch {
    this.caughtUp = this.reached >= this.tide.level;
    const batch = { events: this.#events, position: toPosition(this.reached), caught_up: this.caughtUp };
    const { loans } = this;
    const loan = this.#loan;
    this.#events = [];
    this.#bytes = this.looked = 0;
    this.#loan = undefined;
    return loan ? { ...batch, release: () => loans?.end(loan) } : batch;
  }
}
