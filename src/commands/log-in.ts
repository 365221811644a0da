import { Type } from 'typebox';
import { sessionStream } from '../domain/streams.js';
import { startSession } from '../domain/tenancy/session.js';
import { Email } from './access/people.js';
import { newRefreshToken } from './access/refresh-tokens.js';
import { nextRefreshToken, recognise, tokensFor } from './access/sign-in.js';
import { defineCommand, done } from './command.js';
import { sessionSubject } from './subjects.js';

/** Signs a person in. */
export const logIn = defineCommand({
  name: 'log-in',
  input: Type.Object(
    { email: Email, password: Type.String({ minLength: 1, maxLength: 1024 }) },
    { additionalProperties: false },
  ),
  needs: 'register',
  writes: 'domain',
  run: async (credentials, transaction) => {
    const known = await recognise(transaction, credentials);
    if (!known.ok) return known;
    const { user_id, tenant_id } = known.value;
    transaction.actFor(tenant_id, { kind: 'user', id: user_id });
    const session_id = transaction.newUuid();
    const refresh = nextRefreshToken(transaction, session_id);
    const started = await transaction.decide(sessionStream(session_id), sessionSubject, (session) =>
      startSession(session, { session_id, user_id, tenant_id, ...refresh.record }),
    );
    return started.ok ? done(tokensFor(transaction, known.value, { session_id }, refresh.text)) : started;
  },
  // To look on during a deployment: no session is written, so the token stands on the guard's epoch and ends with it.
  // The refresh token has the usual form and renews nothing (docs/decisions/sign-in-under-the-guard.md).
  underGuard: async (credentials, transaction, { epoch }) => {
    const known = await recognise(transaction, credentials);
    if (!known.ok) return known;
    const { text } = newRefreshToken(transaction.newUuid(), transaction.newSecret());
    return done(tokensFor(transaction, known.value, { guard_epoch: epoch }, text));
  },
});
