import { sessionFrom, storeSession, type Session } from './session';

/** What the server says of a request that it refused (RFC 9457). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

const send = async (method: string, path: string, body?: object, token?: string): Promise<unknown> => {
  const response = await fetch(path, {
    method,
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Problem(0, 'unreachable', 'The server cannot be reached.');
  });
  if (response.status === 204) return undefined;
  const answer = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };
  if (!response.ok)
    throw new Problem(
      response.status,
      answer.code ?? 'unknown',
      answer.detail ?? 'The server refused the request.',
    );
  return answer;
};

type Tokens = Parameters<typeof sessionFrom>[1];

/** Signs in with e-mail and password. */
export const signIn = async (email: string, password: string): Promise<Session> =>
  sessionFrom(email, (await send('POST', '/api/v1/auth/login', { email, password })) as Tokens);

/** Registers a tenant and signs its owner in. */
export const register = async (tenant_name: string, email: string, password: string): Promise<Session> => {
  await send('POST', '/api/v1/auth/register/tenant', { tenant_name, email, password });
  return signIn(email, password);
};

export const signOut = async (session: Session): Promise<void> => {
  storeSession(undefined);
  // The server may be away; the tokens are forgotten here either way.
  await send('POST', '/api/v1/auth/logout', { refresh_token: session.refresh_token }).catch(() => undefined);
};

/** The API as one signed-in person; renews the access token a minute before it ends. */
export class Client {
  #renewal: Promise<void> | undefined;

  constructor(
    private session: Session,
    private readonly onEnd: () => void,
  ) {}

  /** An access token that is good for at least a minute. */
  async token(): Promise<string> {
    if (this.session.expires_at - Date.now() < 60_000) {
      this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined));
      await this.#renewal;
    }
    return this.session.access_token;
  }

  async post(path: string, body: object): Promise<void> {
    await send('POST', path, body, await this.token());
  }

  async #renew(): Promise<void> {
    try {
      const { email, refresh_token } = this.session;
      this.session = sessionFrom(
        email,
        (await send('POST', '/api/v1/auth/refresh', { refresh_token })) as Tokens,
      );
      storeSession(this.session);
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this.onEnd();
      throw error;
    }
  }
}
