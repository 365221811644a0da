import { Type } from 'typebox';
import { apiKeyStream, tenantStream } from '../domain/streams.js';
import { scopes } from '../domain/tenancy/access.js';
import { issueApiKey } from '../domain/tenancy/api-key.js';
import { registerTenant as register } from '../domain/tenancy/tenant.js';
import { newApiKey } from './access/api-keys.js';
import { addPerson, Email, FullName, hashPassword, Password } from './access/people.js';
import { defineCommand, done } from './command.js';
import { apiKeySubject, tenantSubject } from './subjects.js';

/**
 * Registers a tenant with its owner and a first API key. Several streams, the tenant's own last: from then on it
 * counts. A registration that ends before leaves an address behind that is free again after a while.
 */
export const registerTenant = defineCommand({
  name: 'register-tenant',
  input: Type.Object(
    {
      tenant_name: Type.String({ minLength: 1, maxLength: 200 }),
      email: Email,
      password: Password,
      full_name: Type.Optional(FullName),
    },
    { additionalProperties: false },
  ),
  needs: 'register',
  writes: 'domain',
  run: async ({ tenant_name, email, password, full_name }, transaction) => {
    const tenant_id = transaction.newId('tenant');
    const user_id = transaction.newId('user');
    const key_id = transaction.newId('apiKey');
    const { key, hash } = newApiKey(key_id, transaction.newSecret());

    const password_hash = await hashPassword(transaction, password);
    if (!password_hash.ok) return password_hash;

    transaction.actFor(tenant_id);
    transaction.registers(user_id);
    const owner = { tenant_id, user_id, email, full_name, role: 'owner' } as const;
    const user = await addPerson(transaction, owner, password_hash.value);
    if (!user.ok) return user;
    const api_key = { name: 'first key', scopes: [...scopes] };
    const issued = await transaction.decide(apiKeyStream(key_id), apiKeySubject, (state) =>
      issueApiKey(state, { key_id, tenant_id, ...api_key, hash }),
    );
    if (!issued.ok) return issued;
    const tenant = await transaction.decide(tenantStream(tenant_id), tenantSubject, (state) =>
      register(state, { tenant_id, name: tenant_name, owner_id: user_id }),
    );
    if (!tenant.ok) return tenant;

    return done({
      tenant: { id: tenant_id, name: tenant_name, created_at: tenant.value.created_at },
      user: {
        id: user_id,
        email,
        ...(full_name !== undefined && { full_name }),
        role: owner.role,
        created_at: user.value.created_at,
      },
      api_key: { id: key_id, key, ...api_key, created_at: issued.value.created_at },
    });
  },
});
