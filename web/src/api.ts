import { Problem, sentence, type ProblemBody } from './problem.js';
import { sessionFrom, storeSession, type Session } from './session.js';

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
  const answer = (await response.json().catch(() => ({}))) as ProblemBody;
  if (!response.ok) throw new Problem(response.status, answer.code ?? 'unknown', sentence(answer));
  return answer;
};

type Tokens = Parameters<typeof sessionFrom>[1];

/** Signs in with e-mail and password. */
export const signIn = async (email: string, password: string): Promise<Session> =>
  sessionFrom(email, (await send('POST', '/api/v1/auth/login', { email, password })) as Tokens);

/** Someone who has just registered a tenant; the server shows its first API key this once. */
export interface Registered {
  readonly session: Session;
  readonly api_key: string;
}

/** Registers a tenant and signs its owner in. */
export const register = async (tenant_name: string, email: string, password: string): Promise<Registered> => {
  const answer = (await send('POST', '/api/v1/auth/register/tenant', { tenant_name, email, password })) as {
    readonly api_key: { readonly key: string };
  };
  return { session: await signIn(email, password), api_key: answer.api_key.key };
};

/** The API as one signed-in person; renews the access token a minute before it ends. */
export class Client {
  #renewal: Promise<void> | undefined;
  #over = false;

  constructor(
    private session: Session,
    /** The server takes this session no more. */
    private readonly onRefused: () => void,
  ) {}

  /** An access token that is good for at least a minute. */
  async token(): Promise<string> {
    if (this.session.expires_at - Date.now() < 60_000) await this.renew();
    return this.session.access_token;
  }

  /** Exchanges the tokens for new ones; those who ask at the same time share one exchange. */
  renew(): Promise<void> {
    this.#renewal ??= this.#exchange().finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  async post(path: string, body: object): Promise<void> {
    await this.#ask('POST', path, body);
  }

  /** What a route answers, taken for what it says it is. */
  async get<T>(path: string): Promise<T> {
    return (await this.#ask('GET', path)) as T;
  }

  async signOut(): Promise<void> {
    this.#over = true;
    storeSession(undefined);
    // The server may be away; the tokens are forgotten here either way.
    const { refresh_token } = this.session;
    await send('POST', '/api/v1/auth/logout', { refresh_token }).catch(() => undefined);
  }

  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    try {
      return await send(method, path, body, await this.token());
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      // The token may have been taken back before its time; where the session itself is over, renewing says so.
      await this.renew();
      return send(method, path, body, this.session.access_token);
    }
  }

  async #exchange(): Promise<void> {
    try {
      const { email, refresh_token } = this.session;
      const tokens = (await send('POST', '/api/v1/auth/refresh', { refresh_token })) as Tokens;
      this.session = sessionFrom(email, tokens);
      if (!this.#over) storeSession(this.session);
    } catch (error) {
      if (error instanceof Problem && error.status === 401 && !this.#over) this.onRefused();
      throw error;
    }
  }
}
