import { CLIENT, personActing, personalFields, personOfStream } from '../domain/personal.js';
import type { EventLog, RecordedEvent } from '../eventstore/event-store.js';
import { ViewedLog } from './viewed-log.js';
import type { People } from './people.js';

/** The log as people and commands read it: what is said of people is opened, or marked as erased. */
export class OpenedLog extends ViewedLog {
  constructor(
    log: EventLog,
    private readonly people: People,
  ) {
    super(log);
  }

  /** Telemetry has nothing that is sealed. */
  sift: EventLog['sift'] = (places, sought) => this.log.sift(places, sought);

  protected concerns({ type, metadata }: RecordedEvent): boolean {
    return metadata.client !== undefined || personalFields(type).length > 0;
  }

  protected async show(record: RecordedEvent): Promise<RecordedEvent> {
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
