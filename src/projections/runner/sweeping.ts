import type { TenantId } from '../../domain/ids.js';
import type { RecordedEvent } from '../../eventstore/event-store.js';
import type { Collection, Document, IndexSpec, IndexValue, Query } from '../../readstore/read-store.js';
import { placeOf } from '../../readstore/place.js';
import type { AnyProjection, Projection, Sweep } from '../projection.js';
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
    return document !== undefined && isSwept(this.projection, event, tenant, document);
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
      if (entry.document.position >= event.position || !holds(this.projection, sweep, entry.document))
        continue;
      entry.document = undefined;
      cache.touch(entry);
    }
    const { index, equals, range } = sweep;
    for (let last: Document | undefined; ;) {
      const after = last && placeOf(last, indexOf(this.projection, index));
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
}

/** Whether an event removes a document of a tenant's. */
export const isSwept = (
  projection: AnyProjection,
  event: RecordedEvent,
  tenant: TenantId,
  document: Document,
): boolean =>
  document.position < event.position &&
  ((projection as Projection<Document, unknown>).sweeps?.(event) ?? []).some(
    (sweep) => sweep.tenant === tenant && holds(projection, sweep, document),
  );

/** Whether a document is in a sweep's stretch of its index. */
const holds = (
  projection: AnyProjection,
  { index, equals, range, matches }: Sweep,
  document: Document,
): boolean => {
  const { values } = placeOf(document, indexOf(projection, index)) ?? {};
  if (!values || !equals.every((value, i) => values[i] === value)) return false;
  return isBetween(values[equals.length], range) && (matches?.(document) ?? true);
};

const indexOf = ({ name, indexes }: AnyProjection, wanted: string): IndexSpec => {
  const index = indexes.find((one) => one.name === wanted);
  if (!index) throw new Error(`${name} has no index "${wanted}" to sweep along.`);
  return index;
};

const isBetween = (value: IndexValue | undefined, { from, to }: Sweep['range']): boolean =>
  value !== undefined && value >= from && value <= to;
