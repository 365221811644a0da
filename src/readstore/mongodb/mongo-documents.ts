import { Binary } from 'mongodb';
import type { TenantId } from '../../domain/ids.js';
import { fromBody, toBody } from '../body.js';
import { placeOf } from '../place.js';
import type { CollectionSpec, Document, IndexValue } from '../read-store.js';

/** A document as MongoDB holds it; docs/decisions/mongodb-documents.md says why. */
export interface StoredDocument {
  readonly _id: string;
  readonly tenant: string;
  readonly id: string;
  readonly position: string;
  /** For each index that the document is in, its values by field. */
  readonly index: Readonly<Record<string, Readonly<Record<string, IndexValue>>>>;
  readonly body: string;
  readonly bytes?: readonly Binary[];
}

/** What a read asks for. */
export const BODY = { _id: 0, tenant: 1, id: 1, body: 1, bytes: 1 } as const;
export type StoredBody = Pick<StoredDocument, 'tenant' | 'id' | 'body' | 'bytes'>;

/** MongoDB refuses documents of more than 16 MiB; names, indexes and keys need a little of it. */
const MAX_BODY_BYTES = 16 * 1024 * 1024 - 64 * 1024;

/** A document that the store cannot take, whatever is tried. */
export class DocumentTooLarge extends Error {
  override readonly name = 'DocumentTooLarge';

  constructor(collection: string, id: string, bytes: number) {
    super(`The document ${id} of ${collection} has ${bytes} bytes; MongoDB takes ${MAX_BODY_BYTES}.`);
  }
}

/**
 * The tenant's length stands in front, so that no two pairs of tenant and id make the same text. Always a text, so it
 * goes into filters bare, which is the form that every server looks up by index.
 */
export const documentId = (tenant: TenantId, id: string): string => `${tenant.length}|${tenant}|${id}`;

export const encodeDocument = (
  spec: CollectionSpec,
  tenant: TenantId,
  document: Document,
): StoredDocument => {
  const { text, bytes } = toBody(document);
  const size = bytes.reduce((sum, { length }) => sum + length, Buffer.byteLength(text));
  if (size > MAX_BODY_BYTES) throw new DocumentTooLarge(spec.name, document.id, size);
  const places = spec.indexes.flatMap((index) => {
    const values = placeOf(document, index)?.values;
    return values ? [[index.name, byField(index.fields, values)] as const] : [];
  });
  return {
    _id: documentId(tenant, document.id),
    tenant,
    id: document.id,
    position: document.position,
    index: Object.fromEntries(places),
    body: text,
    ...(bytes.length > 0 && { bytes: bytes.map((part) => new Binary(part)) }),
  };
};

export const decodeDocument = ({ body, bytes = [] }: Pick<StoredBody, 'body' | 'bytes'>): Document =>
  fromBody({ text: body, bytes: bytes.map((part) => Uint8Array.from(part.value())) });

const byField = (
  fields: readonly string[],
  values: readonly IndexValue[],
): Readonly<Record<string, IndexValue>> =>
  Object.fromEntries(
    fields.flatMap((field, at) => {
      const value = values[at];
      return value === undefined ? [] : [[field, value]];
    }),
  );
