import type { NewEvent, Position, Revision, StreamName } from './event-store.js';

/** The revision that the stream's last event must have, or `none` where there must be no event yet. */
export type ExpectedRevision = Revision | 'none';

export type AppendOutcome =
  | {
      readonly outcome: 'appended';
      /** Of the last event appended. */
      readonly revision: Revision;
      readonly position: Position;
      /** True where these very events were in the log already and nothing was written. */
      readonly repeated: boolean;
    }
  | { readonly outcome: 'conflict'; readonly actual: ExpectedRevision }
  | { readonly outcome: 'too_large'; readonly bytes: number; readonly limit: number };

/** The writing half of the log. Only the command pipeline holds one. */
export interface EventLogWriter {
  /**
   * Appends events to a stream, all or none, durable when it resolves.
   * Idempotent by event id, over all streams and for ever: events that are in the log already give the first
   * answer whatever the revision expected; a mixture of known and new ids is a conflict.
   * Rejects with EventStoreUnavailable where the outcome is unknown: repeat the same events at the same revision.
   */
  append(
    stream: StreamName,
    expected: ExpectedRevision,
    events: readonly [NewEvent, ...NewEvent[]],
  ): Promise<AppendOutcome>;

  /** Hides a stream's events before a revision from `readStream`, for ever. `readAll` may still show them. */
  truncate(stream: StreamName, before: Revision): Promise<void>;
}
