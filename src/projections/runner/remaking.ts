import type { TenantId } from '../../domain/ids.js';
import { START, type Position, type RecordedEvent } from '../../eventstore/event-store.js';
import type { Document, DocumentKey } from '../../readstore/read-store.js';
import { amendDocuments, Changes } from './amending.js';
import { keyText } from './document-cache.js';
import type { FoldedDocuments, GenerationParts } from './folded-documents.js';
import { eventsIn, goingBack, historyOf, type HistoryRange } from './history.js';
import type { LaneContext } from './lane-context.js';
import type { SeenChange, Sight } from './sight.js';
import { TimeSlice } from './time-slice.js';

/** Of which part of the log documents are folded anew. */
type RemadeRange = Omit<HistoryRange, 'ids' | 'also' | 'after'>;

/**
 * Documents of one generation that are made again in the middle of folding: because a quarantine changed what is seen of
 * records that they were made of, or because a part of them is not to be had otherwise.
 */
export class Remaking {
  /** Documents that were folded anew and are not written yet. */
  readonly #anew = new Set<string>();
  readonly #types: readonly string[];

  constructor(
    private readonly context: Pick<LaneContext, 'log' | 'clock'>,
    private readonly parts: GenerationParts,
    private readonly sight: Sight,
    private readonly documents: FoldedDocuments,
    types: ReadonlySet<string>,
    /** The log's end when the generation was opened: no earlier process has folded what is behind it. */
    private readonly opened_at: Position,
  ) {
    this.#types = [...types];
  }

  /** Whether a document was made again and is not written yet: what the store has is not what came before it. */
  has(key: DocumentKey): boolean {
    return this.#anew.has(keyText(key));
  }

  /** What was made again is in the store now. */
  settle(): void {
    this.#anew.clear();
  }

  /** Makes documents what they are by what is seen since an event, a quarantine's. */
  async follow(change: SeenChange, { position: upto }: RecordedEvent): Promise<void> {
    const { parking, projection } = this.parts;
    const range = { tenant: change.tenant, upto, types: this.#types };
    const { history } = projection;
    // What an earlier process has written may know of it already; folding anew comes to the same then, too.
    if (projection.amend && upto > this.opened_at && parking.size === 0) return this.#amend(change, range);
    const keys = new Map<string, DocumentKey>();
    const streams = new Map<string, RecordedEvent>();
    for await (const { record } of change.records) {
      const touched = await this.#touchedBy(record);
      if (history === 'record') await this.#unpark(touched, { ...range, history, touching: [record] });
      else for (const [text, key] of touched) keys.set(text, key);
      streams.set(record.stream, record);
    }
    return this.#unpark(keys, { ...range, history, touching: [...streams.values()] });
  }

  /** Folds a document from nothing up to an event that it could not take, without that. */
  async before(event: RecordedEvent, key: DocumentKey): Promise<void> {
    const { history } = this.parts.projection;
    const range = {
      history,
      tenant: key.tenant,
      types: this.#types,
      touching: [event],
      upto: event.position,
    };
    await this.#make(new Map([[keyText(key), key]]), range);
  }

  /** Folds documents anew, with what waited for them. */
  async #unpark(keys: ReadonlyMap<string, DocumentKey>, range: RemadeRange): Promise<void> {
    for (const key of keys.values()) await this.parts.parking.forget({ kind: 'document', ...key });
    await this.#make(keys, range);
  }

