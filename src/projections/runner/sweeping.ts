import type { RecordedEvent } from '../../eventstore/event-store.js';
import type { Collection, Document, IndexValue, Query } from '../../readstore/read-store.js';
import { placeOf } from '../../readstore/place.js';
import type { Projection, Sweep } from '../projection.js';
import type { Cached, DocumentCache } from './document-cache.js';

const PAGE = 500;

/**
 * Removes the documents that an event sweeps away: those in memory and those in the store.
 *
 * The store's are deleted at once, before the checkpoint says that the event was folded, a page at a time however many
 * there are. That is safe: after a crash the log is read again from before the event, so a document that began anew
 * from the middle of its events is swept away again; and one that was made after the event is ahead of it and stays.
 */
export class Sweeping {
  constructor(
    private readonly projection: Projection<Document, unknown>,
    private readonly collection: Collection<Document>,
    private readonly find: (sweep: Sweep, query: Query) => Promise<readonly Document[]>,
    private readonly attempt: <T>(operation: () => Promise<T>) => Promise<T>,
  ) {}

  /** What an event sweeps away. */
  of(event: RecordedEvent): readonly Sweep[] {
    return this.projection.sweeps?.(event) ?? [];
  }

  /** Whether an event removes a document. */
  removes(event: RecordedEvent, { tenant, document }: Pick<Cached, 'tenant' | 'document'>): boolean {
    return (
      document !== undefined &&
      document.position < event.position &&
      this.of(event).some((sweep) => sweep.tenant === tenant && this.#holds(sweep, document))
    );
  }

  /** Carries one of an event's sweeps out. `keeps`: documents that are not to be touched. */
  async carryOut(
    event: RecordedEvent,
    sweep: Sweep,
    cache: DocumentCache,
    keeps: (key: { readonly tenant: Sweep['tenant']; readonly id: string }) => boolean,
  ): Promise<void> {
    const { tenant } = sweep;
    for (const entry of cache.entries()) {
      if (entry.tenant !== tenant || keeps(entry) || !entry.document) continue;
      if (entry.document.position >= event.position || !this.#holds(sweep, entry.document)) continue;
      entry.document = undefined;
      cache.touch(entry);
    }
    const { index, equals, range } = sweep;
    for (let last: Document | undefined; ;) {
      const after = last && placeOf(last, this.#index(index));
      const page = await this.attempt(() =>
        this.find(sweep, { index, equals, range, limit: PAGE, ...(after && { after }) }),
      );
      const gone = page
        .filter((document) => document.position < event.position && (sweep.matches?.(document) ?? true))
        .map(({ id }) => ({ tenant, id }))
        .filter((key) => !keeps(key) && cache.get(key)?.document === undefined);
      if (gone.length > 0) await this.attempt(() => this.collection.write(gone));
      last = page.at(-1);
      if (page.length < PAGE) return;
    }
  }

  /** Whether a document is in a sweep's stretch of its index. */
  #holds({ index, equals, range, matches }: Sweep, document: Document): boolean {
    const { values } = placeOf(document, this.#index(index)) ?? {};
    if (!values || !equals.every((value, i) => values[i] === value)) return false;
    return isBetween(values[equals.length], range) && (matches?.(document) ?? true);
  }

  #index(name: string) {
    const index = this.projection.indexes.find((one) => one.name === name);
    if (!index) throw new Error(`${this.projection.name} has no index "${name}" to sweep along.`);
    return index;
  }
}

const isBetween = (value: IndexValue | undefined, { from, to }: Sweep['range']): boolean =>
  value !== undefined && value >= from && value <= to;
