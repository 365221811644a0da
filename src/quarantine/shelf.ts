import type { TenantId } from '../domain/ids.js';
import {
  changesWhatIsSeen,
  quarantineDecider,
  quarantineEventTypes,
  type QuarantinedRecord,
  type QuarantineEvent,
  type Quarantines,
} from '../domain/quarantine/quarantine.js';
import { NOTHING, setAsideBy, withoutAside, type SetAside } from '../domain/quarantine/set-aside.js';
import { readEvent } from '../domain/stored-event.js';
import { quarantineStream } from '../domain/streams.js';
import type { EventBatch, EventLog, Position, RecordedEvent, StreamName } from '../eventstore/event-store.js';

/** A tenant's quarantines with the events that they were made of, and how far into them. */
interface Volume {
  readonly events: RecordedEvent[];
  /** Made of the first so many events. */
  count: number;
  quarantines: Quarantines;
}

export const isQuarantineEvent = ({ type }: Pick<RecordedEvent, 'type'>): boolean =>
  quarantineEventTypes.some((one) => one === type);

/**
 * The quarantines of those tenants that somebody who walks along the log meets, as of one position: what was decided
 * up to there holds for every record, whether it stands before it or behind. What is made of the log is therefore a
 * function of the log and that position, however it was cut into batches and whenever a quarantine was heard of.
 */
export class QuarantineShelf {
  readonly #volumes = new Map<TenantId, Volume>();

  constructor(
    private readonly log: Pick<EventLog, 'readStream'>,
    /** Up to where quarantines hold. */
    private as_of: Position,
  ) {}

  get position(): Position {
    return this.as_of;
  }

  /** Takes in what lies ahead: after it the quarantines of these events' tenants are there, up to these events at least. */
  async meet(events: readonly RecordedEvent[]): Promise<void> {
    for (const event of events) {
      const tenant = event.metadata.tenant_id;
      if (tenant === undefined) continue;
      const volume = this.#volumes.get(tenant) ?? (await this.#open(tenant));
      if (!isQuarantineEvent(event)) continue;
      const last = volume.events.at(-1);
      if (!last || event.position > last.position) volume.events.push(event);
    }
  }

  /** Whether a quarantine event says what was not known as of this position. */
  isNews(event: RecordedEvent): boolean {
    return isQuarantineEvent(event) && event.position > this.as_of;
  }

  /** From now on quarantines hold up to a later position. */
  advance(position: Position): void {
    if (position > this.as_of) this.as_of = position;
  }

  /** A record of a tenant that was met, without what is set aside; undefined where all of it is. */
  sight(event: RecordedEvent): RecordedEvent | undefined {
    const aside = this.asideOf(event.metadata.tenant_id);
    return aside === NOTHING ? event : withoutAside(event, aside);
  }

  /** What is set aside of a tenant that was met. */
  asideOf(tenant: TenantId | undefined): SetAside {
    const volume = tenant === undefined ? undefined : this.#volumes.get(tenant);
    return volume ? setAsideBy(this.#upToDate(volume)) : NOTHING;
  }

  /** The records of which a quarantine event, of a tenant that was met, changes what is seen. */
  changedBy(event: RecordedEvent): readonly QuarantinedRecord[] {
    const said = readEvent<QuarantineEvent>(quarantineEventTypes, event);
    const volume = event.metadata.tenant_id && this.#volumes.get(event.metadata.tenant_id);
    if (!said || !volume || !changesWhatIsSeen(said)) return [];
    if (said.type === 'QuarantinePartlyReleased') return said.data.records;
    const proposed = volume.events
      .map((one) => readEvent<QuarantineEvent>(['QuarantineProposed'], one))
      .find((one) => one?.data.quarantine_id === said.data.quarantine_id);
    return proposed?.type === 'QuarantineProposed' ? proposed.data.records : [];
  }

  /** The log as it is without what is set aside as of this position. */
  over(log: Pick<EventLog, 'readAll'>): Pick<EventLog, 'readAll'> {
    const seen = async function* (
      this: QuarantineShelf,
      batches: AsyncIterable<EventBatch>,
    ): AsyncIterable<EventBatch> {
      for await (const batch of batches) {
        await this.meet(batch.events);
        yield { ...batch, events: batch.events.flatMap((event) => this.sight(event) ?? []) };
      }
    };
    return { readAll: (after, filter) => seen.call(this, log.readAll(after, filter)) };
  }

  #upToDate(volume: Volume): Quarantines {
    for (
      let next = volume.events[volume.count];
      next && next.position <= this.as_of;
      next = volume.events[volume.count]
    ) {
      const event = readEvent<QuarantineEvent>(quarantineEventTypes, next);
      if (event) volume.quarantines = quarantineDecider.evolve(volume.quarantines, event);
      volume.count += 1;
    }
    return volume.quarantines;
  }

  async #open(tenant: TenantId): Promise<Volume> {
    const volume: Volume = { events: [], count: 0, quarantines: quarantineDecider.initial };
    for await (const event of this.log.readStream(quarantineStream(tenant) as StreamName))
      volume.events.push(event);
    this.#volumes.set(tenant, volume);
    return volume;
  }
}
