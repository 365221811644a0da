import type { TenantId } from '../domain/ids.js';
import type { Json } from '../domain/json.js';
import type { Position } from '../eventstore/event-store.js';
import { placeOf } from '../readstore/place.js';
import type { Document, IndexSpec, IndexValue, Place, Query } from '../readstore/read-store.js';
import type { Projection } from './projection.js';
import type { ReadModels } from './read-models.js';

/** Which page of a list: `after` is the `next` of the page before it. */
export interface Paging {
  readonly limit: number;
  readonly after?: Json;
}

export interface Page<T> {
  readonly data: readonly T[];
  /** Where the next page goes on; absent on the last one. */
  readonly next?: Json;
  /** The log position that the page reflects at least. */
  readonly position: Position;
}

/** A walk along an index, and which of the documents on the way are wanted. */
export interface Walk<D> extends Pick<Query, 'equals' | 'range' | 'order'> {
  readonly index: IndexSpec;
  readonly keep?: (document: D) => boolean;
}

/** How many documents are looked at for one page; it is then short, and the next one goes on. */
const LOOKED_AT = 10_000;
const AT_ONCE = 1_000;

/**
 * One page of a read model. Pages go on from a place in the index, not from a count, so that documents that come or
 * go meanwhile neither repeat nor hide others. Undefined where `after` is no place in this walk.
 */
export const pageOf = async <D extends Document, P>(
  models: ReadModels,
  projection: Projection<D, P>,
  tenant: TenantId,
  { index, keep = () => true, ...along }: Walk<D>,
  { limit, after }: Paging,
): Promise<Page<D> | undefined> => {
  let place = after === undefined ? undefined : toPlace(after, index, along.equals ?? []);
  if (after !== undefined && !place) return undefined;
  const position = models.position(projection);
  const reader = models.read(projection, tenant);
  const data: D[] = [];
  for (let looked = 0; ;) {
    const wanted = Math.min(AT_ONCE, limit + 1);
    const documents = await reader.find({
      ...along,
      index: index.name,
      limit: wanted,
      ...(place && { after: place }),
    });
    for (const document of documents) {
      if (!keep(document)) continue;
      const last = data.at(-1);
      if (data.length === limit && last) return { data, next: fromPlace(placeOf(last, index)), position };
      data.push(document);
    }
    const last = documents.at(-1);
    if (!last || documents.length < wanted) return { data, position };
    place = placeOf(last, index);
    looked += documents.length;
    if (looked >= LOOKED_AT) return { data, next: fromPlace(place), position };
  }
};

const fromPlace = (place: Place | undefined): Json => (place ? [...place.values, place.id] : null);

/** A place as a stranger's cursor says it, held against the walk that it is to go on with. */
const toPlace = (json: Json, { fields }: IndexSpec, equals: readonly IndexValue[]): Place | undefined => {
  if (!Array.isArray(json) || json.length !== fields.length + 1) return undefined;
  const parts = json as readonly Json[];
  const values = parts.slice(0, -1).filter(isIndexValue);
  const id = parts.at(-1);
  if (values.length !== fields.length || typeof id !== 'string') return undefined;
  return equals.every((value, at) => values[at] === value) ? { values, id } : undefined;
};

const isIndexValue = (value: Json): value is IndexValue =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
