import { timer, exhaustMap, type Subscription } from 'rxjs';
import type { TenantId } from '../../domain/ids.js';
import type { Principal } from '../../domain/tenancy/access.js';
import type { ApiServices } from '../dependencies.js';
import type { Credentials } from '../http/context.js';

/** Someone connected: what they showed and who that made them. */
export interface Session {
  readonly id: string;
  readonly credentials: Credentials;
  readonly tenant: TenantId;
  principal: Principal;
  /** Ends the connection. */
  readonly end: (code: string, detail: string) => void;
}

const CHECK_MS = 500;
const AT_ONCE = 32;

/** Who is connected, per tenant and per credential; those whose credentials are worth nothing any more are ended. */
export class Sessions {
  readonly #byCredential = new Map<string, Set<Session>>();
  readonly #perTenant = new Map<TenantId, number>();
  readonly #subscription: Subscription;

  constructor(private readonly api: Pick<ApiServices, 'authenticator' | 'logger'>) {
    this.#subscription = timer(CHECK_MS, CHECK_MS)
      .pipe(exhaustMap(() => this.check()))
      .subscribe();
  }

  count(tenant: TenantId): number {
    return this.#perTenant.get(tenant) ?? 0;
  }

  add(session: Session): void {
    const key = keyOf(session.credentials);
    const set = this.#byCredential.get(key);
    if (set) set.add(session);
    else this.#byCredential.set(key, new Set([session]));
    this.#perTenant.set(session.tenant, this.count(session.tenant) + 1);
  }

  remove(session: Session): void {
    const key = keyOf(session.credentials);
    const set = this.#byCredential.get(key);
    if (!set?.delete(session)) return;
    if (set.size === 0) this.#byCredential.delete(key);
    const left = this.count(session.tenant) - 1;
    if (left > 0) this.#perTenant.set(session.tenant, left);
    else this.#perTenant.delete(session.tenant);
  }

  /** Asks for each credential once whether it still holds. */
  async check(): Promise<void> {
    const all = [...this.#byCredential.values()];
    for (let start = 0; start < all.length; start += AT_ONCE)
      await Promise.all(all.slice(start, start + AT_ONCE).map((sessions) => this.#recheck(sessions)));
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  async #recheck(sessions: ReadonlySet<Session>): Promise<void> {
    const [first] = sessions;
    if (!first) return;
    try {
      const principal = await this.api.authenticator.authenticate(first.credentials);
      for (const session of [...sessions])
        if (principal) session.principal = principal;
        else session.end('unauthenticated', 'The token or API key is not valid any more.');
    } catch (error) {
      // Where the store is away nobody is thrown out; the next check asks again.
      this.api.logger.warn({ err: error }, 'credentials of connected sockets could not be checked');
    }
  }
}

const keyOf = ({ bearer, api_key }: Credentials): string => `${bearer ?? ''} ${api_key ?? ''}`;
