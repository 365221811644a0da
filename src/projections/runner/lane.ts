import type { TenantId } from '../../domain/ids.js';
import { START, type Position, type RecordedEvent } from '../../eventstore/event-store.js';
import type { Change, Collection, Document } from '../../readstore/read-store.js';
import type { AnyProjection, Projection } from '../projection.js';
import type { Cached } from './document-cache.js';
import { Folding, type FoldingStart } from './folding.js';
import type { LaneContext } from './lane-context.js';
import { Checkpoint, generationName, type Generation } from './generations.js';
import { Parking, type Parked, type ParkedKey } from './parking.js';
import type { Documents } from './served.js';

export type RetryOutcome =
  | { readonly outcome: 'folded'; readonly events: number }
  | { readonly outcome: 'failed'; readonly position: Position; readonly error: string }
  /** The events can be read now, but documents have moved on past them: only a rebuild puts them in their order. */
  | { readonly outcome: 'needs_rebuild' }
  /** The read model is being rebuilt, verified or caught up; nothing was tried. */
  | { readonly outcome: 'busy' }
  /** Nothing of that key is parked. */
  | { readonly outcome: 'unknown' };

/** What one write made visible. */
export interface Flushed {
  readonly documents: Documents;
  /** Telemetry counted by record. */
  readonly events: number;
}

const WRITE_AT_ONCE = 1_000;
const RETRY_AT_ONCE = 100;
/** A checkpoint that moved without any document is saved this often only. */
const IDLE_CHECKPOINT_MS = 1_000;

/**
 * One generation of one read model on its way along the log: folds events into documents in memory, and writes them.
 *
 * Each event counts exactly once in each document, whatever is killed when, because every document carries the
 * position that it reflects, and because of the order of writing: (1) documents, (2) the checkpoint together with
 * the names of the documents that the fold deleted, (3) the deletions. After a crash the log is read again from
 * the checkpoint. Before (2) a document is at the checkpoint or ahead of it, and one that is ahead ignores the
 * parts at or before its own position; one to be deleted is still there, so that it is not begun anew from the
 * middle of its events. After (2) opening the lane finishes (3).
 */
export class Lane {
  readonly name: string;
  readonly #folding: Folding;
  #saved_at: number;

  private constructor(
    private readonly context: LaneContext,
    readonly projection: AnyProjection,
    readonly generation: Generation,
    /** As the store has them: of use to others only while nothing feeds the lane. */
    readonly documents: Collection<Document>,
    private readonly checkpoint: Checkpoint,
    private readonly parking: Parking,
    on_poison: 'park' | 'throw',
    start: FoldingStart,
  ) {
    this.name = generationName(projection.name, generation);
    const folds = projection as Projection<Document, unknown>;
    const parts = { projection: folds, collection: documents, name: this.name, parking };
    this.#folding = new Folding(context, parts, on_poison, start);
    this.#saved_at = context.clock.monotonic();
  }

  /** Opens a generation where its checkpoint is, or makes it. */
  static async open(
    context: LaneContext,
    projection: AnyProjection,
    generation: Generation,
    on_poison: 'park' | 'throw',
  ): Promise<Lane> {
    const { store } = context;
    const name = generationName(projection.name, generation);
    const documents = await store.collection<Document>({ name, indexes: projection.indexes });
    const checkpoint = new Checkpoint(store.register, name, context.owner);
    const { position, sweep, unless_parked } = await checkpoint.load();
    const parking = await Parking.open(store, name);
    const left = (await documents.load(sweep))
      .filter(({ document }) => document.position <= position)
      .filter(({ key }) => !unless_parked || !parking.holds({ kind: 'document', ...key }, position));
    if (left.length > 0) await documents.write(left.map(({ key }) => key));
    // One that begins reads what is set aside before the records that it concerns: one pass gives the right result.
    // Where a first write was cut off there are documents that do not know of it, and quarantines come in their place.
    const begins = position === START && (await isEmpty(documents));
    const head = await context.log.head();
    const as_of = begins ? head : position;
    const start = { position, as_of, opened_at: head };
    return new Lane(
      ...([context, projection, generation, documents, checkpoint, parking, on_poison, start] as const),
    );
  }

  get types(): ReadonlySet<string> {
    return this.#folding.types;
  }

  /** How far the documents are written. */
  get position(): Position {
    return this.#folding.written;
  }

  /** How far the log was folded, in memory at least. */
  get folded(): Position {
    return this.#folding.folded;
  }

  /** See {@link Folding.as_of}. */
  get as_of(): Position {
    return this.#folding.as_of;
  }

  get parked(): readonly Parked[] {
    return this.parking.list();
  }

  /** Whether so much waits to be written that it should be done now. */
  get full(): boolean {
    return this.#folding.cache.full;
  }

  /** See {@link Folding.take}. Where it throws the lane is of no more use: open it again. */
  async take(events: readonly RecordedEvent[], upto: Position): Promise<void> {
    await this.#folding.take(events, upto);
  }

