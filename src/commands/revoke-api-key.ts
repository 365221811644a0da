import { Type } from 'typebox';
import { apiKeyStream } from '../domain/streams.js';
import { revokeApiKey as revoke } from '../domain/tenancy/api-key.js';
import { defineCommand, done } from './command.js';
import { PublicId, readId } from './public-id.js';
import { apiKeySubject } from './subjects.js';

/** Revokes an API key, at once and for good. */
export const revokeApiKey = defineCommand({
  name: 'revoke-api-key',
  input: Type.Object({ key_id: PublicId }, { additionalProperties: false }),
  needs: 'tenant:admin',
  writes: 'domain',
  run: async ({ key_id }, transaction) => {
    const id = readId('apiKey', key_id, 'api_key');
    if (!id.ok) return id;
    const revoked = await transaction.decide(apiKeyStream(id.value), apiKeySubject, revoke);
    if (!revoked.ok) return revoked;
    transaction.services.credentialChanged(id.value);
    return done({});
  },
});
