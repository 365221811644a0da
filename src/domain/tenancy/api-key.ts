import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { ApiKeyId, TenantId } from '../ids.js';
import type { Scope } from './access.js';

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export type ApiKeyEvent =
  | {
      readonly type: 'ApiKeyIssued';
      readonly data: {
        readonly key_id: ApiKeyId;
        readonly tenant_id: TenantId;
        readonly name: string;
        readonly scopes: readonly Scope[];
        /** SHA-256 of the key's secret part, in hexadecimal: 256 random bits need no slow hash. No projection copies it. */
        readonly hash: string;
      };
    }
  | { readonly type: 'ApiKeyRevoked'; readonly data: { readonly key_id: ApiKeyId } };

export const apiKeyEventTypes = ['ApiKeyIssued', 'ApiKeyRevoked'] as const;

type Issued = Extract<ApiKeyEvent, { type: 'ApiKeyIssued' }>['data'];

export type ApiKey = { readonly state: 'none' } | (Issued & { readonly state: 'active' | 'revoked' });

export const apiKeyDecider: Decider<ApiKey, ApiKeyEvent> = {
  initial: { state: 'none' },
  evolve: (key, event) => {
    switch (event.type) {
      case 'ApiKeyIssued':
        return { state: 'active', ...event.data };
      case 'ApiKeyRevoked':
        return key.state === 'none' ? key : { ...key, state: 'revoked' };
    }
  },
};

/** Issues a key. An id has one secret for ever: the same id again keeps the first. */
export const issueApiKey = (key: ApiKey, issued: Issued): Decision<ApiKeyEvent> =>
  accept(key.state === 'none' ? [{ type: 'ApiKeyIssued', data: issued }] : []);

/** Revokes a key at once and for good; twice is the same as once. */
export const revokeApiKey = (key: ApiKey): Decision<ApiKeyEvent> => {
  switch (key.state) {
    case 'none':
      return refuse('api_key_not_found', 'There is no such API key.');
    case 'revoked':
      return accept([]);
    case 'active':
      return accept([{ type: 'ApiKeyRevoked', data: { key_id: key.key_id } }]);
  }
};
