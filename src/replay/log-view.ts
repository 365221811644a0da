import type { EventId, TenantId } from '../domain/ids.js';
import { routesStream } from '../domain/streams.js';
import type { RouteEvent } from '../domain/telemetry/routes/book.js';
import {
  START,
  type EventBatch,
  type EventFilter,
  type EventLog,
  type Position,
  type RecordedEvent,
  type Revision,
  type Room,
  type StreamName,
} from '../eventstore/event-store.js';

/** Which part of the past is looked at, and what is to be seen otherwise than it was. */
export interface View {
  /** Whose records; absent: all. */
  readonly tenants?: ReadonlySet<TenantId>;
  /** Records after this position… */
  readonly after: Position;
  /** …up to this one; absent: to the log's end. */
  readonly until?: Position;
  /** Records that are left out, as if they had never been written. */
  readonly without?: (event: RecordedEvent) => boolean;
  /** Route patterns that hold from the beginning on, in place of those that the tenants had. */
  readonly route_patterns?: readonly string[];
}

const PATTERNS_DEFINED: RouteEvent['type'] = 'RoutePatternsDefined';
const ROUTES = routesStream('' as TenantId);

/**
 * The log as a replay sees it: a part of the past, or another past. It can be read and nothing else.
 * A single stream is read from its beginning whatever the range, because what holds within the range may have been
 * said before it.
 */
export class LogView implements Pick<EventLog, 'readStream' | 'readAll' | 'head'> {
  constructor(
    private readonly log: Pick<EventLog, 'readStream' | 'readAll' | 'head'>,
    private readonly view: View,
    /** Called between batches: whoever goes first has their turn then. */
    private readonly giveWay: () => Promise<void> = () => Promise.resolve(),
  ) {}

  async *readStream(
    stream: StreamName,
    options: { from?: Revision; limit?: number } = {},
  ): AsyncIterable<RecordedEvent> {
    const { until, route_patterns } = this.view;
    if (route_patterns && stream.startsWith(ROUTES) && !options.from)
      yield patternsFirst(stream, route_patterns);
    let given = 0;
    for await (const event of this.log.readStream(stream, options.from ? { from: options.from } : {})) {
      if (until !== undefined && event.position > until) return;
      if (!this.#shows(event)) continue;
      yield event;
      given += 1;
      if (given === options.limit) return;
    }
  }

  async *readAll(after: Position, filter: EventFilter = {}, room?: Room): AsyncIterable<EventBatch> {
    const { until } = this.view;
    const from = after > this.view.after ? after : this.view.after;
    if (until !== undefined && from >= until) {
      yield { events: [], position: from, caught_up: true };
      return;
    }
    for await (const batch of this.log.readAll(from, filter, room)) {
      const last = until !== undefined && batch.position >= until;
      const events = batch.events.filter(
        (event) => (until === undefined || event.position <= until) && this.#shows(event),
      );
      yield last ? { events, position: until, caught_up: true } : { ...batch, events };
      if (last) return;
      await this.giveWay();
    }
  }

  async head(): Promise<Position> {
    return this.view.until ?? (await this.log.head());
  }

  #shows(event: RecordedEvent): boolean {
    const { tenants, without, route_patterns } = this.view;
    if (tenants && !(event.metadata.tenant_id && tenants.has(event.metadata.tenant_id))) return false;
    if (route_patterns && event.type === PATTERNS_DEFINED) return false;
    return !without?.(event);
  }
}

/** What would stand at the beginning of a tenant's routes, had it said its patterns before anything else. */
const patternsFirst = (stream: StreamName, patterns: readonly string[]): RecordedEvent => ({
  id: '00000000-0000-0000-0000-000000000000' as EventId,
  type: PATTERNS_DEFINED,
  schema_version: 1,
  data: { patterns: [...patterns] },
  metadata: {
    actor: { kind: 'process', id: 'replay' },
    origin: 'process_manager',
    request_id: 'replay',
    correlation_id: 'replay',
    causation_id: 'replay',
    instance_id: '',
    release: '',
    guard_epoch: 0,
    recorded_at: new Date(0).toISOString(),
  },
  stream,
  revision: 0 as Revision,
  position: START,
});
