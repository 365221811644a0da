/** Who is signed in, kept for this browser tab alone: closing it forgets the tokens. */
export interface Session {
  readonly email: string;
  readonly access_token: string;
  readonly refresh_token: string;
  /** Epoch milliseconds after which the access token is no longer good. */
  readonly expires_at: number;
}

const key = 'pulsestream.session';

export const storedSession = (): Session | undefined => {
  const text = sessionStorage.getItem(key);
  return text === null ? undefined : (JSON.parse(text) as Session);
};

export const storeSession = (session: Session | undefined): void => {
  if (session) sessionStorage.setItem(key, JSON.stringify(session));
  else sessionStorage.removeItem(key);
};

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  /** Seconds. */
  readonly expires_in: number;
}

export const sessionFrom = (email: string, tokens: Tokens): Session => ({
  email,
  access_token: tokens.access_token,
  refresh_token: tokens.refresh_token,
  expires_at: Date.now() + tokens.expires_in * 1000,
});
