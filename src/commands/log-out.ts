import { sessionStream } from '../domain/streams.js';
import { endSession } from '../domain/tenancy/session.js';
import { parseRefreshToken } from './access/refresh-tokens.js';
import { defineCommand, done } from './command.js';
import { RefreshToken } from './refresh-session.js';
import { sessionSubject } from './subjects.js';

/** Ends the session of a refresh token, and its access tokens with it. A token that is good for nothing has none. */
export const logOut = defineCommand({
  name: 'log-out',
  input: RefreshToken,
  needs: 'register',
  writes: 'domain',
  run: async ({ refresh_token }, transaction) => {
    const token = parseRefreshToken(refresh_token);
    if (!token) return done({});
    const stream = sessionStream(token.session_id);
    const { state: session } = await transaction.loadAny(stream, sessionSubject);
    if (session.state !== 'open') return done({});
    transaction.actFor(session.tenant_id, { kind: 'user', id: session.user_id });
    const ended = await transaction.decide(stream, sessionSubject, (state) =>
      endSession(state, token.token_hash),
    );
    if (!ended.ok) return ended;
    transaction.services.credentialChanged(session.user_id);
    return done({});
  },
});
