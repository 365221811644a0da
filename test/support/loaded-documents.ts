import type { CollectionSpec, Document } from '../../src/readstore/read-store.js';

/** What `read-models-under-load.ts` writes. */
export interface LoadedDocument extends Document {
  readonly round: number;
  readonly padding: string;
}

export const LOADED_DOCUMENTS = 40;

export const LOADED: CollectionSpec = {
  name: 'loaded-1-1',
  indexes: [{ name: 'by_round', fields: ['round'] }],
};
