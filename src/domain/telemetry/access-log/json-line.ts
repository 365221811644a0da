import { malformed } from './entry.js';

/** A line's JSON object; its fields are believed one by one. */
export type JsonFields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is JsonFields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const objectOf = (
  line: string,
): { readonly ok: true; readonly fields: JsonFields } | ReturnType<typeof malformed> => {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return malformed('not valid JSON');
  }
  return isFields(value) ? { ok: true, fields: value } : malformed('not a JSON object');
};

/** An object's own field that is an object; else none. */
export const fieldsAt = (fields: JsonFields, name: string): JsonFields => {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return isFields(value) ? value : {};
};

/** The first of some fields that says something: a text that is neither empty nor `-`, or a number. */
export const scalarOf = (fields: JsonFields, names: readonly string[]): string | number | undefined => {
  for (const name of names) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    if (typeof value === 'string' && value !== '' && value !== '-') return value;
  }
  return undefined;
};

export const textOf = (fields: JsonFields, ...names: readonly string[]): string | undefined => {
  const value = scalarOf(fields, names);
  return value === undefined ? undefined : String(value);
};

/** The same as a number, which some servers write as text. */
export const numberOf = (fields: JsonFields, ...names: readonly string[]): number | undefined => {
  const value = scalarOf(fields, names);
  if (typeof value !== 'string') return value;
  return /^-?\d{1,18}(?:\.\d{1,18})?$/.test(value) ? Number(value) : undefined;
};
