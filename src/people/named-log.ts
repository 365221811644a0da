import type { ChunkHeader } from '../domain/telemetry/chunk-header.js';
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
import { siftByReading } from '../eventstore/sift.js';
import type { Pseudonyms } from './pseudonyms.js';

/** A log that has pseudonyms in telemetry, as people read it: with what they stand for while that is there. */
export class NamedLog implements EventLog {
  constructor(
    private readonly log: EventLog,
    private readonly pseudonyms: Pick<Pseudonyms, 'showLines'>,
  ) {}

  async *readStream(
    stream: StreamName,
    options?: { from?: Revision; limit?: number },
  ): AsyncIterable<RecordedEvent> {
    for await (const record of this.log.readStream(stream, options)) yield await this.#named(record);
  }

  readAll(after: Position, filter?: EventFilter): AsyncIterable<EventBatch> {
    return this.#all(this.log.readAll(after, filter));
  }

  subscribe(after: Position, filter: EventFilter, signal: AbortSignal): AsyncIterable<EventBatch> {
    return this.#all(this.log.subscribe(after, filter, signal));
  }

  /** What is looked for is what people read: it is not in the chunks as they are stored. */
  sift: EventLog['sift'] = (places, sought) => siftByReading(this, places, sought);

  head(): Promise<Position> {
    return this.log.head();
  }

  health(): Promise<StoreHealth> {
    return this.log.health();
  }

  async *#all(batches: AsyncIterable<EventBatch>): AsyncIterable<EventBatch> {
    for await (const batch of batches)
      yield batch.events.some(hasPseudonyms)
        ? { ...batch, events: await Promise.all(batch.events.map((event) => this.#named(event))) }
        : batch;
  }

  async #named(record: RecordedEvent): Promise<RecordedEvent> {
    const { data, metadata } = record;
    const { chunk } = metadata;
    if (!chunk?.pseudonyms || !(data instanceof Uint8Array)) return record;
    const stored = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const lines = await this.pseudonyms.showLines(stored);
    if (lines === stored) return record;
    return { ...record, data: lines, metadata: { ...metadata, chunk: resized(chunk, lines) } };
  }
}

const hasPseudonyms = ({ metadata }: RecordedEvent): boolean => metadata.chunk?.pseudonyms === true;

const resized = (header: ChunkHeader, lines: Buffer): ChunkHeader => ({
  ...header,
  bytes: lines.length - (header.count - 1),
});
