import { setMaxListeners } from 'node:events';
import type { EventId } from '../../domain/ids.js';
import type { Sought } from '../../domain/telemetry/query/sift.js';
import type { Clock } from '../../platform/clock.js';
import type { Files } from '../../platform/files.js';
import type { AppendOutcome, EventLogWriter, ExpectedRevision } from '../event-log-writer.js';
import {
  EventStoreUnavailable,
  START,
  type EventBatch,
  type EventFilter,
  type EventLog,
  type NewEvent,
  type ChunkPlace,
  type Position,
  type RecordedEvent,
  type Revision,
  type SiftedChunk,
  type StoreHealth,
  type StreamName,
} from '../event-store.js';
import { filterOf } from '../filter.js';
import type { LogTree } from '../log-tree.js';
import { siftByReading } from '../sift.js';
import { appendOnce } from './appending.js';
import { connect, type Connection } from './connection.js';
import { follow } from './following.js';
import { openIdIndex, type EventPlace, type IdIndex } from './id-index.js';
import { KnownIds } from './known-ids.js';
import { lastPosition, probe, readStream, readToEnd, recordAt } from './reading.js';
import { RecordTree, type RecordSource } from './record-tree.js';
import { closed, unreachable, untilAnswered, type Patience } from './retrying.js';
import { dataBytes, toEventData } from './stored-form.js';
import { truncateStream } from './truncating.js';

export interface EventStoreDbOptions {
  /** `esdb://…` or `esdb+discover://…`, with credentials and TLS as the client documents them. */
  readonly url: string;
  /** Holds the index of event ids and the tree over the records, which can be made again from the log. */
  readonly indexDirectory: string;
  readonly files: Files;
  readonly clock: Clock;
  /** What a record's leaf in the tree is made of: the same as where the log is in files. */
  readonly payloadOf: RecordSource['payloadOf'];
  /** What the server takes in one append, all data together. Default 1,048,576, the limit up to server 25.0. */
  readonly maxAppendBytes?: number;
  /** Milliseconds for one try of an append. Default 5,000. */
  readonly deadline?: number;
  /** Milliseconds for which an append without an answer is repeated. Default 15,000: a killed server takes 5,000 to come back. */
  readonly retryFor?: number;
}

const MAX_APPEND_BYTES = 1_048_576;
const DEADLINE = 5_000;
const RETRY_FOR = 15_000;
const HEALTH_WAIT = 2_000;

type Events = readonly [NewEvent, ...NewEvent[]];
type Appended = Extract<AppendOutcome, { outcome: 'appended' }>;

/** The log on an EventStoreDB (23.10 or later) or KurrentDB server. */
export class EventStoreDbLog implements EventLog, EventLogWriter {
  /** Over the records of ours in the log's order. */
  readonly tree: LogTree;
  readonly #connection: Connection;
  readonly #ids: KnownIds;
  readonly #index: IdIndex;
  readonly #tree: RecordTree;
  readonly #patience: Patience;
  readonly #closing = new AbortController();
  /** Appends under way by event id: a repeat waits for the first. Their promises only ever resolve. */
  readonly #underWay = new Map<EventId, Promise<void>>();

