import { CLIENT, personActing, personalFields, personOfStream } from '../domain/personal.js';
import type {
  EventBatch,
  EventFilter,
  EventLog,
  Position,
  RecordedEvent,
  Revision,
  StoreHealth,
  StreamName,
} from '../eventstore/event-store.js';
import type { People } from './people.js';

/** The log as people and commands read it: what is said of people is opened, or marked as erased. */
export class OpenedLog implements EventLog {
  constructor(
    private readonly log: EventLog,
    private readonly people: People,
  ) {}

  async *readStream(
    stream: StreamName,
    options?: { from?: Revision; limit?: number },
  ): AsyncIterable<RecordedEvent> {
    for await (const record of this.log.readStream(stream, options)) yield await this.#open(record);
  }

  readAll(after: Position, filter?: EventFilter): AsyncIterable<EventBatch> {
    return this.#opened(this.log.readAll(after, filter));
  }

  subscribe(after: Position, filter: EventFilter, signal: AbortSignal): AsyncIterable<EventBatch> {
    return this.#opened(this.log.subscribe(after, filter, signal));
  }

  /** Telemetry has nothing that is sealed. */
  sift: EventLog['sift'] = (places, sought) => this.log.sift(places, sought);

  head(): Promise<Position> {
    return this.log.head();
  }

  health(): Promise<StoreHealth> {
    return this.log.health();
  }

  async *#opened(batches: AsyncIterable<EventBatch>): AsyncIterable<EventBatch> {
    for await (const batch of batches)
      yield batch.events.some(isPersonal)
        ? { ...batch, events: await Promise.all(batch.events.map((event) => this.#open(event))) }
        : batch;
  }

  async #open(record: RecordedEvent): Promise<RecordedEvent> {
    if (!isPersonal(record)) return record;
    const { type, stream, data, metadata } = record;
    return {
      ...record,
      data:
        data instanceof Uint8Array
          ? data
          : await this.people.openFields(personOfStream(stream), personalFields(type), data),
      metadata: await this.people.openFields(personActing(metadata.actor), [CLIENT], metadata),
    };
  }
}

const isPersonal = ({ type, metadata }: RecordedEvent): boolean =>
  metadata.client !== undefined || personalFields(type).length > 0;
