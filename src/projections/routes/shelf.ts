import type { TenantId } from '../../domain/ids.js';
import { readEvent } from '../../domain/stored-event.js';
import { routesStream } from '../../domain/streams.js';
import {
  RouteBook,
  routeBookDecider,
  routeEventTypes,
  type RouteEvent,
} from '../../domain/telemetry/routes/book.js';
import type { EventLog, Position, RecordedEvent, StreamName } from '../../eventstore/event-store.js';

const isRouteEvent = (type: string): boolean => routeEventTypes.some((one) => one === type);

/** A tenant's book with the events that it was made of, and how far into them. */
interface Volume {
  readonly events: RecordedEvent[];
  /** Made of the first so many events. */
  count: number;
  book: RouteBook;
}

/**
 * The route books of those tenants that somebody who walks along the log meets, as they were where it is: a chunk is
 * shown as the events before it say, whenever it is read. Books are read from their streams when a tenant is met
 * first, and go on with the events that the walker hands over.
 */
export class RouteShelf {
  readonly #volumes = new Map<TenantId, Volume>();

  constructor(private readonly log: Pick<EventLog, 'readStream'>) {}

  /** Takes in what lies ahead: after it the books of these events' tenants are there, up to these events at least. */
  async meet(events: readonly RecordedEvent[]): Promise<void> {
    for (const event of events) {
      const tenant = event.metadata.tenant_id;
      if (tenant === undefined) continue;
      const volume = this.#volumes.get(tenant) ?? (await this.#open(tenant));
      const last = volume.events.at(-1);
      if (isRouteEvent(event.type) && (!last || event.position > last.position)) volume.events.push(event);
    }
  }

  /** A tenant's book as the events before a position say. */
  at(tenant: TenantId | undefined, position: Position): RouteBook {
    const volume = tenant === undefined ? undefined : this.#volumes.get(tenant);
    return volume ? bookAt(volume, position) : RouteBook.EMPTY;
  }

  /**
   * Reads a tenant's book again where it is met next: what its stream shows is something else now. Gives the book as it
   * was until now, for any position up to where it was read.
   */
  forget(tenant: TenantId): (position: Position) => RouteBook {
    const volume = this.#volumes.get(tenant);
    this.#volumes.delete(tenant);
    return (position) => (volume ? bookAt(volume, position) : RouteBook.EMPTY);
  }

  async #open(tenant: TenantId): Promise<Volume> {
    const volume: Volume = { events: [], count: 0, book: RouteBook.EMPTY };
    for await (const event of this.log.readStream(routesStream(tenant) as StreamName))
      volume.events.push(event);
    this.#volumes.set(tenant, volume);
    return volume;
  }
}

const bookAt = (volume: Volume, position: Position): RouteBook => {
  const before = volume.events[volume.count - 1];
  if (before && before.position >= position) {
    volume.count = 0;
    volume.book = RouteBook.EMPTY;
  }
  for (
    let next = volume.events[volume.count];
    next && next.position < position;
    next = volume.events[volume.count]
  ) {
    const event = readEvent<RouteEvent>(routeEventTypes, next);
    if (event) volume.book = routeBookDecider.evolve(volume.book, event);
    volume.count += 1;
  }
  return volume.book;
};
