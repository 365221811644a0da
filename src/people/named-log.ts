import { lessHeader } from '../domain/telemetry/stored-chunk.js';
import type { EventLog, RecordedEvent } from '../eventstore/event-store.js';
import { siftByReading } from '../eventstore/sift.js';
import { ViewedLog } from './viewed-log.js';
import type { Pseudonyms } from './pseudonyms.js';

/** A log that has pseudonyms in telemetry, as people read it: with what they stand for while that is there. */
export class NamedLog extends ViewedLog {
  constructor(
    log: EventLog,
    private readonly pseudonyms: Pick<Pseudonyms, 'showLines'>,
  ) {
    super(log);
  }

  /** What is looked for is what people read: it is not in the chunks as they are stored. */
  sift: EventLog['sift'] = (places, sought) => siftByReading(this, places, sought);

  protected concerns({ metadata }: RecordedEvent): boolean {
    return metadata.chunk?.pseudonyms === true;
  }

  protected async show(record: RecordedEvent): Promise<RecordedEvent> {
    const { data, metadata } = record;
    const { chunk } = metadata;
    if (!chunk || !(data instanceof Uint8Array)) return record;
    const stored = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const lines = await this.pseudonyms.showLines(stored);
    if (lines === stored) return record;
    return {
      ...record,
      data: lines,
      metadata: { ...metadata, chunk: lessHeader(chunk, chunk.count, lines.length) },
    };
  }
}
