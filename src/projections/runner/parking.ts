import type { TenantId } from '../../domain/ids.js';
import type { Position, RecordedEvent, Revision, StreamName } from '../../eventstore/event-store.js';
import type { Change, Collection, CollectionSpec, Document, ReadStore } from '../../readstore/read-store.js';

/** What is parked: one document, or a whole stream where it cannot even be said which documents an event touches. */
export interface ParkedKey {
  readonly kind: 'document' | 'stream';
  readonly tenant: TenantId;
  /** The document's id, or the stream's name. */
  readonly id: string;
}

/** A key whose events wait because one of them could not be folded. */
export interface Parked extends ParkedKey {
  /** Of the event that could not be folded. */
  readonly position: Position;
  readonly error: string;
  /** When that event was recorded. */
  readonly since: string;
  /** How many events wait, that one included. */
  readonly waiting: number;
}

/** Where a waiting event stands in the log. */
export interface Waiting {
  readonly position: Position;
  readonly stream: StreamName;
  readonly revision: Revision;
}

interface WaitingDocument extends Document, Waiting {
  readonly generation: string;
  readonly kind: ParkedKey['kind'];
  readonly key: string;
  readonly recorded_at: string;
  readonly error?: string;
}

interface Queue {
  key: ParkedKey;
  first: Position;
  last: Position;
  error: string;
  since: string;
  waiting: number;
}

const COLLECTION: CollectionSpec = {
  name: 'projections-parked',
  indexes: [{ name: 'queue', fields: ['generation', 'kind', 'key', 'position'] }],
};

/**
 * The parked keys of one generation. Every waiting event is one document, so that a queue can grow without being
 * written again, and writing it twice after a crash changes nothing.
 */
export class Parking {
  readonly #queues = new Map<string, Queue>();
  readonly #unwritten = new Map<string, Change<WaitingDocument>>();

  private constructor(
    private readonly store: ReadStore,
    private readonly collection: Collection<WaitingDocument>,
    private readonly generation: string,
  ) {}

  static async open(store: ReadStore, generation: string): Promise<Parking> {
    const parking = new Parking(store, await store.collection<WaitingDocument>(COLLECTION), generation);
    for await (const { key, document } of parking.collection.scan())
      if (document.generation === generation)
        parking.#remember({ kind: document.kind, tenant: key.tenant, id: document.key }, document);
    return parking;
  }

  get size(): number {
    return this.#queues.size;
  }

  list(): readonly Parked[] {
    return [...this.#queues.values()].map(({ key, first, error, since, waiting }) => ({
      ...key,
      position: first,
      error,
      since,
      waiting,
    }));
  }

  /** Whether an event of that key has to wait. */
  holds(key: ParkedKey, position: Position): boolean {
    const queue = this.#queues.get(queueText(key));
    return queue !== undefined && position >= queue.first;
  }

  /** Lets an event wait: the first one, with its error, parks the key. Doing it again changes nothing. */
  add(key: ParkedKey, event: RecordedEvent, error?: string): void {
    const queue = this.#queues.get(queueText(key));
    if (queue && event.position <= queue.last) return;
    const document = this.#document(key, event, error);
    this.#remember(key, document);
    this.#unwritten.set(document.id, { tenant: key.tenant, id: document.id, document });
  }

  /** Writes what began to wait since; says whether there was anything. */
  async flush(): Promise<boolean> {
    if (this.#unwritten.size === 0) return false;
    await this.collection.write([...this.#unwritten.values()]);
    this.#unwritten.clear();
    return true;
  }

  /** A key is folded anew from the log: what waited for it waits no more, once that is written. */
  async forget(key: ParkedKey): Promise<void> {
    if (!this.#queues.delete(queueText(key))) return;
    const prefix = this.#id(key, '' as Position);
    for (const id of this.#unwritten.keys()) if (id.startsWith(prefix)) this.#unwritten.delete(id);
    for await (const { key: found, document } of this.collection.scan())
      if (
        found.tenant === key.tenant &&
        document.generation === this.generation &&
        found.id.startsWith(prefix)
      )
        this.#unwritten.set(found.id, found);
  }

  /** The first of the events that wait for a key, oldest first. */
  async first(key: ParkedKey, limit: number): Promise<readonly Waiting[]> {
    return this.store.forTenant(key.tenant).find<WaitingDocument>(COLLECTION.name, {
      index: 'queue',
      equals: [this.generation, key.kind, key.id],
      limit,
    });
  }

  /** The key's first events wait no more. */
  async release(key: ParkedKey, events: readonly Waiting[]): Promise<void> {
    await this.collection.write(
      events.map(({ position }) => ({
        tenant: key.tenant,
        id: this.#id(key, position),
      })),
    );
    const queue = this.#queues.get(queueText(key));
    if (!queue) return;
    queue.waiting -= events.length;
    if (queue.waiting <= 0) this.#queues.delete(queueText(key));
  }

  /** The key's queue now begins with an event that could not be folded either. */
  async fail(key: ParkedKey, event: RecordedEvent, error: string): Promise<void> {
    const queue = this.#queues.get(queueText(key));
    if (!queue) return;
    queue.first = event.position;
    queue.error = error;
    queue.since = event.metadata.recorded_at;
    const document = this.#document(key, event, error);
    await this.collection.write([{ tenant: key.tenant, id: document.id, document }]);
  }

  /** Forgets everything that waits in this generation. */
  async clear(): Promise<void> {
    const gone: Change<WaitingDocument>[] = [];
    for await (const { key, document } of this.collection.scan())
      if (document.generation === this.generation) gone.push({ tenant: key.tenant, id: document.id });
    if (gone.length > 0) await this.collection.write(gone);
    this.#queues.clear();
    this.#unwritten.clear();
  }

  #id({ kind, id }: ParkedKey, position: Position): string {
    return `${this.generation}/${kind}/${id}@${position}`;
  }

  #document(key: ParkedKey, event: RecordedEvent, error: string | undefined): WaitingDocument {
    return {
      id: this.#id(key, event.position),
      position: event.position,
      generation: this.generation,
      kind: key.kind,
      key: key.id,
      stream: event.stream,
      revision: event.revision,
      recorded_at: event.metadata.recorded_at,
      ...(error !== undefined && { error }),
    };
  }

  #remember(key: ParkedKey, { position, recorded_at, error }: WaitingDocument): void {
    const text = queueText(key);
    const queue = this.#queues.get(text);
    if (!queue) {
      this.#queues.set(text, {
        key,
        first: position,
        last: position,
        error: error ?? '',
        since: recorded_at,
        waiting: 1,
      });
      return;
    }
    queue.waiting += 1;
    if (position > queue.last) queue.last = position;
    if (position < queue.first) {
      queue.first = position;
      queue.since = recorded_at;
      queue.error = error ?? '';
    }
  }
}

const queueText = ({ kind, tenant, id }: ParkedKey): string => `${kind}\n${tenant}\n${id}`;