  /** Writes what was folded: documents, checkpoint, deletions. Undefined where nothing has moved. */
  async flush(): Promise<Flushed | undefined> {
    if (this.folded === this.position) return undefined;
    const dirty = [...this.#folding.cache.dirty];
    const kept = dirty.filter(({ document }) => document !== undefined);
    const gone = dirty.filter(({ document, stored }) => document === undefined && stored);
    for (let from = 0; from < kept.length; from += WRITE_AT_ONCE)
      await this.#write(kept.slice(from, from + WRITE_AT_ONCE));
    const parked = await this.context.attempt(() => this.parking.flush());
    const idle = this.context.clock.monotonic() - this.#saved_at < IDLE_CHECKPOINT_MS;
    if (dirty.length > 0 || parked || !idle) await this.#save(gone);
    if (gone.length > 0) await this.#write(gone);
    const events = this.#folding.settle();
    return { documents: idsOf([...kept, ...gone]), events };
  }

  /** Writes everything, a checkpoint that moved without documents too. */
  async close(): Promise<void> {
    await this.flush();
    await this.#save([]);
  }

  /** Folds what waits for a parked key; to be called between two batches, when everything is written. */
  async retry(key: ParkedKey): Promise<RetryOutcome> {
    if (!this.parking.list().some((parked) => sameKey(parked, key))) return { outcome: 'unknown' };
    for (let folded = 0; ;) {
      const waiting = await this.parking.first(key, RETRY_AT_ONCE);
      if (waiting.length === 0) return { outcome: 'folded', events: folded };
      const events: RecordedEvent[] = [];
      for (const { stream, revision, position } of waiting) {
        const event = await this.#read(stream, revision);
        if (event?.position !== position)
          return { outcome: 'failed', position, error: 'the event can no longer be read from its stream' };
        events.push(event);
      }
      if (key.kind === 'stream') return this.#retryStream(events);
      const failed = await this.#folding.refold(key, events);
      const done = failed ? events.slice(0, events.indexOf(failed.event)) : events;
      await this.#release(key, done);
      if (failed) {
        await this.parking.fail(key, failed.event, failed.error);
        return { outcome: 'failed', position: failed.event.position, error: failed.error };
      }
      folded += done.length;
    }
  }

  /** From now on what cannot be folded is parked: the lane is served. */
  park(): void {
    this.#folding.park();
  }

  #retryStream(events: readonly RecordedEvent[]): RetryOutcome {
    for (const event of events) {
      const error = this.#folding.unreadable(event);
      if (error !== undefined) return { outcome: 'failed', position: event.position, error };
    }
    return { outcome: 'needs_rebuild' };
  }

  /**
   * Writes a document that caught up with its queue, and ends the waiting. Killed in between, the key is still
   * parked, and the events that the document has are not folded again. A deletion comes last, and opening the lane
   * finishes it only where the waiting was ended.
   */
  async #release(key: ParkedKey, events: readonly RecordedEvent[]): Promise<void> {
    const dirty = [...this.#folding.cache.dirty];
    const kept = dirty.filter(({ document }) => document !== undefined);
    const gone = dirty.filter(({ document, stored }) => document === undefined && stored);
    if (kept.length > 0) await this.#write(kept);
    if (gone.length > 0) await this.#save(gone, true);
    await this.context.attempt(() => this.parking.release(key, events));
    if (gone.length > 0) await this.#write(gone);
    this.#folding.settle();
  }

  async #read(
    stream: RecordedEvent['stream'],
    from: RecordedEvent['revision'],
  ): Promise<RecordedEvent | undefined> {
    for await (const event of this.context.log.readStream(stream, { from, limit: 1 })) return event;
    return undefined;
  }

  async #write(entries: readonly Cached[]): Promise<void> {
    await this.context.attempt(() => this.documents.write(entries.map(change)));
  }

  async #save(gone: readonly Cached[], unless_parked = false): Promise<void> {
    const sweep = gone.map(({ tenant, id }) => ({ tenant, id }));
    const reached = { position: this.folded, sweep, unless_parked };
    await this.context.attempt(() => this.checkpoint.save(reached));
    this.#saved_at = this.context.clock.monotonic();
  }
}

const idsOf = (entries: readonly Cached[]): Documents => {
  const ids = new Map<TenantId, string[]>();
  for (const { tenant, id } of entries) {
    const its = ids.get(tenant);
    if (its) its.push(id);
    else ids.set(tenant, [id]);
  }
  return ids;
};

const isEmpty = async (documents: Collection<Document>): Promise<boolean> => {
  for await (const _ of documents.scan()) return false;
  return true;
};

const change = ({ tenant, id, document }: Cached): Change<Document> =>
  document ? { tenant, id, document } : { tenant, id };

const sameKey = (one: ParkedKey, other: ParkedKey): boolean =>
  one.kind === other.kind && one.tenant === other.tenant && one.id === other.id;
