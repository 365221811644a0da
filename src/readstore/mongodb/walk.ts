import type { Filter, Sort } from 'mongodb';
import type { TenantId } from '../../domain/ids.js';
import type { IndexSpec, IndexValue, Query } from '../read-store.js';
import type { StoredDocument } from './mongo-documents.js';

type Condition = Filter<StoredDocument>;

/** Where an index's field is kept in a stored document. */
export const pathOf = (index: IndexSpec, field: string): string => `index.${index.name}.${field}`;

/** What MongoDB is asked for a walk: one index answers it in its own order, from the first document on. */
export const walkOf = (
  index: IndexSpec,
  tenant: TenantId,
  query: Query,
): { readonly filter: Condition; readonly sort: Sort } => {
  const { equals = [], range, order = 'ascending', after } = query;
  const paths = index.fields.map((field) => pathOf(index, field));
  const conditions: Condition[] = [{ tenant: { $eq: typed(tenant) } }];
  const [first = ''] = paths;
  for (const [at, value] of equals.entries()) conditions.push(compared(paths[at] ?? '', '$eq', value));
  const ranged = paths[equals.length] ?? '';
  if (range?.from !== undefined) conditions.push(compared(ranged, '$gte', range.from));
  if (range?.to !== undefined) conditions.push(compared(ranged, '$lte', range.to));
  if (conditions.length === 1) conditions.push({ [first]: { $exists: true } });
  if (after)
    conditions.push(
      behind([...paths, 'id'], [...after.values, after.id], order === 'ascending' ? '$gt' : '$lt', equals),
    );
  const direction = order === 'ascending' ? 1 : -1;
  return {
    filter: { $and: conditions },
    sort: Object.fromEntries(['tenant', ...paths, 'id'].map((path) => [path, direction])),
  };
};

/** Behind a place: equal in the first n fields and beyond it in the next, for any n. Fields that are fixed need no rung. */
const behind = (
  paths: readonly string[],
  place: readonly IndexValue[],
  beyond: '$gt' | '$lt',
  fixed: readonly IndexValue[],
): Condition => {
  const free = place.findIndex((value, at) => at >= fixed.length || value !== fixed[at]);
  const rungs = paths.slice(free).map((path, step): Condition => {
    const at = free + step;
    const same = paths.slice(free, at).map((before, n) => compared(before, '$eq', place[free + n]));
    return { $and: [...same, compared(path, beyond, place[at])] };
  });
  return { $or: rungs };
};

const compared = (
  path: string,
  operator: '$eq' | '$gt' | '$gte' | '$lt' | '$lte',
  value: IndexValue | undefined,
): Condition => ({ [path]: { [operator]: typed(value) } });

/** Nothing but plain values gets into a filter: an object could be an operator. */
export const typed = <V extends IndexValue>(value: V | undefined): V => {
  if (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return value as V;
  throw new Error('A query’s values are texts, numbers and booleans.');
};
