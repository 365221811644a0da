import type { TenantId } from '../domain/ids.js';
import {
  changesWhatIsSeen,
  quarantineDecider,
  quarantineEventTypes,
  type QuarantineEvent,
  type Quarantines,
} from '../domain/quarantine/quarantine.js';
import { setAsideBy, withoutAside } from '../domain/quarantine/set-aside.js';
import { readEvent } from '../domain/stored-event.js';
import { quarantineStream } from '../domain/streams.js';
import {
  START,
  type EventLog,
  type Position,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../eventstore/event-store.js';
import type { Clock } from '../platform/clock.js';
import { remember } from '../platform/remember.js';

/** How long a tenant's quarantines are taken to be what they were without a look into the log. */
const TRUSTED_MS = 200;
const REMEMBERED = 10_000;

interface Known {
  readonly quarantines: Quarantines;
  /** Where the last event stands that set something aside or brought it back. */
  readonly decided: Position;
  readonly next: number;
  readonly until: number;
}

/** What is set aside now: of this process at once where it is told so, of others within a fifth of a second. */
export class CurrentQuarantines {
  readonly #known = new Map<TenantId, Known>();
  readonly #reading = new Map<TenantId, Promise<Known>>();
  #changes = 0;

  constructor(
    private readonly log: Pick<EventLog, 'readStream'>,
    private readonly clock: Pick<Clock, 'monotonic'>,
  ) {}

  async of(tenant: TenantId): Promise<Quarantines> {
    return (await this.#current(tenant)).quarantines;
  }

  /** Where in the log it was last decided what is set aside of a tenant; START where nothing ever was. */
  async decidedAt(tenant: TenantId): Promise<Position> {
    return (await this.#current(tenant)).decided;
  }

  async #current(tenant: TenantId): Promise<Known> {
    const known = this.#known.get(tenant);
    if (known && known.until > this.clock.monotonic()) return known;
    let reading = this.#reading.get(tenant);
    if (!reading) {
      const begun = this.#read(tenant, known).finally(() => {
        if (this.#reading.get(tenant) === begun) this.#reading.delete(tenant);
      });
      reading = begun;
      this.#reading.set(tenant, begun);
    }
    return reading;
  }

  /** A record as it is without what is set aside; undefined where all of it is. */
  async sight(record: RecordedEvent): Promise<RecordedEvent | undefined> {
    const { tenant_id } = record.metadata;
    if (tenant_id === undefined) return record;
    return withoutAside(record, setAsideBy(await this.of(tenant_id)));
  }

  /** A tenant's quarantines have changed: they are read before they are asked for again. */
  forget(tenant: TenantId): void {
    this.#changes += 1;
    this.#known.delete(tenant);
    this.#reading.delete(tenant);
  }

  async #read(tenant: TenantId, known: Known | undefined): Promise<Known> {
    const before = this.#changes;
    const until = this.clock.monotonic() + TRUSTED_MS;
    let quarantines = known?.quarantines ?? quarantineDecider.initial;
    let decided = known?.decided ?? START;
    let next = known?.next ?? 0;
    for await (const record of this.log.readStream(quarantineStream(tenant) as StreamName, {
      from: next as Revision,
    })) {
      const event = readEvent<QuarantineEvent>(quarantineEventTypes, record);
      if (event) quarantines = quarantineDecider.evolve(quarantines, event);
      if (event && changesWhatIsSeen(event)) decided = record.position;
      next = record.revision + 1;
    }
    const read = { quarantines, decided, next, until };
    // What was read before a change is not remembered.
    if (before !== this.#changes) return read;
    remember(this.#known, tenant, read, REMEMBERED);
    return read;
  }
}
