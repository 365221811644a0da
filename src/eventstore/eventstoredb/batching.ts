import type { EventBatch, Position, RecordedEvent } from '../event-store.js';

const BATCH_EVENTS = 512;
const BATCH_BYTES = 4 * 1024 * 1024;
/** A filter that lets nothing through still says how far it is after this many records. */
const LOOK_RECORDS = 8_192;

/** Gathers records into bounded batches and keeps how far the log was looked at. */
export class Batching {
  #events: RecordedEvent[] = [];
  #bytes = 0;
  #looked = 0;

  constructor(
    /** How far the log was looked at, the records that are not in a batch yet included. */
    public position: Position,
    private readonly lets: (event: RecordedEvent) => boolean,
  ) {}

  /** Takes in a record; `event` is absent where it is none of ours. */
  add(position: Position, event: RecordedEvent | undefined): void {
    this.position = position;
    this.#looked += 1;
    if (!event || !this.lets(event)) return;
    this.#events.push(event);
    if (event.data instanceof Uint8Array) this.#bytes += event.data.byteLength;
  }

  get full(): boolean {
    return this.#events.length >= BATCH_EVENTS || this.#bytes >= BATCH_BYTES || this.#looked >= LOOK_RECORDS;
  }

  /** Whether there is anything that the last batch did not say. */
  get moved(): boolean {
    return this.#looked > 0;
  }

  take(caughtUp: boolean): EventBatch {
    const batch = { events: this.#events, position: this.position, caught_up: caughtUp };
    this.#events = [];
    this.#bytes = this.#looked = 0;
    return batch;
  }
}
