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

/** A log some of whose records are shown otherwise than they are stored. */
export abstract class ViewedLog implements EventLog {
  abstract sift: EventLog['sift'];

  constructor(protected readonly log: EventLog) {}

  /** Whether a record may be shown otherwise. */
  protected abstract concerns(record: RecordedEvent): boolean;

  /** What is shown of a record that is concerned. */
  protected abstract show(record: RecordedEvent): Promise<RecordedEvent>;

  async *readStream(
    stream: StreamName,
    options?: { from?: Revision; limit?: number },
  ): AsyncIterable<RecordedEvent> {
    for await (const record of this.log.readStream(stream, options)) yield await this.#shown(record);
  }

  readAll(after: Position, filter?: EventFilter): AsyncIterable<EventBatch> {
    return this.#all(this.log.readAll(after, filter));
  }

  subscribe(...following: Parameters<EventLog['subscribe']>): AsyncIterable<EventBatch> {
    return this.#all(this.log.subscribe(...following));
  }

  head(): Promise<Position> {
    return this.log.head();
  }

  health(): Promise<StoreHealth> {
    return this.log.health();
  }

  async *#all(batches: AsyncIterable<EventBatch>): AsyncIterable<EventBatch> {
    for await (const batch of batches)
      yield batch.events.some((record) => this.concerns(record))
        ? { ...batch, events: await Promise.all(batch.events.map((record) => this.#shown(record))) }
        : batch;
  }

  async #shown(record: RecordedEvent): Promise<RecordedEvent> {
    return this.concerns(record) ? this.show(record) : record;
  }
}
