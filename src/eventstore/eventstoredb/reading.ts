import {
  BACKWARDS,
  END,
  START as FROM_START,
  StreamNotFoundError,
  UnknownError,
  type AllStreamResolvedEvent,
  type EventStoreDBClient,
  type ResolvedEvent,
  type StreamingRead,
} from '@eventstore/db-client';
import {
  START,
  type EventBatch,
  type Position,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../event-store.js';
import { Batching } from './batching.js';
import { unreachable } from './retrying.js';
import { positionOf, toRecorded, toStorePosition } from './stored-form.js';

/** The events of a stream, oldest first. */
export async function* readStream(
  client: EventStoreDBClient,
  stream: StreamName,
  from: Revision,
  limit: number | undefined,
): AsyncGenerator<RecordedEvent, void> {
  if (limit === 0) return;
  const read = client.readStream(stream, {
    fromRevision: BigInt(from),
    ...(limit !== undefined && { maxCount: limit }),
  });
  for await (const resolved of records<ResolvedEvent>(read)) {
    const event = toRecorded(resolved);
    if (event) yield event;
  }
}

/**
 * Everything after a position. The server gives the record at the position too, and system events; where no record is
 * there it fails, and `recordBefore` says where there is one before.
 */
export async function* readToEnd(
  client: EventStoreDBClient,
  after: Position,
  lets: (event: RecordedEvent) => boolean,
  recordBefore?: (position: Position) => Promise<Position>,
): AsyncGenerator<EventBatch, void> {
  const batching = new Batching(after, lets);
  const gather = async function* (
    from: Position,
    saysNothing?: (error: unknown) => boolean,
  ): AsyncGenerator<EventBatch, void> {
    const read = client.readAll({ fromPosition: from === START ? FROM_START : toStorePosition(from) });
    for await (const resolved of records<AllStreamResolvedEvent>(read, saysNothing)) {
      const position = positionOf(resolved);
      if (position <= after) continue;
      batching.add(position, toRecorded(resolved));
      if (batching.full) yield batching.take(false);
    }
  };
  const met = { noPlace: false };
  yield* gather(after, (error) => (met.noPlace = recordBefore !== undefined && isNoPlace(error)));
  if (met.noPlace && recordBefore) yield* gather(await recordBefore(after));
  yield batching.take(true);
}

/** How the server says, in general terms, that no record is where it is to read from. */
const isNoPlace = (error: unknown): boolean => error instanceof UnknownError;

/** The position of the last event of ours, looked for from the end back to `bound`; undefined where none is after that. */
export const lastPosition = async (
  client: EventStoreDBClient,
  bound: Position,
): Promise<Position | undefined> => {
  const read = client.readAll({ fromPosition: END, direction: BACKWARDS });
  for await (const resolved of records<AllStreamResolvedEvent>(read)) {
    const position = positionOf(resolved);
    if (position <= bound) return undefined;
    if (toRecorded(resolved)) return position;
  }
  return undefined;
};

/** Asks for one record, to see that the server answers. */
export const probe = async (client: EventStoreDBClient): Promise<void> => {
  const read = client.readAll({ fromPosition: END, direction: BACKWARDS, maxCount: 1 });
  const answer = records(read);
  await answer.next();
  await answer.return();
};

/** The event at a position, undefined where none of ours is there: the server then fails in general terms. */
export const recordAt = async (
  client: EventStoreDBClient,
  position: Position,
): Promise<RecordedEvent | undefined> => {
  const read = client.readAll({ fromPosition: toStorePosition(position), maxCount: 1 });
  for await (const resolved of records<AllStreamResolvedEvent>(read, isNoPlace))
    return positionOf(resolved) === position ? toRecorded(resolved) : undefined;
  return undefined;
};

/**
 * What a read gives, nothing where the stream is missing. A read that is left early is cancelled and run dry: the
 * client would wait for its end for ever, since a call that had come to its end is not cancelled any more. The client
 * emits errors after the end too: the listener keeps them from ending the process.
 */
export async function* records<T>(
  read: StreamingRead<T>,
  saysNothing: (error: unknown) => boolean = isNotFound,
): AsyncGenerator<T, void> {
  read.on('error', ignore);
  let ended = false;
  try {
    for await (const resolved of read.iterator({ destroyOnReturn: false })) yield resolved as T;
    ended = true;
  } catch (error) {
    ended = true;
    if (saysNothing(error)) return;
    throw unreachable(error);
  } finally {
    if (!ended) {
      read.cancel().catch(ignore);
      read.resume();
    }
  }
}

const isNotFound = (error: unknown): boolean => error instanceof StreamNotFoundError;

const ignore = (): void => undefined;
