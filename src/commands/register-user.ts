import { Type } from 'typebox';
import { mayGrant, roles } from '../domain/tenancy/access.js';
import { addPerson, Email, FullName, hashPassword, Password } from './access/people.js';
import { ownTenant } from './access/own-tenant.js';
import { defineCommand, done, refused } from './command.js';

/** Adds a person to the tenant of whoever asks, with no more rights than theirs. */
export const registerUser = defineCommand({
  name: 'register-user',
  input: Type.Object(
    { email: Email, password: Password, full_name: Type.Optional(FullName), role: Type.Enum([...roles]) },
    { additionalProperties: false },
  ),
  needs: 'tenant:admin',
  writes: 'domain',
  run: async ({ email, password, full_name, role }, transaction, { principal }) => {
    const tenant = ownTenant(principal);
    if (!tenant.ok) return tenant;
    // A key with the scope `admin` stands for an admin, not for the owner.
    if (!mayGrant(principal.role ?? 'admin', role))
      return refused('forbidden', 'role_not_grantable', 'Nobody can give a higher role than their own.');

    const user_id = transaction.newId('user');
    const password_hash = await hashPassword(transaction, password);
    if (!password_hash.ok) return password_hash;
    const person = { tenant_id: tenant.value, user_id, email, full_name, role };
    const user = await addPerson(transaction, person, password_hash.value);
    if (!user.ok) return user;
    return done({
      user: {
        id: user_id,
        email,
        ...(full_name !== undefined && { full_name }),
        role,
        created_at: user.value.created_at,
      },
    });
  },
});
