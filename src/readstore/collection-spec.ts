import type { Change, CollectionSpec, Document, IndexSpec, Query } from './read-store.js';

/** Gives back the collection's specification, or throws: what is wrong with it is a mistake in the program. */
export const checkedSpec = (spec: CollectionSpec): CollectionSpec => {
  if (!/^[a-z0-9-]+$/.test(spec.name)) throw new Error(`"${spec.name}" is no name for a collection.`);
  for (const { name, fields } of spec.indexes)
    if (fields.length === 0 || ![name, ...fields].every((text) => /^[a-z][a-z0-9_-]*$/i.test(text)))
      throw new Error(
        `The index "${name}" of ${spec.name} has no fields, or names that not every store takes.`,
      );
  return spec;
};

/** A collection is made once: other indexes belong under another name, as a changed fold does. */
export const checkSameIndexes = (stored: CollectionSpec, wanted: CollectionSpec): void => {
  if (describe(stored.indexes) === describe(wanted.indexes)) return;
  throw new Error(`${wanted.name} was made with other indexes; give the changed collection another name.`);
};

const describe = (indexes: readonly IndexSpec[]): string =>
  JSON.stringify(indexes.map(({ name, fields }) => [name, fields]));

/** The index that a query walks. */
export const indexOf = (spec: CollectionSpec | undefined, collection: string, query: Query): IndexSpec => {
  const index = spec?.indexes.find(({ name }) => name === query.index);
  if (!index) throw new Error(`${collection} has no index "${query.index}".`);
  const { equals = [], range, after } = query;
  if (equals.length + (range ? 1 : 0) > index.fields.length)
    throw new Error(`The query of ${collection} has more values than the index "${index.name}" has fields.`);
  if (after && after.values.length !== index.fields.length)
    throw new Error(
      `The query of ${collection} goes on after a place of another index than "${index.name}".`,
    );
  return index;
};

/** The last change of each document, by a text that stands for its key; the earlier ones would not be seen. */
export const lastChanges = <D extends Document>(
  changes: readonly Change<D>[],
  textOf: (change: Change<D>) => string,
): ReadonlyMap<string, Change<D>> => {
  const last = new Map<string, Change<D>>();
  for (const change of changes) {
    if (change.document && change.document.id !== change.id)
      throw new Error(`The document ${change.document.id} was to be written as ${change.id}.`);
    last.set(textOf(change), change);
  }
  return last;
};
