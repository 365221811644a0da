import {
  apiKeyPrincipal,
  operatorPrincipal,
  userPrincipal,
  type Principal,
} from '../../domain/tenancy/access.js';
import { apiKeyDecider, apiKeyEventTypes, type ApiKeyEvent } from '../../domain/tenancy/api-key.js';
import { sessionDecider, sessionEventTypes, type SessionEvent } from '../../domain/tenancy/session.js';
import { tenantEventTypes, type TenantEvent } from '../../domain/tenancy/tenant.js';
import { userDecider, userEventTypes, type UserEvent } from '../../domain/tenancy/user.js';
import type { GuardState } from '../../domain/deployment/deployment.js';
import type { TenantId } from '../../domain/ids.js';
import type { Decider, DomainEvent } from '../../domain/decider.js';
import { readEvent } from '../../domain/stored-event.js';
import { apiKeyStream, sessionStream, tenantStream, userStream } from '../../domain/streams.js';
import type { EventLog, StreamName } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import { remember } from '../../platform/remember.js';
import { matchesHash, parseApiKey, sameSecret } from './api-keys.js';
import type { AccessTokens, TokenHolder } from './tokens.js';

/** What somebody shows to be let in. A bearer may be a token or an API key. */
export interface Credentials {
  readonly bearer?: string;
  readonly api_key?: string;
}

/** How long a credential is taken for good without looking at the log again: so soon a revocation holds everywhere. */
const TRUSTED_MS = 1000;
const REMEMBERED = 10_000;

interface Remembered {
  readonly principal: Principal | undefined;
  readonly until: number;
}

/** Whether a text is an API key where it is anything: no token begins so. */
const isKey = (shown: string): boolean => shown.startsWith('ps_');

/** Says who somebody is. The log itself is asked, so that a key is good as soon as it is issued and not after it is revoked. */
export class Authenticator {
  readonly #remembered = new Map<string, Remembered>();
  /** Tenants that are registered; they stay so. */
  readonly #tenants = new Set<TenantId>();
  #changes = 0;

  constructor(
    private readonly log: EventLog,
    private readonly tokens: AccessTokens,
    private readonly operator_token: string,
    private readonly clock: Clock,
    private readonly guard: { readonly state: GuardState },
  ) {}

  /** Whose credentials these are, where that was found so lately that it is still taken for good. */
  remembered({ bearer, api_key }: Credentials): Principal | undefined {
    if (api_key !== undefined && !isKey(api_key)) return undefined;
    const known = this.#remembered.get(api_key ?? bearer ?? '');
    return known && known.until > this.clock.monotonic() ? known.principal : undefined;
  }

  /** Undefined where the credentials are not good, for whatever reason. */
  async authenticate(credentials: Credentials): Promise<Principal | undefined> {
    const { bearer, api_key } = credentials;
    const shown = api_key ?? bearer;
    if (shown === undefined || shown.length > 4096) return undefined;
    const now = this.clock.monotonic();
    const known = this.remembered(credentials);
    if (known) return known;

    const before = this.#changes;
    const principal =
      api_key !== undefined || isKey(shown) ? await this.#byKey(shown) : await this.#byToken(shown);
    this.#remembered.delete(shown);
    // What is not good is not remembered: false credentials would push the good ones out.
    // Nor is what was read before somebody's credentials changed.
    if (principal && before === this.#changes) this.#remember(shown, { principal, until: now + TRUSTED_MS });
    return principal;
  }

  /** The operator, where the token is theirs. */
  operatorPrincipal(token: string): Principal | undefined {
    return sameSecret(token, this.operator_token) ? operatorPrincipal : undefined;
  }

  /** Forgets what is remembered of a credential's holder: called where this process has changed it. */
  forget(actor_id: string): void {
    this.#changes += 1;
    for (const [shown, { principal }] of this.#remembered)
      if (principal?.actor.id === actor_id) this.#remembered.delete(shown);
  }

  async #byKey(text: string): Promise<Principal | undefined> {
    const parsed = parseApiKey(text);
    if (!parsed) return undefined;
    const key = await this.#state<ReturnType<typeof apiKeyDecider.evolve>, ApiKeyEvent>(
      apiKeyStream(parsed.id),
      apiKeyDecider,
      apiKeyEventTypes,
    );
    if (key.state !== 'active' || !matchesHash(parsed.secret, key.hash)) return undefined;
    return (await this.#isRegistered(key.tenant_id))
      ? apiKeyPrincipal(key.tenant_id, parsed.id, key.scopes)
      : undefined;
  }

  async #byToken(text: string): Promise<Principal | undefined> {
    const holder = this.tokens.read(text);
    if (!holder) return undefined;
    const user = await this.#state<ReturnType<typeof userDecider.evolve>, UserEvent>(
      userStream(holder.user_id),
      userDecider,
      userEventTypes,
    );
    return user.state === 'active' && user.tenant_id === holder.tenant_id && (await this.#stands(holder))
      ? userPrincipal(user.tenant_id, user.user_id, user.role)
      : undefined;
  }

  /** Whether the session is open, or the guard is still up in whose epoch no session could be written. */
  async #stands({ session_id, guard_epoch }: TokenHolder): Promise<boolean> {
    if (session_id === undefined) {
      const { mode, epoch } = this.guard.state;
      return mode !== 'open' && epoch === guard_epoch;
    }
    const session = await this.#state<ReturnType<typeof sessionDecider.evolve>, SessionEvent>(
      sessionStream(session_id),
      sessionDecider,
      sessionEventTypes,
    );
    return session.state === 'open';
  }

  /** A registration that did not come to its end leaves keys behind that are nobody's. */
  async #isRegistered(tenant: TenantId): Promise<boolean> {
    if (this.#tenants.has(tenant)) return true;
    for await (const record of this.log.readStream(tenantStream(tenant) as StreamName, { limit: 1 }))
      if (readEvent<TenantEvent>(tenantEventTypes, record)) this.#tenants.add(tenant);
    return this.#tenants.has(tenant);
  }

  async #state<S, E extends DomainEvent>(
    stream: string,
    decider: Decider<S, E>,
    types: readonly E['type'][],
  ): Promise<S> {
    let state = decider.initial;
    for await (const record of this.log.readStream(stream as StreamName)) {
      const event = readEvent<E>(types, record);
      if (event) state = decider.evolve(state, event);
    }
    return state;
  }

  #remember(shown: string, remembered: Remembered): void {
    remember(this.#remembered, shown, remembered, REMEMBERED);
  }
}
