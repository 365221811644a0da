import type { ExpectedRevision } from '../../eventstore/event-log-writer.js';
import {
  EventStoreUnavailable,
  type Position,
  type Revision,
  type StreamName,
} from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { CommandRefusal } from '../command.js';
import type { GuardTicket } from '../guard.js';
import { guarded, unavailable } from '../refusals.js';
import type { Cause, Draft, RecordWriter, WriteOutcome } from '../writer.js';

/** How often a record is tried again after another writer was faster, or the store did not answer. */
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 50;

/** What became of a record. */
export type Appended =
  | {
      readonly position: Position;
      readonly recorded_at: string;
      /** True where it was in the log before. */
      readonly repeated: boolean;
    }
  | { readonly refusal: CommandRefusal };

/**
 * The end of a stream as its writer knows it. Appends may be made behind one another: each presumes that those before
 * it go well. Where one does not, it and those behind it are made again one by one.
 */
export class StreamEnd {
  /** The last revision that is known; the first append finds out by a conflict. */
  #last: ExpectedRevision = 'none';
  /** What it will be where all that is under way goes well. */
  #presumed: ExpectedRevision = 'none';
  #steady = false;
  #under_way = 0;

  constructor(
    readonly stream: StreamName,
    private readonly writer: Pick<RecordWriter, 'append'>,
    private readonly clock: Pick<Clock, 'sleep'>,
  ) {}

  /** Whether the last append went well, so that another may be made behind those that are under way. */
  get isSteady(): boolean {
    return this.#steady;
  }

  /** Appends behind all that is under way. `before` resolves when what was begun before this has come to its end. */
  async append(
    draft: Draft,
    { cause, ticket }: { readonly cause: Cause; readonly ticket: GuardTicket },
    before: Promise<void>,
  ): Promise<Appended> {
    const expected = this.#under_way === 0 ? this.#last : this.#presumed;
    this.#under_way += 1;
    try {
      return await this.#append(draft, expected, { cause, ticket }, before);
    } finally {
      this.#under_way -= 1;
    }
  }

  /** Appends at the exact revision, which after a conflict is the one that the store says. */
  async #append(
    draft: Draft,
    first_expected: ExpectedRevision,
    { cause, ticket }: { readonly cause: Cause; readonly ticket: GuardTicket },
    before: Promise<void>,
  ): Promise<Appended> {
    let expected = first_expected;
    let refusal = contended;
    let unknown = false;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (attempt > 1) await this.clock.sleep(FIRST_PAUSE_MS * 2 ** attempt);
      this.#presumed = following(expected);
      let outcome: WriteOutcome;
      try {
        outcome = await this.writer.append(this.stream, expected, [draft], cause, ticket);
      } catch (error) {
        this.#steady = false;
        if (!(error instanceof EventStoreUnavailable)) throw error;
        if (error.reason !== 'unreachable') return { refusal: unavailable(error) };
        // Unknown whether it was written: the same record at the same revision again finds out.
        unknown = true;
        refusal = unavailable(error);
        // What went off before is repeated first, at the revision that it had.
        await before;
        continue;
      }
      switch (outcome.outcome) {
        case 'appended': {
          const { position, recorded_at, repeated } = outcome;
          // A record that was there already may be anywhere in the stream, or in another day's.
          if (!repeated) this.#last = later(this.#last, outcome.revision);
          this.#steady = !repeated;
          return { position, recorded_at, repeated: repeated && !unknown };
        }
        case 'conflict':
          this.#steady = false;
          this.#last = later(this.#last, outcome.actual);
          await before;
          expected = this.#last;
          refusal = contended;
          break;
        case 'guarded':
          this.#steady = false;
          return { refusal: guarded };
        case 'too_large':
          throw new Error(
            `A chunk of ${outcome.bytes} bytes was cut for a store that takes ${outcome.limit}.`,
          );
      }
    }
    return { refusal };
  }
}

const following = (last: ExpectedRevision): Revision => (last === 'none' ? 0 : last + 1) as Revision;

const later = (a: ExpectedRevision, b: ExpectedRevision): ExpectedRevision =>
  a === 'none' || (b !== 'none' && b > a) ? b : a;

const contended: CommandRefusal = {
  kind: 'unavailable',
  code: 'write_contention',
  detail: 'Another writer was faster again and again. Send the events again.',
  retry_after_seconds: 1,
};
