import type { TenantId } from '../../src/domain/ids.js';
import type { Json } from '../../src/domain/json.js';
import type {
  Change,
  Collection,
  CollectionSpec,
  Document,
  DocumentKey,
  IndexValue,
  Query,
  ReadStore,
  Register,
  TenantReader,
} from '../../src/readstore/read-store.js';

type Stored = Map<string, { readonly key: DocumentKey; readonly document: Document }>;

/** A read store in memory for tests of what uses one; what it holds outlives the handles on it, as a disk does. */
export class MemoryReadStore implements ReadStore {
  readonly #collections = new Map<string, Stored>();
  readonly #specs = new Map<string, CollectionSpec>();
  readonly #register = new Map<string, { readonly value: Json; readonly version: number }>();

  /** Asked before each operation that changes something: a test can refuse it. */
  constructor(private readonly before: (operation: string) => void = () => undefined) {}

  /** The same contents under other rules. */
  withRules(before: (operation: string) => void): MemoryReadStore {
    const store = new MemoryReadStore(before);
    for (const [name, collection] of this.#collections) store.#collections.set(name, collection);
    for (const [name, spec] of this.#specs) store.#specs.set(name, spec);
    for (const [key, entry] of this.#register) store.#register.set(key, entry);
    return store;
  }

  collection<D extends Document>(spec: CollectionSpec): Promise<Collection<D>> {
    this.#specs.set(spec.name, spec);
    const stored = this.#collections.get(spec.name) ?? (new Map() as Stored);
    this.#collections.set(spec.name, stored);
    return Promise.resolve({
      load: (keys) =>
        Promise.resolve(
          keys.flatMap((key) => {
            const found = stored.get(text(key));
            return found ? [{ key, document: structuredClone(found.document) as D }] : [];
          }),
        ),
      write: (changes) => this.#write(spec.name, stored, changes),
      scan: (tenant) => scan<D>(stored, tenant),
    });
  }

  forTenant(tenant: TenantId): TenantReader {
    return {
      get: <D extends Document>(collection: string, id: string) =>
        Promise.resolve(
          structuredClone(this.#collections.get(collection)?.get(text({ tenant, id }))?.document) as
            D | undefined,
        ),
      find: <D extends Document>(collection: string, query: Query) =>
        Promise.resolve(this.#find(tenant, collection, query) as readonly D[]),
    };
  }

  readonly register: Register = {
    get: (key) => Promise.resolve(this.#register.get(key)),
    set: async (key, value, expected_version) => {
      await this.#allowed(`set ${key}`);
      if ((this.#register.get(key)?.version ?? 0) !== expected_version) return false;
      this.#register.set(key, { value: structuredClone(value), version: expected_version + 1 });
      return true;
    },
    delete: async (key) => {
      await this.#allowed(`delete ${key}`);
      this.#register.delete(key);
    },
    list: (prefix) =>
      Promise.resolve(
        [...this.#register]
          .filter(([key]) => key.startsWith(prefix))
          .map(([key, entry]) => ({ key, ...entry })),
      ),
  };

  collections(): Promise<readonly string[]> {
    return Promise.resolve([...this.#collections.keys()]);
  }

  async drop(collection: string): Promise<void> {
    await this.#allowed(`drop ${collection}`);
    this.#collections.delete(collection);
  }

  health(): Promise<{ readonly status: 'ok' }> {
    return Promise.resolve({ status: 'ok' });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** A failing write may have written some of its documents, each whole. */
  async #write<D extends Document>(
    name: string,
    stored: Stored,
    changes: readonly Change<D>[],
  ): Promise<void> {
    for (const { tenant, id, document } of changes) {
      await this.#allowed(`write ${name}`);
      const key = { tenant, id };
      if (document) stored.set(text(key), { key, document: structuredClone(document) });
      else stored.delete(text(key));
    }
  }

  #allowed(operation: string): Promise<void> {
    return new Promise((resolve) => {
      this.before(operation);
      resolve();
    });
  }

  #find(tenant: TenantId, collection: string, query: Query): readonly Document[] {
    const fields = this.#specs.get(collection)?.indexes.find(({ name }) => name === query.index)?.fields;
    if (!fields) throw new Error(`${collection} has no index ${query.index}.`);
    const { equals = [], range, after, order = 'ascending', limit } = query;
    const sign = order === 'ascending' ? 1 : -1;
    const rows = [...(this.#collections.get(collection)?.values() ?? [])]
      .filter(({ key }) => key.tenant === tenant)
      .map(({ document }) => ({
        document,
        values: fields.map((field) => (document as unknown as Record<string, IndexValue>)[field]),
      }))
      .filter((row): row is typeof row & { values: IndexValue[] } => !row.values.includes(undefined))
      .filter(({ values }) => equals.every((value, index) => values[index] === value))
      .filter(({ values }) => {
        const value = values[equals.length];
        if (range?.from !== undefined && compare(value, range.from) < 0) return false;
        return range?.to === undefined || compare(value, range.to) <= 0;
      })
      .map(({ document, values }) => ({ document, place: [...values, document.id] }))
      .sort((one, other) => sign * comparePlaces(one.place, other.place))
      .filter(({ place }) => !after || sign * comparePlaces(place, [...after.values, after.id]) > 0);
    return rows.slice(0, limit).map(({ document }) => structuredClone(document));
  }
}

const text = ({ tenant, id }: DocumentKey): string => `${tenant}\n${id}`;

const compare = (one: IndexValue | undefined, other: IndexValue | undefined): number =>
  one === other ? 0 : (one ?? '') < (other ?? '') ? -1 : 1;

const comparePlaces = (one: readonly IndexValue[], other: readonly IndexValue[]): number =>
  one.map((value, index) => compare(value, other[index])).find((order) => order !== 0) ?? 0;

// eslint-disable-next-line @typescript-eslint/require-await -- the port's shape
async function* scan<D extends Document>(
  stored: Stored,
  tenant: TenantId | undefined,
): ReturnType<Collection<D>['scan']> {
  const all = [...stored.values()]
    .filter(({ key }) => tenant === undefined || key.tenant === tenant)
    .sort((one, other) => Buffer.compare(Buffer.from(text(one.key)), Buffer.from(text(other.key))));
  for (const { key, document } of all) yield { key, document: structuredClone(document) as D };
}
