import type { Database } from 'lmdb';
import type { TenantId } from '../../domain/ids.js';
import { lastChanges } from '../collection-spec.js';
import { placeOf } from '../place.js';
import type { Change, Collection, CollectionSpec, Document, DocumentKey, Query } from '../read-store.js';
import { committed } from '../../platform/lmdb.js';
import { documentBounds, documentKey, entryKey, tenantOf, walkBounds } from './keys.js';
import { decodeDocument, encodeDocument, entriesOf } from './stored-document.js';

/** A collection's LMDB database: documents, and index entries whose values are documents' keys. */
export type CollectionDatabase = Database<Buffer, Buffer>;

/** A scan answers between such pages what else there is to do, and holds no old snapshot meanwhile. */
const SCAN_PAGE = 256;

export class EmbeddedCollection<D extends Document> implements Collection<D> {
  constructor(
    readonly spec: CollectionSpec,
    readonly database: CollectionDatabase,
  ) {}

  load(
    keys: readonly DocumentKey[],
  ): Promise<readonly { readonly key: DocumentKey; readonly document: D }[]> {
    return settled(() =>
      keys.flatMap((key) => {
        const stored = this.database.get(documentKey(key.tenant, key.id));
        return stored ? [{ key, document: decodeDocument(stored) as D }] : [];
      }),
    );
  }

  /** All in one transaction, a document and its index entries together. */
  async write(changes: readonly Change<D>[]): Promise<void> {
    const prepared = [
      ...lastChanges(changes, ({ tenant, id }) => `${tenant.length}|${tenant}|${id}`).values(),
    ].map((change) => this.#prepare(change));
    if (prepared.length === 0) return;
    await committed(
      this.database.childTransaction(() => {
        for (const { key, entries, stored } of prepared) this.#put(key, entries, stored);
      }),
    );
  }

  async *scan(tenant?: TenantId): AsyncIterable<{ readonly key: DocumentKey; readonly document: D }> {
    const { low, high } = documentBounds(tenant);
    let start = low;
    for (;;) {
      const page = [
        ...this.database.getRange({
          start,
          end: high,
          exclusiveStart: true,
          limit: SCAN_PAGE,
          snapshot: false,
        }),
      ];
      for (const { key, value } of page) {
        const document = decodeDocument(value) as D;
        yield { key: { tenant: tenantOf(key), id: document.id }, document };
      }
      const last = page.at(-1);
      if (!last) return;
      start = last.key;
      await nextTurn();
    }
  }

  /** Whether the walk's bounds are ends or starts is for the order to say; no entry's key is one of them. */
  find(index: number, tenant: DocumentKey['tenant'], query: Query): readonly D[] {
    if (query.limit <= 0) return [];
    const { low, high } = walkBounds(index, tenant, query);
    const walk = {
      exclusiveStart: true,
      limit: query.limit,
      ...(query.order === 'descending'
        ? { start: high, end: low, reverse: true }
        : { start: low, end: high }),
    };
    return [...this.database.getRange(walk)].flatMap(({ value }) => {
      const stored = this.database.get(value);
      return stored ? [decodeDocument(stored) as D] : [];
    });
  }

  #prepare({ tenant, id, document }: Change<D>): {
    readonly key: Buffer;
    readonly entries: readonly Buffer[];
    readonly stored?: Buffer;
  } {
    const key = documentKey(tenant, id);
    if (!document) return { key, entries: [] };
    const entries = this.spec.indexes.flatMap((index, number) => {
      const place = placeOf(document, index);
      return place ? [entryKey(number, tenant, place)] : [];
    });
    return { key, entries, stored: encodeDocument(document, entries) };
  }

  #put(key: Buffer, entries: readonly Buffer[], stored?: Buffer): void {
    if (this.spec.indexes.length > 0) {
      const before = this.database.get(key);
      const old = before ? entriesOf(before) : [];
      for (const entry of old) if (!holds(entries, entry)) this.database.removeSync(entry);
      for (const entry of entries) if (!holds(old, entry)) this.database.putSync(entry, key);
    }
    if (stored) this.database.putSync(key, stored);
    else this.database.removeSync(key);
  }
}

const holds = (entries: readonly Buffer[], entry: Buffer): boolean =>
  entries.some((other) => other.equals(entry));

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** The answer of something that is not asynchronous by itself; what it throws rejects. */
export const settled = <T>(work: () => T): Promise<T> =>
  new Promise((resolve) => {
    resolve(work());
  });
