import { SYSTEM_TENANT, type TenantId } from '../../domain/ids.js';
import type { QuarantinedRecord } from '../../domain/quarantine/quarantine.js';
import type { SetAside } from '../../domain/quarantine/set-aside.js';
import { RouteBook, routeEventTypes } from '../../domain/telemetry/routes/book.js';
import { START, type EventLog, type Position, type RecordedEvent } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import { changedRecords, type ChangedRecord } from '../../quarantine/changed.js';
import { QuarantineShelf } from '../../quarantine/shelf.js';
import type { Collection, Document, DocumentKey, ReadStore } from '../../readstore/read-store.js';
import type { Ahead } from '../decoding/decoding-threads.js';
import { typesOf, type Part, type Projection, type Sweep } from '../projection.js';
import { RouteShelf } from '../routes/shelf.js';
import { amendDocuments, Changes } from './amending.js';
import { DocumentCache, keyText, type CacheBounds, type Cached } from './document-cache.js';
import { eventsIn, goingBack, historyOf, type HistoryRange } from './history.js';
import type { ParkedKey, Parking } from './parking.js';
import { reshownRecords } from './reshown.js';
import { Sweeping } from './sweeping.js';
import { TimeSlice } from './time-slice.js';

/** What the generations of all projections share. */
export interface LaneContext {
  readonly log: Pick<EventLog, 'readStream' | 'readAll' | 'head'>;
  readonly store: ReadStore;
  readonly clock: Clock;
  /** Makes ready what is read of the log, before it is folded. */
  readonly ahead?: Ahead | undefined;
  /** Unique to this run: whose checkpoints these are. */
  readonly owner: string;
  readonly cache: CacheBounds;
  /** Carries out an operation of the read store, again and again where the store is away. */
  readonly attempt: <T>(operation: () => Promise<T>) => Promise<T>;
}

/** An event that a rebuild could not fold: it stops there, where the served read model would park the key. */
export class Poisoned extends Error {
  constructor(
    readonly projection: string,
    readonly key: ParkedKey,
    readonly position: Position,
    readonly reason: string,
  ) {
    super(`${projection} cannot fold ${key.kind} ${key.id} at ${position}: ${reason}`);
    this.name = 'Poisoned';
  }
}

/** What an event does to one document, or to documents that it does not name. */
type FoldStep = { readonly event: RecordedEvent } & (
  | { readonly part: Part<unknown>; readonly sweep?: undefined }
  | { readonly part?: undefined; readonly sweep: Sweep }
);

/** What is seen of some records and was not, or the other way round, and the route book that was theirs. */
interface SeenChange {
  /** Can be gone over once. */
  readonly records: AsyncIterable<ChangedRecord>;
  readonly routedBefore: (position: Position) => RouteBook;
}

/** Of which part of the log documents are folded anew. */
type FoldRange = Omit<HistoryRange, 'ids' | 'also' | 'after' | 'touching'> &
  Partial<Pick<HistoryRange, 'touching'>>;

/**
 * The folding of one generation in memory: events in, changed documents out. Writing them is the lane's.
 *
 * At every position the documents are the fold of the log up to there without what is set aside as of there, or as of
 * a later position where the folding began with that (`as_of`). A quarantine that is met later is taken in its place
 * in the log: the documents that its records touch are folded anew, from the log, before anything behind it is
 * folded. They are written like all others, before the checkpoint: after a crash the quarantine is met again and
 * the same documents come out.
 */
export class Folding {
  readonly types: ReadonlySet<string>;
  readonly cache: DocumentCache;
  readonly #reads: ReadonlySet<string>;
  readonly #shelf: RouteShelf | undefined;
  readonly #sweeping: Sweeping;
  readonly #quarantines: QuarantineShelf;
  /** Documents that were folded anew and are not written yet. */
  readonly #anew = new Set<string>();
  #written: Position;
  #folded: Position;
  #events = 0;

