import { MongoClient, type Collection as Stored, type Db, type IndexDescription } from 'mongodb';
import type { TenantId } from '../../domain/ids.js';
import { checkedSpec, checkSameIndexes, indexOf } from '../collection-spec.js';
import type {
  Collection,
  CollectionSpec,
  Document,
  IndexSpec,
  Query,
  ReadStore,
  Register,
  TenantReader,
} from '../read-store.js';
import { codeOf, DUPLICATE_KEY, NAMESPACE_NOT_FOUND } from './error-codes.js';
import { MongoCollection } from './mongo-collection.js';
import { MongoRegister, type RegisterEntry } from './mongo-register.js';
import { pathOf, typed } from './walk.js';

export interface MongoOptions {
  readonly database: string;
  /** How long an operation waits for a server to be there. */
  readonly timeout_ms?: number;
}

interface CatalogEntry {
  readonly _id: string;
  readonly indexes: CollectionSpec['indexes'];
}

/** No collection of ours can have these names: see {@link checkedSpec}. */
const CATALOG = '_catalog';
const REGISTER = '_register';

/**
 * Read models in a MongoDB database. Several processes may use it at once: which collections there are stands in the
 * database, and whatever must not be done twice goes through the register.
 *
 * Reads and writes ask for the majority, so that what was read or acknowledged cannot be rolled back by a fail-over:
 * a checkpoint is then never there without the documents that were written before it.
 */
export class MongoReadStore implements ReadStore {
  readonly register: Register;
  readonly #catalog: Stored<CatalogEntry>;
  readonly #open = new Map<string, MongoCollection<Document>>();

  private constructor(
    private readonly client: MongoClient,
    private readonly database: Db,
  ) {
    this.#catalog = database.collection(CATALOG);
    this.register = new MongoRegister(database.collection<RegisterEntry>(REGISTER));
  }

  /** Connects; rejects where no server answers. */
  static async connect(url: string, { database, timeout_ms = 5000 }: MongoOptions): Promise<MongoReadStore> {
    const client = new MongoClient(url, {
      appName: 'pulsestream',
      readPreference: 'primary',
      readConcern: { level: 'majority' },
      writeConcern: { w: 'majority' },
      serverSelectionTimeoutMS: timeout_ms,
      ignoreUndefined: true,
    });
    try {
      await client.connect();
      const db = client.db(database);
      await db.command({ ping: 1 });
      return new MongoReadStore(client, db);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  async collection<D extends Document>(spec: CollectionSpec): Promise<Collection<D>> {
    const { name, indexes } = checkedSpec(spec);
    await this.#register(spec);
    const made = await this.#indexNames(name);
    const missing = [KEY_INDEX, ...indexes.map(indexDescription)].filter((index) => !made.has(index.name));
    if (missing.length > 0) await this.database.collection(name).createIndexes(missing);
    return this.#opened(spec) as Collection<Document> as Collection<D>;
  }

  forTenant(tenant: TenantId): TenantReader {
    return {
      get: async <D extends Document>(collection: string, id: string) =>
        (await (await this.#stored(collection))?.get(tenant, id)) as D | undefined,
      find: async <D extends Document>(collection: string, query: Query) => {
        const stored = await this.#stored(collection);
        const index = indexOf(stored?.spec, collection, query);
        return ((await stored?.find(index, tenant, query)) ?? []) as readonly D[];
      },
    };
  }

  async collections(): Promise<readonly string[]> {
    const entries = await this.#catalog
      .find({}, { projection: { _id: 1 } })
      .sort({ _id: 1 })
      .toArray();
    return entries.map(({ _id }) => _id);
  }

  /** Its documents go first: a failure in between leaves an empty collection that can be dropped again. */
  async drop(collection: string): Promise<void> {
    this.#open.delete(collection);
    if (!(await this.#catalog.findOne({ _id: { $eq: typed(collection) } }))) return;
    await this.database.dropCollection(collection);
    await this.#catalog.deleteOne({ _id: { $eq: collection } });
  }

  async health(): Promise<{ readonly status: 'ok' | 'unreachable'; readonly detail?: string }> {
    try {
      await this.database.command({ ping: 1 });
      return { status: 'ok' };
    } catch (error) {
      return { status: 'unreachable', detail: error instanceof Error ? error.message : String(error) };
    }
  }

  close(): Promise<void> {
    return this.client.close();
  }

  /** Puts the collection in the catalog, or checks that it stands there with the same indexes. */
  async #register({ name, indexes }: CollectionSpec): Promise<void> {
    try {
      await this.#catalog.insertOne({ _id: name, indexes });
    } catch (error) {
      if (codeOf(error) !== DUPLICATE_KEY) throw error;
      const known = await this.#catalog.findOne({ _id: { $eq: name } });
      if (known) checkSameIndexes({ name, indexes: known.indexes }, { name, indexes });
    }
  }

  async #indexNames(collection: string): Promise<ReadonlySet<string>> {
    try {
      const indexes = await this.database.collection(collection).listIndexes().toArray();
      return new Set(indexes.map(({ name }) => String(name)));
    } catch (error) {
      if (codeOf(error) === NAMESPACE_NOT_FOUND) return new Set();
      throw error;
    }
  }

  /** A collection that the catalog knows. Another process may have made it, or dropped it. */
  async #stored(name: string): Promise<MongoCollection<Document> | undefined> {
    const open = this.#open.get(name);
    if (open) return open;
    const entry = await this.#catalog.findOne({ _id: { $eq: typed(name) } });
    return entry ? this.#opened({ name, indexes: entry.indexes }) : undefined;
  }

  #opened(spec: CollectionSpec): MongoCollection<Document> {
    const made = new MongoCollection<Document>(spec, this.database.collection(spec.name));
    this.#open.set(spec.name, made);
    return made;
  }
}

/** Orders scans. */
const KEY_INDEX: IndexDescription & { readonly name: string } = { name: 'key', key: { tenant: 1, id: 1 } };

const indexDescription = (index: IndexSpec): IndexDescription & { readonly name: string } => {
  const paths = ['tenant', ...index.fields.map((field) => pathOf(index, field)), 'id'];
  return { name: index.name, key: Object.fromEntries(paths.map((path) => [path, 1])) };
};
