import { readEvent } from '../../domain/stored-event.js';
import type { Scope } from '../../domain/tenancy/access.js';
import { apiKeyEventTypes, type ApiKeyEvent } from '../../domain/tenancy/api-key.js';
import type { Document, IndexSpec } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';

/** An API key as people see it: nothing of its secret, not even hashed. */
export interface ApiKeyDocument extends Document {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly created_at: string;
  readonly revoked_at?: string;
}

interface ApiKeyPart {
  readonly event: ApiKeyEvent;
  readonly at: string;
}

export const byCreation: IndexSpec = { name: 'by_creation', fields: ['created_at'] };

export const apiKeys = defineProjection<ApiKeyDocument, ApiKeyPart>({
  name: 'api-keys',
  version: 1,
  reads: apiKeyEventTypes,
  history: 'stream',
  indexes: [byCreation],
  parts: (recorded) => {
    const event = readEvent<ApiKeyEvent>(apiKeyEventTypes, recorded);
    if (!event) return [];
    const tenant = event.type === 'ApiKeyIssued' ? event.data.tenant_id : recorded.metadata.tenant_id;
    if (tenant === undefined) return [];
    return [{ tenant, id: event.data.key_id, part: { event, at: recorded.metadata.recorded_at } }];
  },
  fold: (key, { event, at }, { id, position }) => {
    if (event.type === 'ApiKeyIssued') {
      const { name, scopes } = event.data;
      return { id, position, name, scopes, created_at: at };
    }
    if (!key) throw new Error('a key was revoked that had not been issued');
    return { ...key, position, revoked_at: key.revoked_at ?? at };
  },
});