  constructor(
    private readonly context: LaneContext,
    private readonly projection: Projection<Document, unknown>,
    private readonly collection: Collection<Document>,
    name: string,
    private readonly parking: Parking,
    /** A served read model parks what cannot be folded; one that is being rebuilt stops there. */
    public on_poison: 'park' | 'throw',
    position: Position,
    as_of: Position,
    /** The log's end when the generation was opened: no earlier process has folded what is behind it. */
    private readonly opened_at: Position,
  ) {
    this.types = new Set(typesOf(projection));
    this.#reads = new Set(projection.reads);
    this.#sweeping = new Sweeping(
      projection,
      collection,
      ({ tenant }, query) => context.store.forTenant(tenant).find(name, query),
      context.attempt,
    );
    this.#quarantines = new QuarantineShelf(context.log, as_of);
    this.#shelf = projection.shows_routes && new RouteShelf({ readStream: (stream) => this.#seen(stream) });
    this.cache = new DocumentCache(context.cache);
    this.#written = position;
    this.#folded = position;
  }

  /** How far the store has it. */
  get written(): Position {
    return this.#written;
  }

  get folded(): Position {
    return this.#folded;
  }

  /** Up to where the documents are without what is set aside; never before what was folded. */
  get as_of(): Position {
    return this.#quarantines.position > this.#folded ? this.#quarantines.position : this.#folded;
  }

  /**
   * Folds the events up to a position, all that the log has for this projection since the last call among them;
   * those that were folded before are passed over. Where it throws, what is in memory is of no more use.
   */
  async take(events: readonly RecordedEvent[], upto: Position): Promise<void> {
    if (upto <= this.#folded) return;
    await this.#quarantines.meet(events);
    for (const event of events) {
      if (event.position > upto) break;
      if (this.projection.whole || event.position <= this.#folded || !this.#quarantines.isNews(event))
        continue;
      await this.#take(events, event.position);
      await this.#takeQuarantine(event);
    }
    await this.#take(events, upto);
  }

  /** What was folded is in the store now; answers how many events that were, telemetry counted by record. */
  settle(): number {
    this.cache.settle();
    this.#anew.clear();
    this.#written = this.#folded;
    const events = this.#events;
    this.#events = 0;
    return events;
  }

  /**
   * Folds events that waited into their document, from what the store has of it. Where one fails, the document is
   * left as it is before that one.
   */
  async refold(
    key: DocumentKey,
    events: readonly RecordedEvent[],
  ): Promise<{ readonly event: RecordedEvent; readonly error: string } | undefined> {
    const entry = await this.#reload(key);
    const visible = await this.#sight(events);
    for (const [index, event] of visible.entries()) {
      try {
        const part = this.#partFor(key, event);
        if (part) this.#fold(entry, event.position, part.part);
        this.#sweepOne(entry, event);
      } catch (error) {
        await this.refold(key, visible.slice(0, index));
        return {
          event: events.find(({ position }) => position === event.position) ?? event,
          error: reasonOf(error),
        };
      }
    }
    return undefined;
  }

  /** Why an event cannot be taken apart, or undefined where it can. */
  unreadable(event: RecordedEvent): string | undefined {
    try {
      Array.from(this.projection.parts(event, this.#routing(event)));
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  async #take(events: readonly RecordedEvent[], upto: Position): Promise<void> {
    if (upto <= this.#folded) return;
    const slice = new TimeSlice(this.context.clock);
    const steps: FoldStep[] = [];
    for (const event of await this.#sight(events)) {
      if (event.position > upto) break;
      if (event.position <= this.#folded || !this.#reads.has(event.type)) continue;
      for (const part of this.#parts(event)) steps.push({ event, part });
      for (const sweep of this.#sweeping.of(event)) steps.push({ event, sweep });
      this.#events += event.metadata.chunk?.count ?? 1;
      if (slice.over) await slice.rest();
    }
    await this.#load(steps.flatMap(({ part }) => part ?? []));
    for (const { event, part, sweep } of steps) {
      if (part) {
        const error = this.#step(this.cache.use(part), event, part.part);
        if (error !== undefined) await this.#park(part, event, error);
      } else await this.#sweep(event, sweep);
      if (slice.over) await slice.rest();
    }
    this.#folded = upto;
  }

  /** Events without what is set aside, their tenants' route books at hand. */
  async #sight(events: readonly RecordedEvent[]): Promise<readonly RecordedEvent[]> {
    await this.#quarantines.meet(events);
    const visible = this.projection.whole
      ? events
      : events.flatMap((event) => this.#quarantines.sight(event) ?? []);
    await this.#shelf?.meet(visible);
    return visible;
  }

  async *#seen(stream: RecordedEvent['stream']): AsyncIterable<RecordedEvent> {
    for await (const event of this.context.log.readStream(stream)) {
      await this.#quarantines.meet([event]);
      const visible = this.#quarantines.sight(event);
      if (visible) yield visible;
    }
  }

  /** Takes in that a quarantine was approved or released, in whatever its records touch. */
  async #takeQuarantine(event: RecordedEvent): Promise<void> {
    const tenant = event.metadata.tenant_id;
    // The route book as it was.
    await this.#shelf?.meet([event]);
    const before = this.#quarantines.asideOf(tenant);
    this.#quarantines.advance(event.position);
    const records = this.#quarantines.changedBy(event).filter((record) => this.#concerns(record));
    if (tenant === undefined || records.length === 0) return;
    const range = { tenant, upto: event.position, types: [...this.types] };
    const change = await this.#changeOf(records, event, before, range);
    const { history, amend } = this.projection;
    // What an earlier process has written may know of it already; folding anew comes to the same then, too.
    if (amend && event.position > this.opened_at && this.parking.size === 0)
      return this.#amend(change, range);
    const keys = new Map<string, DocumentKey>();
    const streams = new Map<string, RecordedEvent>();
    for await (const { record } of change.records) {
      const touched = await this.#touchedBy(record);
      if (history === 'record') await this.#unmake(touched, { ...range, history, touching: [record] });
      else for (const [text, key] of touched) keys.set(text, key);
      streams.set(record.stream, record);
    }
    return this.#unmake(keys, { ...range, history, touching: [...streams.values()] });
  }

  /** What a quarantine changes: the records that it names, and where it names some of a route book what was shown by it. */
  async #changeOf(
    records: readonly QuarantinedRecord[],
    event: RecordedEvent,
    before: SetAside,
    { tenant, upto }: Pick<FoldRange, 'upto'> & { readonly tenant: TenantId },
  ): Promise<SeenChange> {
    const { log } = this.context;
    const { shows_routes, reads } = this.projection;
    const shelf = this.#shelf;
    const aside = this.#quarantines.asideOf(tenant);
    const named = changedRecords(log, records, before, aside);
    const now = (position: Position): RouteBook => shelf?.at(tenant, position) ?? RouteBook.EMPTY;
    const [first] = records.flatMap(({ type, position }) => (isRouteEvent(type) ? position : [])).sort();
    if (!shelf || !shows_routes || first === undefined) return { records: named, routedBefore: now };
    const routedBefore = shelf.forget(tenant);
    await shelf.meet([event]);
    const after = first as Position;
    const reshown = reshownRecords(log, shows_routes, {
      ...{ tenant, after, upto, types: reads },
      before: { aside: before, routing: routedBefore },
      now: { aside, routing: now },
    });
    const all = async function* (): AsyncGenerator<ChangedRecord, void> {
      for await (const one of named) if (one.record.position <= after) yield one;
      yield* reshown;
    };
    return { records: all(), routedBefore };
  }

  /** Folds documents anew, with what waited for them. */
  async #unmake(keys: ReadonlyMap<string, DocumentKey>, range: FoldRange): Promise<void> {
    for (const key of keys.values()) await this.parking.forget({ kind: 'document', ...key });
    await this.#foldAnew(keys, range);
  }

  #concerns({ type }: QuarantinedRecord): boolean {
    return this.#reads.has(type) || (this.#shelf !== undefined && isRouteEvent(type));
  }

  /** Changes sums by what is seen of some records now and was not, and the other way round. */
  async #amend(
    { records, routedBefore }: SeenChange,
    { tenant, types, upto }: { readonly tenant: TenantId; readonly types: string[]; readonly upto: Position },
  ): Promise<void> {
    const also = await this.#alsoFor(tenant, upto);
    const changes = new Changes();
    const add = (kind: 'leaves' | 'returns', record: RecordedEvent | undefined): void => {
      if (!record || !this.#reads.has(record.type)) return;
      const { position } = record;
      const routing = kind === 'leaves' ? routedBefore(position) : this.#routing(record);
      for (const { tenant, id, part } of this.projection.parts(record, routing)) {
        const alone = () => this.projection.fold(undefined, part, { id, position });
        if (!this.#isSweptBy(also, tenant, alone)) changes.add({ tenant, id }, kind, part, position);
      }
    };
    const slice = new TimeSlice(this.context.clock);
    for await (const { record, leaves, returns } of records) {
      await this.#sight([record]);
      add('leaves', leaves);
      add('returns', returns);
      if (slice.over) await slice.rest();
    }
    await amendDocuments(this.projection, changes, {
      load: (keys) => this.#load(keys),
      use: (key) => this.cache.use(key),
      changed: (entry) => {
        this.cache.touch(entry);
        this.#anew.add(keyText(entry));
      },
      foldAnew: (keys) => this.#foldAnew(keys, { history: this.projection.history, tenant, types, upto }),
    });
  }

  /** Whether what a part says by itself was swept away since. */
  #isSweptBy(events: readonly RecordedEvent[], tenant: TenantId, alone: () => Document | undefined): boolean {
    const sweeping = events.filter((event) => this.#sweeping.of(event).length > 0);
    if (sweeping.length === 0) return false;
    const document = alone();
    return sweeping.some((event) => this.#sweeping.removes(event, { tenant, document }));
  }

  async #touchedBy(record: RecordedEvent): Promise<ReadonlyMap<string, DocumentKey>> {
    const keys = new Map<string, DocumentKey>();
    await this.#sight([record]);
    if (!this.#reads.has(record.type)) return keys;
    try {
      for (const { tenant, id } of this.projection.parts(record, this.#routing(record)))
        keys.set(keyText({ tenant, id }), { tenant, id });
    } catch {
      // What cannot be taken apart has touched nothing: its stream is parked.
    }
    return keys;
  }

  /** Folds documents from nothing, as the log up to a position has them without what is set aside. */
  async #foldAnew(keys: ReadonlyMap<string, DocumentKey>, { tenant, ...range }: FoldRange): Promise<void> {
    if (keys.size === 0) return;
    const same = [...keys.values()].every((key) => key.tenant === tenant);
    const whole: HistoryRange = {
      touching: [],
      ...range,
      tenant: same ? tenant : undefined,
      ids: [...keys.values()].map(({ id }) => id),
      also: await this.#alsoFor(tenant, range.upto),
    };
    const { isWhole } = typeof range.history === 'object' ? range.history : {};
    for (const after of isWhole && same ? goingBack(range.upto) : [START]) {
      const refused = await this.#foldFrom(keys, { ...whole, after });
      const documents = [...keys.values()].map((key) => this.cache.use(key).document);
      const enough = after === START || documents.every((document) => document && isWhole?.(document, after));
      if (!enough) continue;
      // A fold that failed may have left half of something: now that it is parked there, it stops before that.
      if (refused.size > 0) await this.#foldFrom(refused, { ...whole, after });
      return;
    }
  }

  /** Makes documents of a range; answers those of which an event was refused. */
  async #foldFrom(
    keys: ReadonlyMap<string, DocumentKey>,
    range: HistoryRange,
  ): Promise<ReadonlyMap<string, DocumentKey>> {
    const slice = new TimeSlice(this.context.clock);
    const stored = await this.context.attempt(() => this.collection.load([...keys.values()]));
    const documents = new Map(stored.map(({ key, document }) => [keyText(key), document] as const));
    for (const [text, key] of keys) {
      const entry = this.cache.put(key, documents.get(text));
      entry.document = undefined;
      this.cache.touch(entry);
      this.#anew.add(text);
    }
    const refused = new Map<string, DocumentKey>();
    for await (const event of historyOf(this.context.log, range)) {
      const [visible] = await this.#sight([event]);
      if (!visible || !this.#reads.has(visible.type)) continue;
      for (const part of this.#parts(visible)) {
        const text = keyText(part);
        const key = keys.get(text);
        if (!key || refused.has(text)) continue;
        const error = this.#step(this.cache.use(key), visible, part.part);
        if (error === undefined) continue;
        this.#refuse({ kind: 'document', ...key }, event, error);
        refused.set(text, key);
      }
      if (this.#sweeping.of(visible).length > 0)
        for (const key of keys.values()) this.#sweepOne(this.cache.use(key), visible);
      if (slice.over) await slice.rest();
    }
    return refused;
  }

  /** What other streams say about a tenant's documents. */
  async #alsoFor(tenant: TenantId | undefined, upto: Position): Promise<readonly RecordedEvent[]> {
    const { also_in } = this.projection;
    return tenant === undefined || !also_in ? [] : eventsIn(this.context.log, also_in(tenant), upto);
  }

  /** The parts of an event, or none where it waits with its stream. */
  #parts(event: RecordedEvent): readonly Part<unknown>[] {
    const key = streamKey(event);
    if (this.parking.size > 0 && this.parking.holds(key, event.position)) {
      this.parking.add(key, event);
      return [];
    }
    try {
      return [...this.projection.parts(event, this.#routing(event))];
    } catch (error) {
      this.#refuse(key, event, reasonOf(error));
      return [];
    }
  }

  async #load(keys: readonly DocumentKey[]): Promise<void> {
    const missing = new Map<string, DocumentKey>();
    for (const { tenant, id } of keys)
      if (!this.cache.has({ tenant, id })) missing.set(keyText({ tenant, id }), { tenant, id });
    if (missing.size === 0) return;
    const found = await this.context.attempt(() => this.collection.load([...missing.values()]));
    const documents = new Map(found.map(({ key, document }) => [keyText(key), document] as const));
    for (const [text, key] of missing) this.cache.put(key, documents.get(text));
  }

  /** One part into one document; says why where that cannot be done. The document is then unfit for use. */
  #step(entry: Cached, event: RecordedEvent, part: unknown): string | undefined {
    if (this.parking.size > 0) {
      const key = { kind: 'document', tenant: entry.tenant, id: entry.id } as const;
      if (this.parking.holds(key, event.position)) {
        this.parking.add(key, event);
        return undefined;
      }
    }
    try {
      this.#fold(entry, event.position, part);
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  #fold(entry: Cached, position: Position, part: unknown): void {
    const { id, document } = entry;
    if (document && position <= document.position) return;
    const next = this.projection.fold(document, part, { id, position });
    if (next && next.id !== id) throw new Error(`the fold made document ${next.id} out of ${id}`);
    entry.document = next && next.position !== position ? { ...next, position } : next;
    this.cache.touch(entry);
  }

  /** Parks a document as it was before the event that it could not take, however the batches were cut. */
  async #park({ tenant, id }: DocumentKey, event: RecordedEvent, error: string): Promise<void> {
    this.#refuse({ kind: 'document', tenant, id }, event, error);
    const key = keyText({ tenant, id });
    if (this.#anew.has(key)) {
      const { history } = this.projection;
      const range = { history, tenant, types: [...this.types], touching: [event], upto: event.position };
      await this.#foldAnew(new Map([[key, { tenant, id }]]), range);
      return;
    }
    await this.#reload({ tenant, id });
    for await (const batch of this.context.log.readAll(this.#written, { types: [...this.types] })) {
      for (const earlier of await this.#sight(batch.events)) {
        if (earlier.position >= event.position) return;
        const part = this.#reads.has(earlier.type) ? this.#partFor({ tenant, id }, earlier) : undefined;
        if (part) this.#fold(this.cache.use({ tenant, id }), earlier.position, part.part);
        this.#sweepOne(this.cache.use({ tenant, id }), earlier);
      }
      if (batch.position >= event.position) return;
    }
  }

  /** Removes what an event sweeps away; documents that wait for a person stay until their events are folded. */
  async #sweep(event: RecordedEvent, sweep: Sweep): Promise<void> {
    await this.#sweeping.carryOut(event, sweep, this.cache, ({ tenant, id }) => {
      const key = { kind: 'document', tenant, id } as const;
      if (!this.parking.holds(key, event.position)) return false;
      this.parking.add(key, event);
      return true;
    });
  }

  /** Removes a document that is folded by itself where an event sweeps it away. */
  #sweepOne(entry: Cached, event: RecordedEvent): void {
    if (!this.#sweeping.removes(event, entry)) return;
    entry.document = undefined;
    this.cache.touch(entry);
  }

  #refuse(key: ParkedKey, event: RecordedEvent, error: string): void {
    if (this.on_poison === 'throw') throw new Poisoned(this.projection.name, key, event.position, error);
    this.parking.add(key, event, error);
  }

  /** The document as the store has it, in place of what a failed fold may have left. */
  async #reload({ tenant, id }: DocumentKey): Promise<Cached> {
    const [found] = await this.context.attempt(() => this.collection.load([{ tenant, id }]));
    return this.cache.put({ tenant, id }, found?.document);
  }

  /** The book that an event is to be shown under; of a tenant that was met. */
  #routing({ metadata, position }: RecordedEvent): RouteBook {
    return this.#shelf?.at(metadata.tenant_id, position) ?? RouteBook.EMPTY;
  }

  #partFor({ tenant, id }: DocumentKey, event: RecordedEvent): Part<unknown> | undefined {
    if (this.parking.holds(streamKey(event), event.position)) return undefined;
    return [...this.projection.parts(event, this.#routing(event))].find(
      (part) => part.tenant === tenant && part.id === id,
    );
  }
}

const isRouteEvent = (type: string): boolean => routeEventTypes.some((one) => one === type);

const streamKey = (event: RecordedEvent): ParkedKey => ({
  kind: 'stream',
  tenant: event.metadata.tenant_id ?? SYSTEM_TENANT,
  id: event.stream,
});

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
