import type { AnyProjection } from '../projections/projection.js';
import type { Document, Value } from '../readstore/read-store.js';

/** A value as the one text that stands for it: keys sorted, bytes as base64, fields without a value left out. */
export const canonical = (value: Value | undefined): string => {
  if (value instanceof Uint8Array) return `{"$bytes":"${Buffer.from(value).toString('base64')}"}`;
  if (isList(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value as Readonly<Record<string, Value | undefined>>)
      .filter(([, item]) => item !== undefined)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value ?? null);
};

/** What a document says. Of sums that are amended it is not known what came last, nor in which order the rest came. */
export const saidBy = (
  { amend, legible }: Pick<AnyProjection, 'amend' | 'legible'>,
  document: Document,
): Value => {
  const said = (amend && legible ? legible(document) : document) as unknown as Readonly<
    Record<string, Value>
  >;
  return amend ? Object.fromEntries(Object.entries(said).filter(([name]) => name !== 'position')) : said;
};

/** Where two values differ: the paths of their differing leaves as JSON pointers, the first ones only. */
export const differingPaths = (
  one: Value | undefined,
  other: Value | undefined,
  limit: number,
  path = '',
): readonly string[] => {
  if (canonical(one) === canonical(other)) return [];
  if (!isObject(one) || !isObject(other) || isList(one) !== isList(other)) return [path];
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  const found: string[] = [];
  for (const name of names) {
    if (found.length >= limit) break;
    const step = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    found.push(...differingPaths(one[name], other[name], limit - found.length, step));
  }
  return found;
};

const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value);

const isObject = (value: Value | undefined): value is { readonly [key: string]: Value | undefined } =>
  typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
