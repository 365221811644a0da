import { ACCESS_TOKEN_SECONDS, REFRESH_TOKEN_SECONDS } from './tokens.js';
import { newRefreshToken } from './refresh-tokens.js';
import { findUserByEmail, tooManyPasswords, type RegisteredUser } from './people.js';
import { done, refused, type Step, type Transaction } from '../command.js';

/** What somebody who signed in goes on with. */
export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly token_type: 'Bearer';
  /** Seconds until the access token ends. */
  readonly expires_in: number;
}

/** The person whose address and password these are. Who is not known is answered as a wrong password is, after as much work. */
export const recognise = async (
  transaction: Transaction,
  { email, password }: { readonly email: string; readonly password: string },
): Promise<Step<RegisteredUser>> => {
  const user = await findUserByEmail(transaction, email);
  // Whoever it turns out to be: where the password is wrong, it was tried on them.
  if (user) transaction.actFor(user.tenant_id, { kind: 'user', id: user.user_id });
  const right = await transaction.services.passwords.check(password, user?.password_hash);
  if (right === undefined) return tooManyPasswords;
  return right && user
    ? done(user)
    : refused('unauthenticated', 'invalid_credentials', 'E-mail address or password is wrong.');
};

/** A session's next refresh token: what is recorded of it, and its text. */
export const nextRefreshToken = (
  transaction: Transaction,
  session_id: string,
): {
  readonly text: string;
  readonly record: { readonly token_hash: string; readonly expires_at: string };
} => {
  const { text, token_hash } = newRefreshToken(session_id, transaction.newSecret());
  const expires_at = new Date(transaction.now + REFRESH_TOKEN_SECONDS * 1000).toISOString();
  return { text, record: { token_hash, expires_at } };
};

/** The answer to signing in; the role is the one that the user has now. */
export const tokensFor = (
  transaction: Transaction,
  { user_id, tenant_id, role }: RegisteredUser,
  standing: { readonly session_id: string } | { readonly guard_epoch: number },
  refresh_token: string,
): Tokens => ({
  access_token: transaction.services.tokens.issue(
    { user_id, tenant_id, role, ...standing },
    transaction.newUuid(),
  ),
  refresh_token,
  token_type: 'Bearer',
  expires_in: ACCESS_TOKEN_SECONDS,
});
