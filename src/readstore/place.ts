import type { Document, IndexSpec, IndexValue, Place } from './read-store.js';

const isIndexValue = (value: unknown): value is IndexValue =>
  typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);

/** A document's place in an index; undefined where it lacks one of the fields and so is not in it. */
export const placeOf = (document: Document, { fields }: IndexSpec): Place | undefined => {
  const held = document as Document & Readonly<Record<string, unknown>>;
  const values: IndexValue[] = [];
  for (const field of fields) {
    const value = Object.hasOwn(held, field) ? held[field] : undefined;
    if (!isIndexValue(value)) return undefined;
    values.push(value);
  }
  return { values, id: document.id };
};
