import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database, RootDatabase } from 'lmdb';
import type { TenantId } from '../../domain/ids.js';
import { checkedSpec, checkSameIndexes, indexOf } from '../collection-spec.js';
import type {
  Collection,
  CollectionSpec,
  Document,
  Query,
  ReadStore,
  Register,
  TenantReader,
} from '../read-store.js';
import { committed, openEnvironment } from '../../platform/lmdb.js';
import { EmbeddedCollection, settled } from './embedded-collection.js';
import { EmbeddedRegister } from './embedded-register.js';
import { documentKey } from './keys.js';
import { decodeDocument } from './stored-document.js';

const FILE = 'readmodels.lmdb';

/** Raised when documents or keys are stored in another way; the models are made again then. */
const FORMAT = 1;
const FORMAT_KEY = 'format';

/** Generations of all read models that may exist side by side. */
const MAX_COLLECTIONS = 1000;

/**
 * Read models in one LMDB environment, a database for each collection.
 *
 * LMDB's own order is what makes a crash harmless: a commit never changes pages that an earlier one refers to, and is
 * visible when `write` resolves but flushed behind it. A process that dies loses nothing that was committed; a machine
 * that dies falls back to the last commit that was flushed whole. Commits come back in their order, so a checkpoint,
 * set after its documents were written, is never there without them. (`noSync` and write maps would give this up.)
 */
export class EmbeddedReadStore implements ReadStore {
  readonly register: Register;
  readonly #open = new Map<string, EmbeddedCollection<Document>>();

  private constructor(
    private readonly root: RootDatabase<string, string>,
    private readonly catalog: Database<string, string>,
  ) {
    this.register = new EmbeddedRegister(
      root.openDB<string, Buffer>({ name: 'register', encoding: 'string', keyEncoding: 'binary' }),
    );
  }

  /** Makes an empty store in a directory; one that is there already stays as it is. */
  static async initialise(directory: string): Promise<void> {
    await mkdir(directory, { recursive: true });
    const root = environment(directory);
    const store = new EmbeddedReadStore(root, catalogOf(root));
    if (root.get(FORMAT_KEY) === undefined) await root.put(FORMAT_KEY, String(FORMAT));
    await store.close();
  }

  /** Opens a store that was initialised. */
  static async open(directory: string): Promise<EmbeddedReadStore> {
    if (!existsSync(join(directory, FILE))) throw new Error(`There are no read models in ${directory}.`);
    const root = environment(directory);
    const format = root.get(FORMAT_KEY);
    if (format === String(FORMAT)) return new EmbeddedReadStore(root, catalogOf(root));
    await root.close();
    throw new Error(
      `The read models in ${directory} are of another format (${format ?? 'none'}): remove the directory to have them made again.`,
    );
  }

  collection<D extends Document>(spec: CollectionSpec): Promise<Collection<D>> {
    return settled(() => {
      const { name } = checkedSpec(spec);
      const stored = this.#stored(name);
      if (stored) checkSameIndexes(stored.spec, spec);
      else this.catalog.putSync(name, JSON.stringify(spec));
      return (stored ?? this.#opened(spec)) as unknown as Collection<D>;
    });
  }

  forTenant(tenant: TenantId): TenantReader {
    return {
      get: <D extends Document>(collection: string, id: string) =>
        settled(() => {
          const stored = this.#stored(collection)?.database.get(documentKey(tenant, id));
          return stored && (decodeDocument(stored) as D);
        }),
      find: <D extends Document>(collection: string, query: Query) =>
        settled(() => {
          const stored = this.#stored(collection);
          const index = indexOf(stored?.spec, collection, query);
          const number = stored?.spec.indexes.indexOf(index) ?? 0;
          return (stored?.find(number, tenant, query) ?? []) as readonly D[];
        }),
    };
  }

  collections(): Promise<readonly string[]> {
    return settled(() => [...this.catalog.getKeys()]);
  }

  /** Its documents go first: a crash in between leaves an empty collection that can be dropped again. */
  async drop(collection: string): Promise<void> {
    const stored = this.#stored(collection);
    if (!stored) return;
    this.#open.delete(collection);
    await committed(stored.database.drop());
    await committed(this.catalog.childTransaction(() => this.catalog.removeSync(collection)));
  }

  health(): Promise<{ readonly status: 'ok' | 'unreachable'; readonly detail?: string }> {
    return settled(() => {
      try {
        this.root.get(FORMAT_KEY);
        return { status: 'ok' as const };
      } catch (error) {
        return { status: 'unreachable' as const, detail: String(error) };
      }
    });
  }

  /** Everything written is on disk when it resolves. */
  async close(): Promise<void> {
    await this.root.flushed;
    await this.root.close();
  }

  /** A collection that the catalog knows: opening a name that it does not know would make it. */
  #stored(name: string): EmbeddedCollection<Document> | undefined {
    const open = this.#open.get(name);
    if (open) return open;
    const spec = this.catalog.get(name);
    return spec === undefined ? undefined : this.#opened(JSON.parse(spec) as CollectionSpec);
  }

  #opened(spec: CollectionSpec): EmbeddedCollection<Document> {
    const database = this.root.openDB<Buffer, Buffer>({
      name: `collection ${spec.name}`,
      encoding: 'binary',
      keyEncoding: 'binary',
    });
    const made = new EmbeddedCollection<Document>(spec, database);
    this.#open.set(spec.name, made);
    return made;
  }
}

const environment = (directory: string): RootDatabase<string, string> =>
  openEnvironment<string>({ path: join(directory, FILE), encoding: 'string', maxDbs: MAX_COLLECTIONS });

const catalogOf = (root: RootDatabase<string, string>): Database<string, string> =>
  root.openDB<string, string>({ name: 'catalog', encoding: 'string' });
