import { Type } from 'typebox';
import { issueApiKey } from '../../../commands/issue-api-key.js';
import { logIn } from '../../../commands/log-in.js';
import { logOut } from '../../../commands/log-out.js';
import { refreshSession } from '../../../commands/refresh-session.js';
import { registerTenant } from '../../../commands/register-tenant.js';
import { registerUser } from '../../../commands/register-user.js';
import { revokeApiKey } from '../../../commands/revoke-api-key.js';
import { apiKeys } from '../../../projections/api-keys/projection.js';
import { listApiKeys } from '../../../projections/api-keys/query.js';
import { tenants } from '../../../projections/tenants/projection.js';
import { getTenant } from '../../../projections/tenants/query.js';
import { users } from '../../../projections/users/projection.js';
import { getUser, listUsers } from '../../../projections/users/query.js';
import { answer, found, listing, notFound, refuse, tenantOf } from '../answers.js';
import { problem } from '../problem.js';
import { defineRoute, type Route } from '../route.js';
import { closed, open, page, Position } from '../schemas.js';
import { ApiKeys, Done, IssuedApiKey, Tenant, Tokens, User, Users } from './shapes.js';

const nextPage = { Link: 'The next page (rel="next").' };
const headers = { 'X-PulseStream-Position': 'The log position that this reached.' };

const register = defineRoute({
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
      headers,
    },
  },
  async handle(request, api) {
    if (!api.config.registration)
      return refuse(
        problem(403, 'registration_closed', 'Tenants cannot be registered by anyone here.'),
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

const login = defineRoute({
  method: 'POST',
  path: '/api/v1/auth/login',
  summary: 'Signs a person in.',
  tags: ['auth'],
  auth: 'public',
  limit: 'sign_in',
  body: { schema: logIn.input },
  problems: [401],
  responses: { 200: { description: 'Signed in.', schema: Tokens } },
  async handle(request, api) {
    const result = await api.pipeline.execute(logIn, request.body, request.context);
    return answer(result, request, api, { status: 200, body: (tokens) => tokens });
  },
});

const refresh = defineRoute({
  method: 'POST',
  path: '/api/v1/auth/refresh',
  summary: 'Exchanges a refresh token for new tokens; each one is good once.',
  tags: ['auth'],
  auth: 'public',
  limit: 'sign_in',
  body: { schema: refreshSession.input },
  problems: [401],
  responses: { 200: { description: 'The next tokens.', schema: Tokens } },
  async handle(request, api) {
    const result = await api.pipeline.execute(refreshSession, request.body, request.context);
    return answer(result, request, api, { status: 200, body: (tokens) => tokens });
  },
});

const logout = defineRoute({
  method: 'POST',
  path: '/api/v1/auth/logout',
  summary: 'Ends the session of a refresh token.',
  tags: ['auth'],
  auth: 'public',
  limit: 'sign_in',
  body: { schema: logOut.input },
  problems: [401],
  responses: { 200: { description: 'The session has ended.', schema: Done, headers } },
  async handle(request, api) {
    const result = await api.pipeline.execute(logOut, request.body, request.context);
    return answer(result, request, api, { status: 200, body: () => ({}) });
  },
});

const addUser = defineRoute({
  method: 'POST',
  path: '/api/v1/auth/register/user',
  summary: 'Adds a person to the tenant.',
  tags: ['auth'],
  auth: 'tenant:admin',
  idempotent: true,
  body: { schema: registerUser.input },
  responses: {
    201: { description: 'Added.', schema: open({ user: User, position: Position }), headers },
  },
  async handle(request, api) {
    const result = await api.pipeline.execute(registerUser, request.body, request.context);
    return answer(result, request, api, { status: 201, awaits: [users], body: (user) => user });
  },
});

const profile = defineRoute({
  method: 'GET',
  path: '/api/v1/auth/profile',
  summary: 'The person who is signed in.',
  tags: ['auth'],
  auth: 'person',
  reads: [users],
  responses: { 200: { description: 'The profile.', schema: User } },
  problems: [404],
  async handle(request, { models }) {
    const user = await getUser(models, tenantOf(request), request.principal.actor.id);
    return user ? found(user) : notFound(request, 'user');
  },
});

const userList = defineRoute({
  method: 'GET',
  path: '/api/v1/auth/users',
  summary: 'The people of the tenant.',
  tags: ['auth'],
  auth: 'tenant:admin',
  reads: [users],
  query: closed({ ...page }),
  responses: { 200: { description: 'A page of them.', schema: Users, headers: nextPage } },
  handle: (request, { models }) => listing(request, (paging) => listUsers(models, tenantOf(request), paging)),
});

const tenantProfile = defineRoute({
  method: 'GET',
  path: '/api/v1/auth/tenant/profile',
  summary: 'The tenant.',
  tags: ['auth'],
  auth: 'signed_in',
  reads: [tenants],
  responses: { 200: { description: 'The profile.', schema: Tenant } },
  problems: [404],
  async handle(request, { models }) {
    const tenant = await getTenant(models, tenantOf(request));
    return tenant ? found(tenant) : notFound(request, 'tenant');
  },
});

const keyList = defineRoute({
  method: 'GET',
  path: '/api/v1/auth/api-keys',
  summary: 'The tenant’s API keys, revoked ones too; never the keys themselves.',
  tags: ['auth'],
  auth: 'tenant:admin',
  reads: [apiKeys],
  query: closed({ ...page }),
  responses: { 200: { description: 'A page of them.', schema: ApiKeys, headers: nextPage } },
  handle: (request, { models }) =>
    listing(request, (paging) => listApiKeys(models, tenantOf(request), paging)),
});

const keyIssue = defineRoute({
  method: 'POST',
  path: '/api/v1/auth/api-keys',
  summary: 'Issues an API key; it is shown this once.',
  tags: ['auth'],
  auth: 'tenant:admin',
  idempotent: true,
  body: { schema: issueApiKey.input },
  responses: {
    201: { description: 'Issued.', schema: open({ api_key: IssuedApiKey, position: Position }), headers },
  },
  async handle(request, api) {
    const result = await api.pipeline.execute(issueApiKey, request.body, request.context);
    return answer(result, request, api, { status: 201, awaits: [apiKeys], body: (issued) => issued });
  },
});

const keyRevoke = defineRoute({
  method: 'DELETE',
  path: '/api/v1/auth/api-keys/{key_id}',
  summary: 'Revokes an API key, at once and for good.',
  tags: ['auth'],
  auth: 'tenant:admin',
  params: closed({ key_id: Type.String({ maxLength: 64 }) }),
  responses: { 200: { description: 'Revoked, now or before.', schema: Done, headers } },
  problems: [503, 507],
  async handle(request, api) {
    const { key_id } = request.params;
    const result = await api.pipeline.execute(revokeApiKey, { key_id }, request.context);
    return answer(result, request, api, { status: 200, awaits: [apiKeys], body: () => ({}) });
  },
});

export const auth: readonly Route[] = [
  register,
  login,
  refresh,
  logout,
  addUser,
  profile,
  userList,
  tenantProfile,
  keyList,
  keyIssue,
  keyRevoke,
];
