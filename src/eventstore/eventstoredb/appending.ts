import {
  MaxAppendSizeExceededError,
  NO_STREAM,
  WrongExpectedVersionError,
  type EventData,
} from '@eventstore/db-client';
import type { ExpectedRevision } from '../event-log-writer.js';
import { toPosition, type Position, type Revision, type StreamName } from '../event-store.js';
import type { Connection } from './connection.js';

/** What the server says to one append. */
export type ServerAnswer =
  | { readonly said: 'written'; readonly revision: Revision; readonly position: Position | undefined }
  | { readonly said: 'conflict'; readonly actual: ExpectedRevision }
  | { readonly said: 'too_large'; readonly limit: number };

/** One try to append. Rejects where the outcome is unknown. */
export const appendOnce = async (
  { client, credentials }: Connection,
  stream: StreamName,
  expected: ExpectedRevision,
  events: readonly EventData[],
  deadline: number,
): Promise<ServerAnswer> => {
  try {
    const { nextExpectedRevision, position } = await client.appendToStream(stream, [...events], {
      expectedRevision: expected === 'none' ? NO_STREAM : BigInt(expected),
      credentials,
      deadline,
    });
    return {
      said: 'written',
      revision: Number(nextExpectedRevision) as Revision,
      // A repeat of events that are hidden by now has none.
      position: position && toPosition(position.commit),
    };
  } catch (error) {
    if (error instanceof WrongExpectedVersionError)
      return { said: 'conflict', actual: revisionOf(error.actualVersion) };
    if (error instanceof MaxAppendSizeExceededError) return { said: 'too_large', limit: error.maxAppendSize };
    throw error;
  }
};

const revisionOf = (version: bigint | 'no_stream'): ExpectedRevision =>
  version === NO_STREAM || version < 0n ? 'none' : (Number(version) as Revision);
