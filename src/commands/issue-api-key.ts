import { Type } from 'typebox';
import { apiKeyStream } from '../domain/streams.js';
import { scopes } from '../domain/tenancy/access.js';
import { issueApiKey as issue } from '../domain/tenancy/api-key.js';
import { newApiKey } from './access/api-keys.js';
import { ownTenant } from './access/own-tenant.js';
import { defineCommand, done } from './command.js';
import { apiKeySubject } from './subjects.js';

/** Issues an API key; its text is in this answer and nowhere else. */
export const issueApiKey = defineCommand({
  name: 'issue-api-key',
  input: Type.Object(
    {
      name: Type.String({ minLength: 1, maxLength: 200 }),
      scopes: Type.Array(Type.Enum([...scopes]), { minItems: 1, maxItems: scopes.length, uniqueItems: true }),
    },
    { additionalProperties: false },
  ),
  needs: 'tenant:admin',
  writes: 'domain',
  run: async ({ name, scopes: granted }, transaction, { principal }) => {
    const tenant = ownTenant(principal);
    if (!tenant.ok) return tenant;
    const key_id = transaction.newId('apiKey');
    const { key, hash } = newApiKey(key_id, transaction.newSecret());
    const issued = await transaction.decide(apiKeyStream(key_id), apiKeySubject, (state) =>
      issue(state, { key_id, tenant_id: tenant.value, name, scopes: granted, hash }),
    );
    if (!issued.ok) return issued;
    return done({ api_key: { id: key_id, key, name, scopes: granted, created_at: issued.value.created_at } });
  },
});
