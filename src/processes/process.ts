import type { EventLog, RecordedEvent } from '../eventstore/event-store.js';
import type { ChangedRecord } from '../quarantine/changed.js';

/** How a reaction came out. `guarded` and `unavailable` may pass: it is tried again until it is done or refused. */
export type ReactionOutcome =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'guarded' | 'unavailable' | 'refused'; readonly detail: string };

/**
 * What a process manager makes of the log: a state that takes records in, and reactions that come out. The same
 * records give the same reactions, and carrying one out twice is the same as once. That is why a crash anywhere loses
 * nothing and repeats nothing.
 */
export interface Run<Reaction> {
  /** Takes a record in. */
  take(event: RecordedEvent): readonly Reaction[];
  /**
   * Some of what was taken in is set aside, or comes back: makes the state what it would be had that been so from the
   * beginning, apart from what was decided by it. Undefined where that cannot be done: the run is then of no more use,
   * as it is where this is absent, and the process begins anew.
   */
  amend?(amendment: Amendment): Promise<readonly Reaction[] | undefined>;
  /** Time has passed: every record stamped before it was taken in. */
  passed(time: number): readonly Reaction[];
  /** The time at which something is to be decided although no record comes. */
  due(): number | undefined;
  /** The state; undefined while it cannot be gone on with. */
  save(): Uint8Array | undefined;
  /** What people may want to see of it. */
  describe(): ProcessDetails;
}

/** A decision to set something aside, or to bring it back. */
export interface Amendment {
  /** The record that says so; every record before it was taken in. */
  readonly event: RecordedEvent;
  /** Of the types that the process reads; can be gone over once. */
  readonly changed: AsyncIterable<ChangedRecord>;
  /** Without what is set aside from now on. */
  readonly log: Pick<EventLog, 'readAll'>;
}

export type ProcessDetails = Readonly<Record<string, string | number>>;

/** A process manager: reacts to records with commands. Positions, crashes and time are the runner's. */
export interface Process<Reaction> {
  /** `[a-z-]+`; the name that people see. */
  readonly name: string;
  /** The event types it reads. */
  readonly reads: readonly string[];
  /** Begins at the log's beginning; `log` is without what is set aside. */
  begin(log: Pick<EventLog, 'readAll'>): Promise<Run<Reaction>>;
  /** Goes on from a saved state; undefined where it is of no use any more. */
  resume(state: Uint8Array): Run<Reaction> | undefined;
  /** Cuts reactions into steps: those of one step may be carried out side by side, the steps only in order. */
  steps(reactions: readonly Reaction[]): readonly (readonly Reaction[])[];
  /** `signal` aborts where the process is to end: what takes long gives up, and is tried again at the next start. */
  react(reaction: Reaction, signal: AbortSignal): Promise<ReactionOutcome>;
}
