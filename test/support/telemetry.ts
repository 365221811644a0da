import { NEVER } from 'rxjs';
import type { ClientIds } from '../../src/clientids/client-ids.js';
import { ChunkWriter, type ChunkWriterOptions } from '../../src/commands/ingest/chunk-writer.js';
import { Claims } from '../../src/commands/claims.js';
import { TelemetryIngest } from '../../src/commands/ingest/ingest.js';
import { Quotas, type UsageSource } from '../../src/commands/ingest/quotas.js';
import { DeploymentGuard } from '../../src/commands/guard.js';
import type { CommandContext } from '../../src/commands/command.js';
import { RecordWriter } from '../../src/commands/writer.js';
import type { EventId, TenantId } from '../../src/domain/ids.js';
import { decodeChunk as decode, type TelemetryChunk } from '../../src/domain/telemetry/chunk.js';
import type { StoredChunk } from '../../src/domain/telemetry/stored-chunk.js';
import { EncodedLines, LineRange } from '../../src/domain/telemetry/column-codec/decode.js';
import { encodeLines } from '../../src/domain/telemetry/column-codec/encode.js';
import { RouteBook } from '../../src/domain/telemetry/routes/book.js';
import type {
  AppendOutcome,
  EventLogWriter,
  ExpectedRevision,
} from '../../src/eventstore/event-log-writer.js';
import {
  BytesInPieces,
  START,
  toPosition,
  type EventBatch,
  type EventFilter,
  type EventLog,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../../src/eventstore/event-store.js';
import { siftByReading } from '../../src/eventstore/sift.js';
import { deflateCompression } from '../../src/platform/compression.js';
import type { Clock } from '../../src/platform/clock.js';
import { usageOf } from '../../src/projections/usage/query.js';
import type { AnyProjection, Projection } from '../../src/projections/projection.js';
import type { ModelReader, ReadModels } from '../../src/projections/read-models.js';
import type { Document, TenantReader } from '../../src/readstore/read-store.js';
import { MemoryClientIds } from './memory-client-ids.js';
import { testPeople } from './people.js';
import { MemoryReadStore } from './memory-read-store.js';

export const tenant = 'ten_0190b3c5d1f87c0e8a4f3b2a1c0d9e8f' as TenantId;
export const NOW = Date.parse('2026-03-01T12:00:00.000Z');

/** A clock that a test sets; its sleeps end at once. */
export class TestClock implements Clock {
  constructor(public time = NOW) {}
  now = (): number => this.time;
  monotonic = (): number => this.time;
  sleep = (): Promise<void> => Promise.resolve();
}

let drawn = 0;

/** Different bytes at every call, also after a restart. */
const countingRandom = {
  bytes: (length: number): Buffer => {
    drawn += 1;
    const bytes = Buffer.alloc(length);
    bytes.writeUInt32BE(drawn, 0);
    return bytes;
  },
};

/** A log in memory whose appends a test can hold back, count, and make fail. */
export class TestLog implements EventLog, EventLogWriter {
  readonly events: RecordedEvent[] = [];
  appends = 0;
  /** Asked before each append: throws, or waits, or answers in the log's place. */
  before: (attempt: number) => Promise<AppendOutcome | undefined> = () => Promise.resolve(undefined);
  /** Asked after each append that was carried out; throws where the answer is to be lost. */
  after: (attempt: number) => void = () => undefined;

  async append(
    stream: StreamName,
    expected: ExpectedRevision,
    added: readonly [NewEvent, ...NewEvent[]],
  ): Promise<AppendOutcome> {
    this.appends += 1;
    const attempt = this.appends;
    const instead = await this.before(attempt);
    if (instead) return instead;
    const known = this.events.find(({ id }) => id === added[0].id);
    if (known)
      return { outcome: 'appended', revision: known.revision, position: known.position, repeated: true };
    const last = this.events.filter((event) => event.stream === stream).length - 1;
    const actual = last < 0 ? 'none' : (last as Revision);
    if (actual !== expected) return { outcome: 'conflict', actual };
    added.forEach((event, i) =>
      this.events.push({
        ...event,
        data: event.data instanceof BytesInPieces ? event.data.whole() : event.data,
        stream,
        revision: (last + 1 + i) as Revision,
        position: toPosition(this.events.length + 1),
      }),
    );
    this.after(attempt);
    const { revision, position } = this.events.at(-1)!;
    return { outcome: 'appended', revision, position, repeated: false };
  }

  truncate = (): Promise<void> => Promise.reject(new Error('not needed here'));

  async *readStream(
    stream: StreamName,
    { from = 0 as Revision, limit = Infinity }: { from?: Revision; limit?: number } = {},
  ): AsyncIterable<RecordedEvent> {
    yield* await Promise.resolve(
      this.events
        .filter((event) => event.stream === stream && event.revision >= from)
        .slice(0, limit)
        // Events that come out of a store are new objects each time.
        .map((event) => ({ ...event })),
    );
  }

  async *readAll(
    after: Position,
    { types, stream_prefix = '' }: EventFilter = {},
  ): AsyncIterable<EventBatch> {
    const events = this.events.filter(
      ({ position, type, stream }) =>
        position > after && stream.startsWith(stream_prefix) && types?.includes(type) !== false,
    );
    yield await Promise.resolve({ events, position: await this.head(), caught_up: true });
  }

  sift: EventLog['sift'] = (places, sought) => siftByReading(this, places, sought);

  subscribe = (): AsyncIterable<EventBatch> => {
    throw new Error('not needed here');
  };
  head = (): Promise<Position> => Promise.resolve(this.events.at(-1)?.position ?? START);
  health = () => Promise.resolve({ status: 'ok' as const });
}

export interface IngestBench {
  readonly log: TestLog;
  readonly clock: TestClock;
  readonly store: MemoryReadStore;
  readonly guard: DeploymentGuard;
  readonly chunks: ChunkWriter;
  readonly ingest: TelemetryIngest;
}

/** What the read model would have of a log that it is level with. */
export const usageIn = (log: Pick<TestLog, 'events'>): UsageSource => ({
  read: (of, day) =>
    usageOf(
      testModels(() => log.events.filter(({ metadata }) => metadata.tenant_id === of)),
      of,
      day,
    ),
  caughtUp: () => Promise.resolve(true),
});

/** Ingest as the composition builds it, on stores in memory. A second one on the same stores is a restart. */
export const ingestBench = (
  options: Partial<ChunkWriterOptions> = {},
  {
    log = new TestLog(),
    clock = new TestClock(),
    store = new MemoryReadStore(),
    clientIds = new MemoryClientIds(log, clock, log.events),
    counted = usageIn(log),
  }: {
    log?: TestLog;
    clock?: TestClock;
    store?: MemoryReadStore;
    clientIds?: ClientIds;
    counted?: UsageSource;
  } = {},
): IngestBench => {
  const instance = { instance_id: 'test', release: '1' };
  const guard = new DeploymentGuard(false);
  const writer = new RecordWriter(log, guard, clock, instance, testPeople());
  const random = countingRandom;
  const chunks = new ChunkWriter(writer, clock, random, instance, { shard: '0', ...options });
  const claims = new Claims(store.register, clock, random, Buffer.alloc(32, 1), instance.instance_id);
  const quotas = new Quotas(counted, clock);
  return {
    log,
    clock,
    store,
    guard,
    chunks,
    ingest: new TelemetryIngest(chunks, clientIds, guard, claims, quotas, clock, random),
  };
};

let requests = 0;

/** A request of an API key that may send telemetry. */
export const request = (more: Partial<CommandContext> = {}): CommandContext => {
  requests += 1;
  return {
    principal: {
      actor: { kind: 'api_key', id: 'key_1' },
      tenant_id: tenant,
      permissions: new Set(['telemetry:write']),
    },
    origin: 'api',
    request_id: `req-${requests}`,
    correlation_id: `req-${requests}`,
    ...more,
  };
};

/** A chunk as it is shown to a tenant of whose routes nothing is known. */
export const decodeChunk = (stored: StoredChunk): TelemetryChunk => decode(stored, RouteBook.EMPTY);

/** A recorded chunk of these events, as the log would give it. */
export const chunkOf = (
  events: readonly object[],
  { number = 1, received_at = NOW }: { number?: number; received_at?: number } = {},
): RecordedEvent => ({
  id: `0190b3c5-d1f8-7c0e-8a4f-${number.toString(16).padStart(7, '0')}00000` as EventId,
  type: 'TelemetryRecorded',
  schema_version: 1,
  data: Buffer.from(events.map((event) => JSON.stringify(event)).join('\n')),
  metadata: {
    tenant_id: tenant,
    actor: { kind: 'api_key', id: 'key_1' },
    origin: 'api',
    request_id: 'req',
    correlation_id: 'req',
    causation_id: 'req',
    instance_id: 'test',
    release: '1',
    guard_epoch: 0,
    recorded_at: new Date(received_at).toISOString(),
    chunk: {
      codec: 'ndjson',
      count: events.length,
      min_time: received_at,
      max_time: received_at,
      received_at,
      producer: 'test',
      first_sequence: 0,
    },
  },
  stream: 'telemetry-test' as StreamName,
  revision: (number - 1) as Revision,
  position: toPosition(number),
});

/** The same chunk as a log shows it whose segment was sealed, among others in one stripe. */
export const sealedOf = (event: RecordedEvent): RecordedEvent => {
  if (!(event.data instanceof Uint8Array)) throw new Error('no chunk');
  const count = event.metadata.chunk?.count ?? 0;
  const neighbour = Buffer.from('{"type":"api_call","message":"of another chunk"}\n');
  const stripe = Buffer.concat([neighbour, event.data, Buffer.from('\n'), neighbour.subarray(0, -1)]);
  const encoded = new EncodedLines(encodeLines(stripe, deflateCompression), deflateCompression);
  const lines = new LineRange(encoded, 1, 1 + count);
  return { ...event, lines, data: lines.bytes() };
};

/** Folds events into documents, one event after another, as the runner does. */
export const foldAll = <D extends Document, P>(
  projection: Projection<D, P>,
  events: readonly RecordedEvent[],
  book = RouteBook.EMPTY,
): Map<string, D> => {
  const documents = new Map<string, D>();
  for (const event of events)
    for (const { id, part } of projection.parts(event, book)) {
      const folded = projection.fold(documents.get(id), part, { id, position: event.position });
      if (folded) documents.set(id, folded);
      else documents.delete(id);
    }
  return documents;
};

/** Read models in memory, folded anew from a log whenever they are asked. */
export const testModels = (log: () => readonly RecordedEvent[]): ReadModels => ({
  read: <D extends Document, P>(projection: Projection<D, P>, asked: TenantId): ModelReader<D> => {
    const { name, indexes } = projection;
    const reader = async (): Promise<TenantReader> => {
      const store = new MemoryReadStore();
      const collection = await store.collection<D>({ name, indexes });
      const documents = [...foldAll(projection, log()).values()];
      await collection.write(documents.map((document) => ({ tenant, id: document.id, document })));
      return store.forTenant(asked);
    };
    return {
      get: async (id) => (await reader()).get<D>(name, id),
      find: async (query) => (await reader()).find<D>(name, query),
      derived: async (ids, derivation) => {
        const documents = await reader();
        return Promise.all(
          ids.map(async (id) => {
            const document = await documents.get<D>(name, id);
            return document && derivation.make(document);
          }),
        );
      },
    };
  },
  position: (_projection: AnyProjection) => log().at(-1)?.position ?? START,
  reached: () => Promise.resolve(true),
  changes: NEVER,
});
