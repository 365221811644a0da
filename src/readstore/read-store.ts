import type { TenantId } from '../domain/ids.js';
import type { Json } from '../domain/json.js';
import type { Position } from '../eventstore/event-store.js';

/** What a document may hold: JSON, and bytes. */
export type Value = Json | Uint8Array | readonly Value[] | { readonly [key: string]: Value | undefined };

/** A read model's document. Its key is tenant and id; `position` is the log position that it reflects. */
export interface Document {
  readonly id: string;
  readonly position: Position;
}

/** Top-level fields, each a string, number or boolean; a document without one of them is not in the index. */
export interface IndexSpec {
  readonly name: string;
  readonly fields: readonly string[];
}

export interface CollectionSpec {
  /** `[a-z0-9-]+`, with the projection's version and generation in it. */
  readonly name: string;
  /** The tenant stands in front of every index by itself. */
  readonly indexes: readonly IndexSpec[];
}

export interface DocumentKey {
  readonly tenant: TenantId;
  readonly id: string;
}

export type IndexValue = string | number | boolean;

/**
 * A walk along one index: `equals` fixes the first fields, `range` bounds the next one (inclusive),
 * `after` goes on behind a document of an earlier answer (see {@link placeOf}). Ties are ordered by id, in the walk's order.
 */
export interface Query {
  readonly index: string;
  readonly equals?: readonly IndexValue[];
  readonly range?: { readonly from?: IndexValue; readonly to?: IndexValue };
  readonly order?: 'ascending' | 'descending';
  readonly after?: Place;
  readonly limit: number;
}

/** A document's place in an index: its values of all the index's fields, and its id. */
export interface Place {
  readonly values: readonly IndexValue[];
  readonly id: string;
}

/** A collection to write and to walk whole: for projectors and verifiers, over all tenants. */
export interface Collection<D extends Document> {
  /** The documents there are, in no particular order. */
  load(keys: readonly DocumentKey[]): Promise<readonly { readonly key: DocumentKey; readonly document: D }[]>;
  /** Writes all changes or says that it did not; each document whole. Doing it again changes nothing. */
  write(changes: readonly Change<D>[]): Promise<void>;
  /** Every document, or every one of a tenant's, in the order of tenant and id. */
  scan(tenant?: TenantId): AsyncIterable<{ readonly key: DocumentKey; readonly document: D }>;
}

/** A document to put, or without one to delete. */
export interface Change<D extends Document> {
  readonly tenant: TenantId;
  readonly id: string;
  readonly document?: D;
}

/** A handle that can see one tenant's documents and no other's. */
export interface TenantReader {
  get<D extends Document>(collection: string, id: string): Promise<D | undefined>;
  find<D extends Document>(collection: string, query: Query): Promise<readonly D[]>;
}

/** Small named values changed by compare-and-set: checkpoints, generation pointers, claims. */
export interface Register {
  get(key: string): Promise<{ readonly value: Json; readonly version: number } | undefined>;
  /** Sets the value where the version is still the expected one (`0`: where there is none); says whether it did. */
  set(key: string, value: Json, expected_version: number): Promise<boolean>;
  delete(key: string): Promise<void>;
  list(
    prefix: string,
  ): Promise<readonly { readonly key: string; readonly value: Json; readonly version: number }[]>;
}

/** Documents made from the log. Everything in here can be thrown away and made again. */
export interface ReadStore {
  /** Opens a collection, made with its indexes where it is missing. */
  collection<D extends Document>(spec: CollectionSpec): Promise<Collection<D>>;
  forTenant(tenant: TenantId): TenantReader;
  readonly register: Register;
  collections(): Promise<readonly string[]>;
  drop(collection: string): Promise<void>;
  health(): Promise<{ readonly status: 'ok' | 'unreachable'; readonly detail?: string }>;
  close(): Promise<void>;
}
