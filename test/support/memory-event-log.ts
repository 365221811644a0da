import type {
  EventBatch,
  EventFilter,
  EventLog,
  EventMetadata,
  Position,
  RecordedEvent,
  Revision,
  Room,
  StoreHealth,
  StreamName,
} from '../../src/eventstore/event-store.js';
import { filterOf } from '../../src/eventstore/filter.js';
import { siftByReading } from '../../src/eventstore/sift.js';
import { START, toPosition } from '../../src/eventstore/event-store.js';
import type { EventId, TenantId } from '../../src/domain/ids.js';
import type { JsonObject } from '../../src/domain/json.js';

/** An event as a log on a disk gives it: its bytes are read into memory that the reader gave. */
const readInto = (room: Room, event: RecordedEvent): RecordedEvent => {
  if (event.lines || !(event.data instanceof Uint8Array)) return event;
  const data = room(event.data.length);
  data.set(event.data);
  return { ...event, data };
};

/** A log in memory for tests of what reads one. How batches are cut is the test's to say. */
export class MemoryEventLog implements EventLog {
  readonly events: RecordedEvent[] = [];
  readonly #revisions = new Map<string, number>();
  #arrived: (() => void)[] = [];

  constructor(private readonly batchSize: () => number = () => 100) {}

  append(
    tenant: TenantId,
    stream: string,
    type: string,
    data: JsonObject,
    metadata: Partial<EventMetadata> = {},
  ): RecordedEvent {
    const revision = this.#revisions.get(stream) ?? 0;
    this.#revisions.set(stream, revision + 1);
    const number = this.events.length + 1;
    const event: RecordedEvent = {
      id: `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}` as EventId,
      type,
      schema_version: 1,
      data,
      metadata: {
        tenant_id: tenant,
        actor: { kind: 'user', id: 'usr_1' },
        origin: 'api',
        request_id: `req-${number}`,
        correlation_id: `req-${number}`,
        causation_id: `req-${number}`,
        instance_id: 'test',
        release: '0',
        guard_epoch: 0,
        recorded_at: new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString(),
        ...metadata,
      },
      stream: stream as StreamName,
      revision: revision as Revision,
      // Positions have gaps, as in real stores.
      position: toPosition(number * 7),
    };
    this.events.push(event);
    this.#arrived.splice(0).forEach((wake) => wake());
    return event;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port's shape
  async *readStream(
    stream: StreamName,
    { from = 0, limit = Infinity }: { from?: number; limit?: number } = {},
  ): AsyncIterable<RecordedEvent> {
    yield* this.events.filter((event) => event.stream === stream && event.revision >= from).slice(0, limit);
  }

  sift: EventLog['sift'] = (places, sought) => siftByReading(this, places, sought);

  async *readAll(after: Position, filter: EventFilter = {}, room?: Room): AsyncIterable<EventBatch> {
    for (let position = after; ;) {
      const batch = this.#after(position, filter);
      yield room ? { ...batch, events: batch.events.map((event) => readInto(room, event)) } : batch;
      await Promise.resolve();
      if (batch.caught_up) return;
      position = batch.position;
    }
  }

  async *subscribe(after: Position, filter: EventFilter, signal: AbortSignal): AsyncIterable<EventBatch> {
    let seen: number | undefined;
    for (let position = after; !signal.aborted;) {
      if (seen === this.events.length) {
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            signal.removeEventListener('abort', wake);
            resolve();
          };
          this.#arrived.push(wake);
          signal.addEventListener('abort', wake);
        });
        seen = undefined;
        continue;
      }
      const batch = this.#after(position, filter);
      if (batch.caught_up) seen = this.events.length;
      position = batch.position;
      yield batch;
    }
  }

  head(): Promise<Position> {
    return Promise.resolve(this.events.at(-1)?.position ?? START);
  }

  health(): Promise<StoreHealth> {
    return Promise.resolve({ status: 'ok' });
  }

  #after(after: Position, filter: EventFilter): EventBatch {
    const rest = this.events.filter(({ position }) => position > after);
    const looked = rest.slice(0, Math.max(1, this.batchSize()));
    return {
      events: looked.filter(filterOf(filter)),
      position: looked.at(-1)?.position ?? after,
      caught_up: looked.length === rest.length,
    };
  }
}
