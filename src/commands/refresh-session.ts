import { Type } from 'typebox';
import { sessionStream } from '../domain/streams.js';
import { refreshSession as refresh } from '../domain/tenancy/session.js';
import { findUser } from './access/people.js';
import { parseRefreshToken } from './access/refresh-tokens.js';
import { nextRefreshToken, tokensFor } from './access/sign-in.js';
import { defineCommand, done, refused } from './command.js';
import { sessionSubject } from './subjects.js';

export const RefreshToken = Type.Object(
  { refresh_token: Type.String({ maxLength: 256 }) },
  { additionalProperties: false },
);

const invalid = refused(
  'unauthenticated',
  'invalid_refresh_token',
  'The refresh token is not valid, or no longer.',
);

/** Exchanges a refresh token for new tokens. One that was exchanged before ends its session, which is recorded. */
export const refreshSession = defineCommand({
  name: 'refresh-session',
  input: RefreshToken,
  needs: 'register',
  writes: 'domain',
  run: async ({ refresh_token }, transaction) => {
    const token = parseRefreshToken(refresh_token);
    if (!token) return invalid;
    const { session_id, token_hash } = token;
    const stream = sessionStream(session_id);
    const { state: session } = await transaction.loadAny(stream, sessionSubject);
    if (session.state !== 'open') return invalid;
    const user = await findUser(transaction, session);
    if (!user) return invalid;

    transaction.actFor(user.tenant_id, { kind: 'user', id: user.user_id });
    const next = nextRefreshToken(transaction, session_id);
    const refreshed = await transaction.decide(stream, sessionSubject, (state) =>
      refresh(state, token_hash, next.record, transaction.now),
    );
    if (!refreshed.ok) return refreshed;
    if (refreshed.value.state.state === 'ended') {
      transaction.services.credentialChanged(user.user_id);
      return invalid;
    }
    return done(tokensFor(transaction, user, { session_id }, next.text));
  },
});
