import type { Aside } from '../domain/quarantine/held.js';
import { setAsideBy } from '../domain/quarantine/set-aside.js';
import { tenantOfTelemetry } from '../domain/telemetry/address.js';
import type { Sought } from '../domain/telemetry/query/sift.js';
import type {
  ChunkPlace,
  EventBatch,
  EventFilter,
  EventLog,
  Position,
  RecordedEvent,
  Revision,
  SiftedChunk,
  StoreHealth,
  StreamName,
} from '../eventstore/event-store.js';
import type { CurrentQuarantines } from './current.js';

/** The log without what is set aside now: what people are shown is read from it. */
export class VisibleLog implements EventLog {
  constructor(
    private readonly log: EventLog,
    private readonly quarantines: CurrentQuarantines,
  ) {}

  async *readStream(
    stream: StreamName,
    options?: { from?: Revision; limit?: number },
  ): AsyncIterable<RecordedEvent> {
    for await (const record of this.log.readStream(stream, options)) {
      const visible = await this.quarantines.sight(record);
      if (visible) yield visible;
    }
  }

  readAll(after: Position, filter?: EventFilter): AsyncIterable<EventBatch> {
    return this.#seen(this.log.readAll(after, filter));
  }

  subscribe(...following: Parameters<EventLog['subscribe']>): AsyncIterable<EventBatch> {
    return this.#seen(this.log.subscribe(...following));
  }

  async sift(places: readonly ChunkPlace[], sought: Sought): Promise<readonly (SiftedChunk | undefined)[]> {
    const asides = await Promise.all(places.map((place) => this.#asideAt(place)));
    const shown = places.flatMap((place, i) => {
      const aside = asides[i];
      if (aside === 'all') return [];
      return aside ? { ...place, without: [...(place.without ?? []), ...aside] } : place;
    });
    const sifted = await this.log.sift(shown, sought);
    let next = 0;
    return places.map((_, i) => (asides[i] === 'all' ? undefined : sifted[next++]));
  }

  head(): Promise<Position> {
    return this.log.head();
  }

  health(): Promise<StoreHealth> {
    return this.log.health();
  }

  async #asideAt(place: ChunkPlace): Promise<Aside | undefined> {
    const tenant = tenantOfTelemetry(place.stream);
    return tenant && setAsideBy(await this.quarantines.of(tenant)).at(place);
  }

  async *#seen(batches: AsyncIterable<EventBatch>): AsyncIterable<EventBatch> {
    for await (const batch of batches) {
      const events: RecordedEvent[] = [];
      for (const record of batch.events) {
        const visible = await this.quarantines.sight(record);
        if (visible) events.push(visible);
      }
      yield { ...batch, events };
    }
  }
}