  /** Changes sums by what is seen of some records now and was not, and the other way round. */
  async #amend(
    { records, routedBefore }: SeenChange,
    range: Pick<RemadeRange, 'types' | 'upto'> & { readonly tenant: TenantId },
  ): Promise<void> {
    const { projection } = this.parts;
    const also = await this.#alsoFor(range.tenant, range.upto);
    const changes = new Changes();
    const add = (kind: 'leaves' | 'returns', record: RecordedEvent | undefined): void => {
      if (!record || !this.sight.reads(record)) return;
      const { position } = record;
      const routing = kind === 'leaves' ? routedBefore(position) : this.sight.routing(record);
      for (const { tenant, id, part } of projection.parts(record, routing)) {
        const alone = () => projection.fold(undefined, part, { id, position });
        if (!this.#isSweptBy(also, tenant, alone)) changes.add({ tenant, id }, kind, part, position);
      }
    };
    const slice = new TimeSlice(this.context.clock);
    for await (const { record, leaves, returns } of records) {
      await this.sight.of([record]);
      add('leaves', leaves);
      add('returns', returns);
      if (slice.over) await slice.rest();
    }
    const { cache } = this.documents;
    await amendDocuments(projection, changes, {
      load: (keys) => this.documents.load(keys),
      use: (key) => cache.use(key),
      changed: (entry) => {
        cache.touch(entry);
        this.#anew.add(keyText(entry));
      },
      foldAnew: (keys) => this.#make(keys, { ...range, history: projection.history, touching: [] }),
    });
  }

  /** Whether what a part says by itself was swept away since. */
  #isSweptBy(events: readonly RecordedEvent[], tenant: TenantId, alone: () => Document | undefined): boolean {
    const sweeping = events.filter((event) => this.documents.sweepsOf(event).length > 0);
    if (sweeping.length === 0) return false;
    const document = alone();
    return sweeping.some((event) => this.documents.isSwept({ tenant, document }, event));
  }

  async #touchedBy(record: RecordedEvent): Promise<ReadonlyMap<string, DocumentKey>> {
    const keys = new Map<string, DocumentKey>();
    await this.sight.of([record]);
    if (!this.sight.reads(record)) return keys;
    try {
      for (const { tenant, id } of this.parts.projection.parts(record, this.sight.routing(record)))
        keys.set(keyText({ tenant, id }), { tenant, id });
    } catch {
      // What cannot be taken apart has touched nothing: its stream is parked.
    }
    return keys;
  }

  /** Folds documents from nothing, as the log up to a position has them without what is set aside. */
  async #make(keys: ReadonlyMap<string, DocumentKey>, { tenant, ...range }: RemadeRange): Promise<void> {
    if (keys.size === 0) return;
    const same = [...keys.values()].every((key) => key.tenant === tenant);
    const whole = {
      ...range,
      tenant: same ? tenant : undefined,
      ids: [...keys.values()].map(({ id }) => id),
      also: await this.#alsoFor(tenant, range.upto),
    };
    const { isWhole } = typeof range.history === 'object' ? range.history : {};
    for (const after of isWhole && same ? goingBack(range.upto) : [START]) {
      const refused = await this.#foldFrom(keys, { ...whole, after });
      const documents = [...keys.values()].map((key) => this.documents.cache.use(key).document);
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
    const { documents } = this;
    const slice = new TimeSlice(this.context.clock);
    for (const entry of await documents.reload(keys)) {
      entry.document = undefined;
      documents.cache.touch(entry);
      this.#anew.add(keyText(entry));
    }
    const refused = new Map<string, DocumentKey>();
    for await (const event of historyOf(this.context.log, range)) {
      const [visible] = await this.sight.of([event]);
      if (!visible || !this.sight.reads(visible)) continue;
      for (const part of documents.partsOf(visible)) {
        const text = keyText(part);
        const key = keys.get(text);
        if (!key || refused.has(text)) continue;
        const error = documents.step(documents.cache.use(key), visible, part.part);
        if (error === undefined) continue;
        documents.refuse({ kind: 'document', ...key }, event, error);
        refused.set(text, key);
      }
      if (documents.sweepsOf(visible).length > 0)
        for (const key of keys.values()) documents.sweepOne(documents.cache.use(key), visible);
      if (slice.over) await slice.rest();
    }
    return refused;
  }

  /** What other streams say about a tenant's documents. */
  async #alsoFor(tenant: TenantId | undefined, upto: Position): Promise<readonly RecordedEvent[]> {
    const { also_in } = this.parts.projection;
    return tenant === undefined || !also_in ? [] : eventsIn(this.context.log, also_in(tenant), upto);
  }
}
