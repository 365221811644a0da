import { Type } from 'typebox';
import { issueApiKey } from '../../../commands/issue-api-key.js';
import { logIn } from '../../../commands/log-in.js';
import { logOut } from '../../../commands/log-out.js';
import { refreshSession } from '../../../commands/refresh-session.js';
import { registerTenant } from '../../../commands/register-tenant.js';
import { registerUser } from '../../../commands/register-user.js';
import { revokeApiKey } from '../../../commands/revoke-api-key.js';
import { apiKeys } from '../../../projections/api-keys/projection.js';
import { tenants } from '../../../projections/tenants/projection.js';
import { users } from '../../../projections/users/projection.js';
import { answer, refuse } from '../answers.js';
import { problem } from '../problem.js';
import { defineRoute, type Route } from '../route.js';
import { closed, open, Position } from '../schemas.js';
import { Done, IssuedApiKey, Tenant, Tokens, User } from './shapes.js';

const position = { 'X-PulseStream-Position': 'The log position that this reached.' };

export const register = defineRoute({
  method: 'POST',
  path: '/api/v1/auth/register/tenant',
  summary: 'Registers a tenant with its owner and a first API key.',
  tags: ['auth'],
  auth: 'public',
  limit: 'sign_in',
  idempotent: true,
  body: { schema: registerTenant.input },
  responses: {
    201: {
      description: 'Registered; the key is shown this once.',
      schema: open({ tenant: Tenant, user: User, api_key: IssuedApiKey, position: Position }, 'Registration'),
      headers: position,
    },
  },
  async handle(request, api) {
    if (!api.config.registration)
      return refuse(
        problem(403, 'registration_closed', 'Tenants are not registered here by anyone.'),
        request,
      );
    const result = await api.pipeline.execute(registerTenant, request.body, request.context);
    return answer(result, request, api, {
      status: 201,
      awaits: [tenants, users, apiKeys],
      body: (registration) => registration,
    });
  },
});