  private constructor(
    private readonly options: EventStoreDbOptions,
    index: IdIndex,
  ) {
    this.#connection = connect(options.url);
    // Every append that waits listens to it.
    setMaxListeners(0, this.#closing.signal);
    this.#index = index;
    this.#patience = {
      clock: options.clock,
      retryFor: options.retryFor ?? RETRY_FOR,
      closing: this.#closing.signal,
    };
    const { client } = this.#connection;
    this.#ids = new KnownIds(index, client, options.clock, this.#closing.signal);
    this.tree = this.#tree = new RecordTree(options.files, options.indexDirectory, {
      // From records that it knows.
      readAll: (after) => readToEnd(client, after, () => true),
      recordAt: (position) => recordAt(client, position),
      payloadOf: options.payloadOf,
    });
  }

  /** Opens the index and begins to read the log into it. The server need not be there yet; appends wait for both. */
  static async open(options: EventStoreDbOptions): Promise<EventStoreDbLog> {
    return new EventStoreDbLog(options, await openIdIndex(options.indexDirectory));
  }

  async append(stream: StreamName, expected: ExpectedRevision, events: Events): Promise<AppendOutcome> {
    refuseName(stream);
    const ids = events.map(({ id }) => id);
    if (new Set(ids).size !== ids.length) throw new Error('an event id stands twice in one append');
    const limit = this.options.maxAppendBytes ?? MAX_APPEND_BYTES;
    const bytes = events.reduce((sum, event) => sum + dataBytes(event), 0);
    if (bytes > limit) return { outcome: 'too_large', bytes, limit };

    await this.#ids.whenReady(this.#patience.retryFor);
    for (let first = this.#firstUnderWay(ids); first; first = this.#firstUnderWay(ids)) await first;
    // From here to the entry under way nothing is waited for: closing waits for what is under way.
    if (this.#closing.signal.aborted) throw closed();
    let finish = (): void => undefined;
    const done = new Promise<void>((resolve) => {
      finish = resolve;
    });
    for (const id of ids) this.#underWay.set(id, done);
    try {
      return await this.#append(stream, expected, events, bytes);
    } finally {
      for (const id of ids) this.#underWay.delete(id);
      finish();
    }
  }

  async truncate(stream: StreamName, before: Revision): Promise<void> {
    refuseName(stream);
    await untilAnswered(this.#patience, () =>
      truncateStream(this.#connection, stream, before, this.options.deadline ?? DEADLINE),
    );
  }

  sift(places: readonly ChunkPlace[], sought: Sought): Promise<readonly (SiftedChunk | undefined)[]> {
    return siftByReading(this, places, sought);
  }

  readStream(
    stream: StreamName,
    { from = 0 as Revision, limit }: { from?: Revision; limit?: number } = {},
  ): AsyncIterable<RecordedEvent> {
    refuseName(stream);
    return readStream(this.#connection.client, stream, from, limit);
  }

  readAll(after: Position, filter: EventFilter = {}): AsyncIterable<EventBatch> {
    return readToEnd(this.#connection.client, after, filterOf(filter), (position) =>
      this.#tree.lastBefore(position),
    );
  }

  subscribe(after: Position, filter: EventFilter, signal: AbortSignal): AsyncIterable<EventBatch> {
    const until = AbortSignal.any([signal, this.#closing.signal]);
    return follow(this.#connection.client, after, filterOf(filter), this.options.clock, until);
  }

  async head(): Promise<Position> {
    const known = this.#index.checkpoint()?.position ?? START;
    return (await lastPosition(this.#connection.client, this.#ids.ready ? known : START)) ?? known;
  }

  async health(): Promise<StoreHealth> {
    if (this.#closing.signal.aborted) return { status: 'halted', detail: 'closed' };
    const waiting = new AbortController();
    const answer = Promise.all([probe(this.#connection.client), this.#ids.whenReady(HEALTH_WAIT)]).then(
      (): StoreHealth => ({ status: 'ok' }),
      (error: unknown): StoreHealth => ({ status: 'unreachable', detail: unreachable(error).message }),
    );
    const silence = this.options.clock
      .sleep(HEALTH_WAIT, waiting.signal)
      .then((): StoreHealth => ({ status: 'unreachable', detail: `no answer in ${HEALTH_WAIT} ms` }));
    const health = await Promise.race([answer, silence]);
    waiting.abort();
    return health;
  }

  /** Ends subscriptions and appends that wait; the outcome of the latter is unknown. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#ids.stopped();
    await Promise.all(this.#underWay.values());
    await this.#tree.close();
    await this.#connection.client.dispose();
    await this.#index.close();
  }

  /** 1. Look for the ids. 2. Make sure that nothing of this stream is missing in the index. 3. Ask the server. */
  async #append(
    stream: StreamName,
    expected: ExpectedRevision,
    events: Events,
    bytes: number,
  ): Promise<AppendOutcome> {
    const known = await this.#fromIndex(stream, events);
    if (known) return known;

    // The server writes an event again at the stream's last revision, wherever else it stands. Where it takes the
    // revision expected, all the stream holds is up to that revision: in the index, or another process wrote it.
    if (expected !== 'none' && (this.#index.lastRevision(stream) ?? -1) < expected) {
      const byOthers = await this.#afterCatchingUp(stream, events);
      if (byOthers) return byOthers;
    }

    const data = toEventData(events);
    const deadline = this.options.deadline ?? DEADLINE;
    const answer = await untilAnswered(this.#patience, () =>
      appendOnce(this.#connection, stream, expected, data, deadline),
    );
    switch (answer.said) {
      case 'written':
        return this.#written(stream, events, answer.revision, answer.position);
      case 'conflict': {
        const actual = answer.actual === 'none' ? -1 : answer.actual;
        const byOthers =
          (this.#index.lastRevision(stream) ?? -1) < actual && (await this.#afterCatchingUp(stream, events));
        return byOthers || { outcome: 'conflict', actual: answer.actual };
      }
      case 'too_large':
        return { outcome: 'too_large', bytes, limit: answer.limit };
    }
  }

  async #written(
    stream: StreamName,
    events: Events,
    revision: Revision,
    position: Position | undefined,
  ): Promise<Appended> {
    if (position === undefined) {
      const first = await this.#afterCatchingUp(stream, events);
      if (first?.outcome === 'appended') return first;
      throw new EventStoreUnavailable('unreachable', 'EventStoreDB does not say where the events are');
    }
    const first = revision - events.length + 1;
    const places = events.map(
      // Only the last event's position is known and asked for: all of one append have one answer.
      ({ id }, i): EventPlace => ({ id, stream, revision: (first + i) as Revision, position }),
    );
    try {
      await this.#index.add(places);
    } catch (error) {
      throw new EventStoreUnavailable('disk_full', `the index of ids cannot be written: ${String(error)}`);
    }
    return { outcome: 'appended', revision, position, repeated: false };
  }

  async #afterCatchingUp(stream: StreamName, events: Events): Promise<AppendOutcome | undefined> {
    await untilAnswered(this.#patience, () => this.#ids.catchUp());
    return this.#fromIndex(stream, events);
  }

  /** The answer where any of the events is known; undefined where none is. */
  async #fromIndex(stream: StreamName, events: Events): Promise<AppendOutcome | undefined> {
    const places = events.map(({ id }) => this.#index.find(id));
    if (places.every((place) => place === undefined)) return undefined;
    const last = places.at(-1);
    if (last && places.every((place) => place !== undefined))
      return { outcome: 'appended', revision: last.revision, position: last.position, repeated: true };
    await untilAnswered(this.#patience, () => this.#ids.catchUp());
    return { outcome: 'conflict', actual: this.#index.lastRevision(stream) ?? 'none' };
  }

  #firstUnderWay(ids: readonly EventId[]): Promise<void> | undefined {
    for (const id of ids) {
      const append = this.#underWay.get(id);
      if (append) return append;
    }
    return undefined;
  }
}

/** An append to the stream `$$` ends the server's process, and streams that begin with `$` are the server's own. */
const refuseName = (stream: StreamName): void => {
  if (stream === '' || stream.startsWith('$'))
    throw new Error(`not a name for a stream: ${JSON.stringify(stream)}`);
};
