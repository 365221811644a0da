import type { TenantId } from '../../domain/ids.js';
import { readEvent } from '../../domain/stored-event.js';
import { routesStream } from '../../domain/streams.js';
import { telemetryStreams } from '../../domain/telemetry/address.js';
import { TELEMETRY_RECORDED } from '../../domain/telemetry/stored-chunk.js';
import {
  RouteBook,
  routeBookDecider,
  routeEventTypes,
  type RouteEvent,
} from '../../domain/telemetry/routes/book.js';
import {
  START,
  type EventFilter,
  type EventLog,
  type Position,
  type RecordedEvent,
} from '../../eventstore/event-store.js';
import { goingBack } from '../../projections/runner/history.js';

type Log = Pick<EventLog, 'readAll'>;

/** A chunk with what its tenant's paths were shown as when it came. */
export interface RoutedChunk {
  readonly chunk: RecordedEvent;
  readonly book: RouteBook;
}

/**
 * A tenant's chunks up to a position, in the log's order, from the first on that is not old: looked for from the end
 * backwards. Some that are old may come before it.
 */
export async function* recentChunks(
  log: Log,
  tenant: TenantId,
  upto: Position,
  isOld: (chunk: RecordedEvent) => boolean,
): AsyncGenerator<RoutedChunk, void> {
  const chunks = { types: [TELEMETRY_RECORDED], stream_prefix: telemetryStreams(tenant) };
  const routes = { types: routeEventTypes, stream_prefix: routesStream(tenant) };
  const changes: RecordedEvent[] = [];
  for await (const change of eventsBehind(log, START, upto, routes)) changes.push(change);
  let book = RouteBook.EMPTY;
  let next = 0;
  for await (const chunk of eventsBehind(log, await behindOld(log, upto, chunks, isOld), upto, chunks)) {
    for (let one = changes[next]; one && one.position < chunk.position; one = changes[next]) {
      const route = readEvent<RouteEvent>(routeEventTypes, one);
      if (route) book = routeBookDecider.evolve(book, route);
      next += 1;
    }
    yield { chunk, book };
  }
}

/** A position behind which the first event is old; the log's start where there is none. */
const behindOld = async (
  log: Log,
  upto: Position,
  filter: EventFilter,
  isOld: (event: RecordedEvent) => boolean,
): Promise<Position> => {
  for (const after of goingBack(upto))
    for await (const event of eventsBehind(log, after, upto, filter)) {
      if (isOld(event)) return after;
      break;
    }
  return START;
};

async function* eventsBehind(
  log: Log,
  after: Position,
  upto: Position,
  filter: EventFilter,
): AsyncGenerator<RecordedEvent, void> {
  for await (const { events, position } of log.readAll(after, filter)) {
    yield* events.filter((event) => event.position < upto);
    if (position >= upto) return;
  }
}
