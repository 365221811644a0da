import type { TObject } from 'typebox';

type Coerce = (text: string) => unknown;

const toNumber: Coerce = (text) =>
  text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
const toBoolean: Coerce = (text) =>
  text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text;

const coercions: ReadonlyMap<unknown, Coerce> = new Map([
  ['integer', toNumber],
  ['number', toNumber],
  ['boolean', toBoolean],
]);

/**
 * A query string as the object that its schema checks: numbers and booleans where the schema has them, text
 * otherwise. What does not convert stays text and a parameter given twice becomes an array, so that the check says so.
 */
export const readQuery = (search: string, schema: TObject): Record<string, unknown> => {
  const properties = new Map<string, object>(Object.entries(schema.properties));
  const values = new Map<string, unknown[]>();
  for (const [name, text] of new URLSearchParams(search)) {
    const property = properties.get(name);
    const coerce = coercions.get(property && 'type' in property ? property.type : undefined);
    const list = values.get(name) ?? [];
    list.push(coerce ? coerce(text) : text);
    values.set(name, list);
  }
  return Object.fromEntries([...values].map(([name, list]) => [name, list.length === 1 ? list[0] : list]));
};
