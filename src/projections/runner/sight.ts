import type { TenantId } from '../../domain/ids.js';
import type { QuarantinedRecord } from '../../domain/quarantine/quarantine.js';
import type { SetAside } from '../../domain/quarantine/set-aside.js';
import { RouteBook, routeEventTypes } from '../../domain/telemetry/routes/book.js';
import type { EventLog, Position, RecordedEvent } from '../../eventstore/event-store.js';
import { changedRecords, type ChangedRecord } from '../../quarantine/changed.js';
import { QuarantineShelf } from '../../quarantine/shelf.js';
import type { Document } from '../../readstore/read-store.js';
import type { Projection } from '../projection.js';
import { RouteShelf } from '../routes/shelf.js';
import { reshownRecords } from './reshown.js';

/** What is seen of some records of a tenant's and was not, or the other way round, and the route book that was theirs. */
export interface SeenChange {
  readonly tenant: TenantId;
  /** Can be gone over once. */
  readonly records: AsyncIterable<ChangedRecord>;
  readonly routedBefore: (position: Position) => RouteBook;
}

/** A tenant's records that a quarantine names, as of which position, and what was set aside before. */
interface Named {
  readonly tenant: TenantId;
  readonly records: readonly QuarantinedRecord[];
  readonly event: RecordedEvent;
  readonly before: SetAside;
}

/**
 * What one projection sees of the log as it walks along: without what is set aside, and under the routes that were known
 * where it is.
 */
export class Sight {
  readonly #reads: ReadonlySet<string>;
  readonly #quarantines: QuarantineShelf;
  readonly #shelf: RouteShelf | undefined;

  constructor(
    private readonly log: Pick<EventLog, 'readStream' | 'readAll'>,
    private readonly projection: Projection<Document, unknown>,
    /** Up to where quarantines hold, until the walk is further. */
    as_of: Position,
  ) {
    this.#reads = new Set(projection.reads);
    this.#quarantines = new QuarantineShelf(log, as_of);
    this.#shelf = projection.shows_routes && new RouteShelf({ readStream: (stream) => this.#stream(stream) });
  }

  /** Up to where quarantines hold. */
  get as_of(): Position {
    return this.#quarantines.position;
  }

  /** Whether the projection folds events of this kind. */
  reads(event: RecordedEvent): boolean {
    return this.#reads.has(event.type);
  }

  /** Takes in what lies ahead: after it the quarantines of these events' tenants are known. */
  async meet(events: readonly RecordedEvent[]): Promise<void> {
    await this.#quarantines.meet(events);
  }

  /** Whether an event that was met says of something set aside what does not hold yet. */
  isNews(event: RecordedEvent): boolean {
    return !this.projection.whole && this.#quarantines.isNews(event);
  }

  /** Events without what is set aside, their tenants' route books at hand. */
  async of(events: readonly RecordedEvent[]): Promise<readonly RecordedEvent[]> {
    await this.#quarantines.meet(events);
    const visible = this.projection.whole
      ? events
      : events.flatMap((event) => this.#quarantines.sight(event) ?? []);
    await this.#shelf?.meet(visible);
    return visible;
  }

  /** The book that an event is to be shown under; of a tenant that was met. */
  routing({ metadata, position }: RecordedEvent): RouteBook {
    return this.#shelf?.at(metadata.tenant_id, position) ?? RouteBook.EMPTY;
  }

  /** From now on sees as an event says by which a quarantine was approved or released; what that changes, if anything. */
  async follow(event: RecordedEvent): Promise<SeenChange | undefined> {
    const tenant = event.metadata.tenant_id;
    // The route book as it was.
    await this.#shelf?.meet([event]);
    const before = this.#quarantines.asideOf(tenant);
    this.#quarantines.advance(event.position);
    const records = this.#quarantines.changedBy(event).filter((record) => this.#concerns(record));
    if (tenant === undefined || records.length === 0) return undefined;
    return this.#changeOf({ tenant, records, event, before });
  }

  /** The records that are named, and where some of a route book are, those that are shown otherwise by it. */
  async #changeOf({ tenant, records, event, before }: Named): Promise<SeenChange> {
    const { shows_routes, reads } = this.projection;
    const shelf = this.#shelf;
    const aside = this.#quarantines.asideOf(tenant);
    const named = changedRecords(this.log, records, before, aside);
    const now = (position: Position): RouteBook => shelf?.at(tenant, position) ?? RouteBook.EMPTY;
    const [first] = records.flatMap(({ type, position }) => (isRouteEvent(type) ? position : [])).sort();
    if (!shelf || !shows_routes || first === undefined) return { tenant, records: named, routedBefore: now };
    const routedBefore = shelf.forget(tenant);
    await shelf.meet([event]);
    const after = first as Position;
    const reshown = reshownRecords(this.log, shows_routes, {
      ...{ tenant, after, upto: event.position, types: reads },
      before: { aside: before, routing: routedBefore },
      now: { aside, routing: now },
    });
    const all = async function* (): AsyncGenerator<ChangedRecord, void> {
      for await (const one of named) if (one.record.position <= after) yield one;
      yield* reshown;
    };
    return { tenant, records: all(), routedBefore };
  }

  #concerns({ type }: QuarantinedRecord): boolean {
    return this.#reads.has(type) || (this.#shelf !== undefined && isRouteEvent(type));
  }

  async *#stream(stream: RecordedEvent['stream']): AsyncIterable<RecordedEvent> {
    for await (const event of this.log.readStream(stream)) {
      await this.#quarantines.meet([event]);
      const visible = this.#quarantines.sight(event);
      if (visible) yield visible;
    }
  }
}

const isRouteEvent = (type: string): boolean => routeEventTypes.some((one) => one === type);
