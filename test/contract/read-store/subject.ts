import type { TenantId } from '../../../src/domain/ids.js';
import type { Position } from '../../../src/eventstore/event-store.js';
import type {
  Change,
  Collection,
  CollectionSpec,
  Document,
  IndexSpec,
  IndexValue,
  Query,
  ReadStore,
  Value,
} from '../../../src/readstore/read-store.js';

/** A store of its own for one test. */
export interface ReadStoreHarness {
  /** The store as it is now: another object after `reopen`. */
  readonly store: ReadStore;
  /** Ends the store in good order and opens what it stored again, as another start of the program does. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

export interface Thing extends Document {
  readonly group?: IndexValue;
  readonly rank?: IndexValue;
  readonly body?: Value;
}

export const BY_RANK: IndexSpec = { name: 'by_rank', fields: ['group', 'rank'] };
export const BY_GROUP: IndexSpec = { name: 'by_group', fields: ['group'] };
export const THINGS: CollectionSpec = { name: 'things-1-1', indexes: [BY_RANK, BY_GROUP] };

export const ada = 'ada' as TenantId;
export const bob = 'bob' as TenantId;
const POSITION = '0000000000000007' as Position;

export const thing = (id: string, fields: Omit<Thing, 'id' | 'position'> = {}): Thing => ({
  id,
  position: POSITION,
  ...fields,
});

export const put = <D extends Document>(tenant: TenantId, ...documents: readonly D[]): readonly Change<D>[] =>
  documents.map((document) => ({ tenant, id: document.id, document }));

/** The order of texts in every store. */
export const byBytes = (one: string, other: string): number =>
  Buffer.compare(Buffer.from(one), Buffer.from(other));

/** The store under test, new for each test, with a collection of things in it. */
export class Subject {
  #open: { readonly harness: ReadStoreHarness; things: Collection<Thing> } | undefined;

  async begin(harness: ReadStoreHarness): Promise<void> {
    this.#open = { harness, things: await harness.store.collection<Thing>(THINGS) };
  }

  async end(): Promise<void> {
    await this.#open?.harness.close();
    this.#open = undefined;
  }

  get harness(): ReadStoreHarness {
    return this.#open!.harness;
  }

  get things(): Collection<Thing> {
    return this.#open!.things;
  }

  /** Opens the collection again, after it was dropped or the store reopened. */
  async openThings(): Promise<void> {
    this.#open!.things = await this.harness.store.collection<Thing>(THINGS);
  }

  get(tenant: TenantId, id: string): Promise<Thing | undefined> {
    return this.harness.store.forTenant(tenant).get<Thing>(THINGS.name, id);
  }

  find(tenant: TenantId, query: Query): Promise<readonly Thing[]> {
    return this.harness.store.forTenant(tenant).find<Thing>(THINGS.name, query);
  }

  async ids(tenant: TenantId, query: Query): Promise<readonly string[]> {
    return (await this.find(tenant, query)).map(({ id }) => id);
  }

  async scanned(tenant?: TenantId): Promise<readonly { readonly tenant: string; readonly id: string }[]> {
    const keys = [];
    for await (const { key } of this.things.scan(tenant)) keys.push({ tenant: key.tenant, id: key.id });
    return keys;
  }
}
