import type { AnyBulkWriteOperation, Collection as Stored } from 'mongodb';
import type { TenantId } from '../../domain/ids.js';
import { lastChanges } from '../collection-spec.js';
import type {
  Change,
  Collection,
  CollectionSpec,
  Document,
  DocumentKey,
  IndexSpec,
  Query,
} from '../read-store.js';
import { codeOf, DUPLICATE_KEY } from './error-codes.js';
import {
  BODY,
  decodeDocument,
  documentId,
  encodeDocument,
  type StoredBody,
  type StoredDocument,
} from './mongo-documents.js';
import { typed, walkOf } from './walk.js';

const PAGE = 500;

/** One collection of MongoDB. Writes are idempotent, so one that failed in the middle is simply done again. */
export class MongoCollection<D extends Document> implements Collection<D> {
  constructor(
    readonly spec: CollectionSpec,
    private readonly stored: Stored<StoredDocument>,
  ) {}

  async load(
    keys: readonly DocumentKey[],
  ): Promise<readonly { readonly key: DocumentKey; readonly document: D }[]> {
    const loaded: { readonly key: DocumentKey; readonly document: D }[] = [];
    for (let at = 0; at < keys.length; at += PAGE) {
      const wanted = keys.slice(at, at + PAGE).map(({ tenant, id }) => documentId(tenant, typed(id)));
      const found = this.stored.find({ _id: { $in: wanted } }, { projection: BODY });
      for (const one of await found.toArray())
        loaded.push({ key: keyOf(one), document: decodeDocument(one) as D });
    }
    return loaded;
  }

  async write(changes: readonly Change<D>[]): Promise<void> {
    const last = lastChanges(changes, ({ tenant, id }) => documentId(tenant, id));
    const operations = [...last].map(([_id, change]) => this.#operation(_id, change));
    if (operations.length === 0) return;
    try {
      await this.stored.bulkWrite(operations, { ordered: false });
    } catch (error) {
      // Two upserts of one new document at once: the server lets one of them fail, and replaces when asked again.
      if (codeOf(error) !== DUPLICATE_KEY) throw error;
      await this.stored.bulkWrite(operations, { ordered: false });
    }
  }

  /** In pages with an order of their own, so that no cursor of the server has to live as long as the scan. */
  async *scan(tenant?: TenantId): AsyncIterable<{ readonly key: DocumentKey; readonly document: D }> {
    const theirs = tenant === undefined ? {} : { tenant: { $eq: typed(tenant) } };
    let after: DocumentKey | undefined;
    for (;;) {
      const behind = after
        ? {
            $or: [
              { tenant: { $gt: after.tenant } },
              { $and: [{ tenant: { $eq: after.tenant } }, { id: { $gt: after.id } }] },
            ],
          }
        : {};
      const page = await this.stored
        .find({ $and: [theirs, behind] }, { projection: BODY })
        .sort({ tenant: 1, id: 1 })
        .limit(PAGE)
        .toArray();
      for (const one of page) {
        after = keyOf(one);
        yield { key: after, document: decodeDocument(one) as D };
      }
      if (page.length < PAGE) return;
    }
  }

  async get(tenant: TenantId, id: string): Promise<D | undefined> {
    const found = await this.stored.findOne<StoredBody>(
      { _id: documentId(tenant, typed(id)) },
      { projection: BODY },
    );
    return found ? (decodeDocument(found) as D) : undefined;
  }

  async find(index: IndexSpec, tenant: TenantId, query: Query): Promise<readonly D[]> {
    if (query.limit <= 0) return [];
    const { filter, sort } = walkOf(index, tenant, query);
    const found = this.stored.find<StoredBody>(filter, { projection: BODY }).sort(sort).limit(query.limit);
    return (await found.toArray()).map((one) => decodeDocument(one) as D);
  }

  #operation(_id: string, { tenant, document }: Change<D>): AnyBulkWriteOperation<StoredDocument> {
    const filter = { _id };
    if (!document) return { deleteOne: { filter } };
    return { replaceOne: { filter, replacement: encodeDocument(this.spec, tenant, document), upsert: true } };
  }
}

const keyOf = ({ tenant, id }: StoredBody): DocumentKey => ({ tenant: tenant as TenantId, id });
