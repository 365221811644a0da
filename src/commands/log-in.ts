import { Type } from 'typebox';
import { sessionStream } from '../domain/streams.js';
import { startSession } from '../domain/tenancy/session.js';
import { Email, findUserByEmail, tooManyPasswords } from './access/people.js';
import { nextRefreshToken, tokensFor } from './access/sign-in.js';
import { defineCommand, done, refused } from './command.js';
import { sessionSubject } from './subjects.js';

/** Signs a person in. Who is not known is answered as a wrong password is, after as much work. */
export const logIn = defineCommand({
  name: 'log-in',
  input: Type.Object(
    { email: Email, password: Type.String({ minLength: 1, maxLength: 1024 }) },
    { additionalProperties: false },
  ),
  needs: 'register',
  writes: 'domain',
  run: async ({ email, password }, transaction) => {
    const user = await findUserByEmail(transaction, email);
    const right = await transaction.services.passwords.check(password, user?.password_hash);
    if (right === undefined) return tooManyPasswords;
    if (!right || !user)
      return refused('unauthenticated', 'invalid_credentials', 'E-mail address or password is wrong.');

    const { user_id, tenant_id } = user;
    transaction.actFor(tenant_id, { kind: 'user', id: user_id });
    const session_id = transaction.newUuid();
    const refresh = nextRefreshToken(transaction, session_id);
    const started = await transaction.decide(sessionStream(session_id), sessionSubject, (session) =>
      startSession(session, { session_id, user_id, tenant_id, ...refresh.record }),
    );
    return started.ok ? done(tokensFor(transaction, user, session_id, refresh.text)) : started;
  },
});
