import {
  excludeSystemEvents,
  START as FROM_START,
  type AllStreamResolvedEvent,
  type AllStreamSubscription,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import type { Clock } from '../../platform/clock.js';
import { START, type EventBatch, type Position, type RecordedEvent } from '../event-store.js';
import { Batching } from './batching.js';
import { BackOff } from './retrying.js';
import { positionOf, toRecorded, toStorePosition } from './stored-form.js';

/** How many records the client may hold ready beside the batch that is being gathered. */
const READ_AHEAD = 64;
/** In search windows of 32 records; the checkpoints themselves are not needed, since no event of ours is filtered out. */
const CHECKPOINT_INTERVAL = 1_000;

/**
 * Everything after a position, then what comes, until the signal aborts. A lost subscription does not resume by
 * itself: another one is opened from the last position, which the server takes as exclusive.
 */
export async function* follow(
  client: EventStoreDBClient,
  after: Position,
  lets: (event: RecordedEvent) => boolean,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<EventBatch, void> {
  const batching = new Batching(after, lets);
  const backOff = new BackOff(clock);
  while (!signal.aborted) {
    const inbox = new Inbox(subscribe(client, batching.position), signal);
    let live = false;
    let told = false;
    try {
      for (;;) {
        const item = inbox.take();
        if (item === undefined) {
          if (live && (batching.moved || !told)) {
            told = true;
            yield batching.take(true);
          } else if (!(await inbox.more())) break;
        } else if (item === CAUGHT_UP) {
          live = true;
        } else if (item === FELL_BEHIND) {
          live = told = false;
        } else {
          backOff.reset();
          batching.add(positionOf(item), toRecorded(item));
          if (batching.full) {
            told = false;
            yield batching.take(false);
          }
        }
        if (stopped(signal)) return;
      }
    } finally {
      inbox.close();
    }
    if (batching.moved && !stopped(signal)) yield batching.take(false);
    await backOff.wait(signal);
  }
}

/** A call, since the compiler takes a property for what it was before an await. */
const stopped = (signal: AbortSignal): boolean => signal.aborted;

const subscribe = (client: EventStoreDBClient, after: Position): AllStreamSubscription =>
  client.subscribeToAll(
    {
      fromPosition: after === START ? FROM_START : toStorePosition(after),
      filter: excludeSystemEvents({ checkpointInterval: CHECKPOINT_INTERVAL }),
    },
    { highWaterMark: READ_AHEAD },
  );

const CAUGHT_UP = Symbol('caught up');
const FELL_BEHIND = Symbol('fell behind');
type Item = AllStreamResolvedEvent | typeof CAUGHT_UP | typeof FELL_BEHIND;

/** One subscription, pulled: its events and marks in the order in which the server sent them. */
class Inbox {
  #over = false;
  #wake: () => void = ignore;
  readonly #onAbort = (): void => {
    this.#end();
  };

  constructor(
    private readonly subscription: AllStreamSubscription,
    private readonly signal: AbortSignal,
  ) {
    // A mark is queued behind the events that came before it.
    subscription.on('caughtUp', () => subscription.push(CAUGHT_UP));
    subscription.on('fellBehind', () => subscription.push(FELL_BEHIND));
    subscription.on('readable', () => {
      this.#wake();
    });
    // Stays for good: the client may emit errors after the end, which would end the process.
    for (const event of ['error', 'end', 'close'] as const)
      subscription.on(event, () => {
        this.#end();
      });
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** The next item that is there already. */
  take(): Item | undefined {
    return (this.subscription.read() as Item | null) ?? undefined;
  }

  /** Waits for more; false where none will come. */
  async more(): Promise<boolean> {
    while (this.subscription.readableLength === 0) {
      if (this.#over || this.signal.aborted) return false;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return true;
  }

  close(): void {
    this.signal.removeEventListener('abort', this.#onAbort);
    this.subscription.unsubscribe().catch(ignore);
    this.subscription.destroy();
  }

  #end(): void {
    this.#over = true;
    this.#wake();
  }
}

const ignore = (): void => undefined;
