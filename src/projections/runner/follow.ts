import { START, type Position } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import type { LaneContext } from './lane-context.js';
import type { Lane } from './lane.js';
import { TimeSlice } from './time-slice.js';

/** How much is folded in memory before it is written: whichever comes first. */
export interface Window {
  readonly events: number;
  readonly milliseconds: number;
}

/** Says when what was folded is due to be written. */
export class Due {
  #events = 0;
  #since: number;

  constructor(
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly window: Window,
  ) {
    this.#since = clock.monotonic();
  }

  /** Counts a batch that was folded; true where it is time to write. */
  add(events: number, lanes: Iterable<Lane>): boolean {
    this.#events += events;
    if (this.#events >= this.window.events) return true;
    if (this.clock.monotonic() - this.#since >= this.window.milliseconds) return true;
    for (const lane of lanes) if (lane.full) return true;
    return false;
  }

  reset(): void {
    this.#events = 0;
    this.#since = this.clock.monotonic();
  }
}

export interface FollowOptions {
  readonly signal: AbortSignal;
  readonly window: Window;
  /** How far to go; absent: to the log's end as it is when it is reached. */
  readonly until?: Position;
  /** Called after each write, with how many events were folded since the last. */
  readonly onProgress?: (events: number, position: Position) => void;
}

/**
 * Brings lanes along the log beside the host's own loop: each batch is read and decoded once for all of them, and
 * between batches everything else has its turn. Ends early where the signal aborts; what was folded is written then.
 */
export const follow = async (
  { log, clock, ahead = (read) => read() }: Pick<LaneContext, 'log' | 'clock' | 'ahead'>,
  lanes: readonly Lane[],
  { signal, window, until, onProgress }: FollowOptions,
): Promise<void> => {
  const types = [...new Set(lanes.flatMap((lane) => [...lane.types]))];
  const from = lowest(lanes);
  const slice = new TimeSlice(clock);
  const due = new Due(clock, window);
  const write = async (): Promise<void> => {
    const flushed = await together(lanes.map((lane) => lane.flush()));
    onProgress?.(
      flushed.reduce((most, one) => Math.max(most, one?.events ?? 0), 0),
      lowest(lanes),
    );
    due.reset();
  };
  if (until === undefined || from < until)
    for await (const batch of ahead((room) => log.readAll(from, { types }, room))) {
      if (signal.aborted) break;
      const upto = until !== undefined && until < batch.position ? until : batch.position;
      await together(lanes.map((lane) => lane.take(batch.events, upto)));
      if (due.add(batch.events.length, lanes)) await write();
      if (until !== undefined && batch.position >= until) break;
      if (slice.over) await slice.rest();
    }
  // The log was read to its end, or to `until`: there is nothing more up to there.
  if (until !== undefined && !signal.aborted) await together(lanes.map((lane) => lane.take([], until)));
  await write();
};

/** How far all of some lanes were folded. */
export const lowest = ([first, ...others]: readonly Lane[]): Position =>
  others.reduce((low, { folded }) => (folded < low ? folded : low), first?.folded ?? START);

/** Waits for all, and only then fails with what failed first: nothing goes on behind the back of who handles it. */
export const together = async <T>(running: readonly Promise<T>[]): Promise<readonly T[]> => {
  const settled = await Promise.allSettled(running);
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
};
