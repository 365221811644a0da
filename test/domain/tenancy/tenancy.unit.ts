import { describe, it } from '@jest/globals';
import type { ApiKeyId, TenantId, UserId } from '../../../src/domain/ids.js';
import { apiKeyDecider, issueApiKey, revokeApiKey } from '../../../src/domain/tenancy/api-key.js';
import { emailDecider, reserveEmail, type EmailEvent } from '../../../src/domain/tenancy/email.js';
import {
  endSession,
  refreshSession,
  sessionDecider,
  startSession,
  type SessionEvent,
} from '../../../src/domain/tenancy/session.js';
import { registerTenant, tenantDecider } from '../../../src/domain/tenancy/tenant.js';
import { registerUser, userDecider } from '../../../src/domain/tenancy/user.js';
import { given } from '../../support/given.js';

const tenant_id = 'ten_1' as TenantId;
const user_id = 'usr_1' as UserId;

describe('a tenant', () => {
  const registration = { tenant_id, name: 'Acme', owner_id: user_id };
  const registered = { type: 'TenantRegistered', data: registration } as const;
  const tenant = given(tenantDecider);

  it('is registered once', () =>
    tenant()
      .when((state) => registerTenant(state, registration))
      .then(registered));

  it('is not registered again by another', () =>
    tenant(registered)
      .when((state) => registerTenant(state, { ...registration, owner_id: 'usr_2' as UserId }))
      .thenRefused('tenant_exists'));
});

describe('a user', () => {
  const registration = { user_id, tenant_id, email: 'ada@example.org', role: 'owner' } as const;
  const registered = [
    { type: 'UserRegistered', data: registration },
    { type: 'PasswordSet', data: { hash: 'first' } },
  ] as const;
  const user = given(userDecider);

  it('is registered with a password', () =>
    user()
      .when((state) => registerUser(state, registration, 'first'))
      .then(...registered));

  it('keeps the first password where the registration is repeated', () =>
    user(...registered)
      .when((state) => registerUser(state, registration, 'second'))
      .thenNothing());

  it('is not registered again with another address', () =>
    user(...registered)
      .when((state) => registerUser(state, { ...registration, email: 'bob@example.org' }, 'x'))
      .thenRefused('user_exists'));
});

describe('an e-mail address', () => {
  const reserved = (user: string, at: string): EmailEvent => ({
    type: 'EmailReserved',
    data: { tenant_id, user_id: user as UserId, reserved_at: at },
  });
  const email = given(emailDecider);
  const [noon, soon, later] = [
    '2026-03-01T12:00:00Z',
    '2026-03-01T12:09:59Z',
    '2026-03-01T12:10:00Z',
  ] as const;
  const bobs = (at: string) => reserved('usr_bob', at);
  const reserve = (at: string, exists: boolean) => (state: EmailEvent['data'] | undefined) =>
    reserveEmail(state, bobs(at).data, exists);

  it('is reserved for one user', () => email().when(reserve(noon, false)).then(bobs(noon)));

  it('stays reserved for a registration that is under way', () =>
    email(reserved('usr_ada', noon)).when(reserve(soon, false)).thenRefused('email_taken'));

  it('is free again ten minutes after a registration that never ended', () =>
    email(reserved('usr_ada', noon)).when(reserve(later, false)).then(bobs(later)));

  it('is never free again once its user is registered', () =>
    email(reserved('usr_ada', noon)).when(reserve('2036-03-01T12:00:00Z', true)).thenRefused('email_taken'));
});

describe('an API key', () => {
  const key_id = 'key_1' as ApiKeyId;
  const issue = { key_id, tenant_id, name: 'ci', scopes: ['ingest'], hash: 'abc' } as const;
  const issued = { type: 'ApiKeyIssued', data: issue } as const;
  const revoked = { type: 'ApiKeyRevoked', data: { key_id } } as const;
  const key = given(apiKeyDecider);

  it('is issued once, with one secret for ever', () => {
    key()
      .when((state) => issueApiKey(state, issue))
      .then(issued);
    key(issued)
      .when((state) => issueApiKey(state, { ...issue, hash: 'def' }))
      .thenNothing();
  });

  it('is revoked once', () => key(issued).when(revokeApiKey).then(revoked));

  it('stays revoked where its issuing is repeated', () =>
    key(issued, revoked)
      .when((state) => issueApiKey(state, issue))
      .thenNothing());

  it('cannot be revoked where there is none', () =>
    key().when(revokeApiKey).thenRefused('api_key_not_found'));
});

describe('a session', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');
  const expires_at = '2026-03-08T12:00:00.000Z';
  const start = { session_id: 's', user_id, tenant_id, token_hash: 'a', expires_at };
  const started: SessionEvent = { type: 'SessionStarted', data: start };
  const next = (token_hash: string): SessionEvent => ({
    type: 'SessionRefreshed',
    data: { token_hash, expires_at },
  });
  const ended = (reason: 'logged_out' | 'token_reused'): SessionEvent => ({
    type: 'SessionEnded',
    data: { reason },
  });
  const session = given(sessionDecider);
  const refresh =
    (token: string, at = now) =>
    (state: Parameters<typeof refreshSession>[0]) =>
      refreshSession(state, token, { token_hash: 'new', expires_at }, at);

  it('is started once', () =>
    session()
      .when((state) => startSession(state, start))
      .then(started));

  it('exchanges its token for the next one', () =>
    session(started, next('b')).when(refresh('b')).thenOnce(next('new')));

  it('ends where a token comes back that was exchanged before', () =>
    session(started, next('b'), next('c')).when(refresh('a')).thenOnce(ended('token_reused')));

  it('takes no token that is not its own, nor one whose time is over', () => {
    session(started).when(refresh('x')).thenRefused('invalid_refresh_token');
    session(started)
      .when(refresh('a', Date.parse(expires_at)))
      .thenRefused('invalid_refresh_token');
    session().when(refresh('a')).thenRefused('invalid_refresh_token');
  });

  it('takes no token once it ended', () =>
    session(started, ended('logged_out')).when(refresh('a')).thenRefused('invalid_refresh_token'));

  it('is ended by any of its tokens, and by no other', () => {
    session(started, next('b'))
      .when((state) => endSession(state, 'b'))
      .then(ended('logged_out'));
    session(started, next('b'))
      .when((state) => endSession(state, 'a'))
      .then(ended('logged_out'));
    session(started, next('b'))
      .when((state) => endSession(state, 'x'))
      .thenNothing();
  });
});
