import type { EventId } from '../../../src/domain/ids.js';
import {
  START,
  type EventBatch,
  type EventFilter,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type StreamName,
} from '../../../src/eventstore/event-store.js';
import type { Log } from '../../contract/event-store.contract.js';
import { stream } from '../../support/log-events.js';

/**
 * A log that seems empty on a server that is not: its streams have a prefix, its ids a first group of their own, and
 * it begins where the server's log ended. `tag`: eight hexadecimal digits that were never used before.
 */
export const namespaced = (log: Log, tag: string, base: Position): Log => {
  const inside = (name: StreamName): StreamName =>
    name === '' || name.startsWith('$') ? name : stream(`${tag}-${name}`);
  const from = (after: Position): Position => (after === START ? base : after);
  const narrowed = (filter: EventFilter): EventFilter => ({
    ...filter,
    stream_prefix: `${tag}-${filter.stream_prefix ?? ''}`,
  });
  const hiddenId = (id: EventId): EventId => `${tag}${id.slice(8)}` as EventId;
  const hidden = <E extends NewEvent>(event: E): E => ({ ...event, id: hiddenId(event.id) });
  const shown = (event: RecordedEvent): RecordedEvent => ({
    ...event,
    id: `00000000${event.id.slice(8)}` as EventId,
    stream: stream(event.stream.slice(tag.length + 1)),
  });
  const showBatches = async function* (batches: AsyncIterable<EventBatch>): AsyncGenerator<EventBatch> {
    for await (const batch of batches) yield { ...batch, events: batch.events.map(shown) };
  };
  const showEvents = async function* (events: AsyncIterable<RecordedEvent>): AsyncGenerator<RecordedEvent> {
    for await (const event of events) yield shown(event);
  };
  return {
    append: (name, expected, [first, ...rest]) =>
      log.append(inside(name), expected, [hidden(first), ...rest.map(hidden)]),
    truncate: (name, before) => log.truncate(inside(name), before),
    readStream: (name, options) => showEvents(log.readStream(inside(name), options)),
    readAll: (after, filter = {}) => showBatches(log.readAll(from(after), narrowed(filter))),
    subscribe: (after, filter, signal) => showBatches(log.subscribe(from(after), narrowed(filter), signal)),
    sift: (places, sought) =>
      log.sift(
        places.map((place) => ({ ...place, stream: inside(place.stream), chunk: hiddenId(place.chunk) })),
        sought,
      ),
    head: async () => {
      const head = await log.head();
      return head === base ? START : head;
    },
    health: () => log.health(),
  };
};
