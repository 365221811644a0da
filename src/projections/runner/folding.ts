import type { Position, RecordedEvent } from '../../eventstore/event-store.js';
import type { DocumentKey } from '../../readstore/read-store.js';
import { typesOf, type Part, type Sweep } from '../projection.js';
import type { DocumentCache } from './document-cache.js';
import { FoldedDocuments, reasonOf, type GenerationParts } from './folded-documents.js';
import type { LaneContext } from './lane-context.js';
import { Remaking } from './remaking.js';
import { Sight } from './sight.js';
import { TimeSlice } from './time-slice.js';

/** What an event does to one document, or to documents that it does not name. */
type FoldStep = { readonly event: RecordedEvent } & (
  | { readonly part: Part<unknown>; readonly sweep?: undefined }
  | { readonly part?: undefined; readonly sweep: Sweep }
);

/** Where the folding of a generation begins. */
export interface FoldingStart {
  /** How far its documents are written. */
  readonly position: Position;
  /** As of where they are without what is set aside. */
  readonly as_of: Position;
  /** The log's end: no earlier process has folded what is behind it. */
  readonly opened_at: Position;
}

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
  readonly #sight: Sight;
  readonly #documents: FoldedDocuments;
  readonly #remaking: Remaking;
  #written: Position;
  #folded: Position;
  #events = 0;

  constructor(
    private readonly context: LaneContext,
    parts: GenerationParts,
    on_poison: 'park' | 'throw',
    { position, as_of, opened_at }: FoldingStart,
  ) {
    const { projection } = parts;
    this.types = new Set(typesOf(projection));
    this.#sight = new Sight(context.log, projection, as_of);
    this.#documents = new FoldedDocuments(context, parts, this.#sight, on_poison);
    this.#remaking = new Remaking(context, parts, this.#sight, this.#documents, this.types, opened_at);
    this.#written = position;
    this.#folded = position;
  }

  get cache(): DocumentCache {
    return this.#documents.cache;
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
    return this.#sight.as_of > this.#folded ? this.#sight.as_of : this.#folded;
  }

  /** From now on what cannot be folded is parked. */
  park(): void {
    this.#documents.on_poison = 'park';
  }

  /**
   * Folds the events up to a position, all that the log has for this projection since the last call among them;
   * those that were folded before are passed over. Where it throws, what is in memory is of no more use.
   */
  async take(events: readonly RecordedEvent[], upto: Position): Promise<void> {
    if (upto <= this.#folded) return;
    await this.#sight.meet(events);
    for (const event of events) {
      if (event.position > upto) break;
      if (event.position <= this.#folded || !this.#sight.isNews(event)) continue;
      await this.#take(events, event.position);
      const change = await this.#sight.follow(event);
      if (change) await this.#remaking.follow(change, event);
    }
    await this.#take(events, upto);
  }

  /** What was folded is in the store now; answers how many events that were, telemetry counted by record. */
  settle(): number {
    this.cache.settle();
    this.#remaking.settle();
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
    const entry = await this.#documents.reloadOne(key);
    const visible = await this.#sight.of(events);
    for (const [index, event] of visible.entries()) {
      try {
        const part = this.#documents.partFor(key, event);
        if (part) this.#documents.fold(entry, event.position, part.part);
        this.#documents.sweepOne(entry, event);
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
    return this.#documents.unreadable(event);
  }

  async #take(events: readonly RecordedEvent[], upto: Position): Promise<void> {
    if (upto <= this.#folded) return;
    const documents = this.#documents;
    const slice = new TimeSlice(this.context.clock);
    const steps: FoldStep[] = [];
    for (const event of await this.#sight.of(events)) {
      if (event.position > upto) break;
      if (event.position <= this.#folded || !this.#sight.reads(event)) continue;
      for (const part of documents.partsOf(event)) steps.push({ event, part });
      for (const sweep of documents.sweepsOf(event)) steps.push({ event, sweep });
      this.#events += event.metadata.chunk?.count ?? 1;
      if (slice.over) await slice.rest();
    }
    await documents.load(steps.flatMap(({ part }) => part ?? []));
    for (const { event, part, sweep } of steps) {
      if (part) {
        const error = documents.step(this.cache.use(part), event, part.part);
        if (error !== undefined) await this.#park(part, event, error);
      } else await documents.sweep(event, sweep);
      if (slice.over) await slice.rest();
    }
    this.#folded = upto;
  }

  /** Parks a document as it was before the event that it could not take, however the batches were cut. */
  async #park({ tenant, id }: DocumentKey, event: RecordedEvent, error: string): Promise<void> {
    const documents = this.#documents;
    const key = { tenant, id };
    documents.refuse({ kind: 'document', ...key }, event, error);
    if (this.#remaking.has(key)) return this.#remaking.before(event, key);
    await documents.reloadOne(key);
    for await (const batch of this.context.log.readAll(this.#written, { types: [...this.types] })) {
      for (const earlier of await this.#sight.of(batch.events)) {
        if (earlier.position >= event.position) return;
        const part = this.#sight.reads(earlier) ? documents.partFor(key, earlier) : undefined;
        if (part) documents.fold(this.cache.use(key), earlier.position, part.part);
        documents.sweepOne(this.cache.use(key), earlier);
      }
      if (batch.position >= event.position) return;
    }
  }
}
