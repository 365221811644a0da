import type { TenantId } from '../../domain/ids.js';
import type { Clock } from '../../platform/clock.js';
import type { Random } from '../../platform/random.js';
import type { Credentials } from '../http/context.js';

const LIFETIME_MS = 30_000;
const MOST = 10_000;

interface Ticket {
  readonly credentials: Credentials;
  readonly tenant: TenantId;
  readonly expires: number;
}

/**
 * Short-lived, single-use stand-ins for credentials, for clients that can put nothing but an address into a
 * websocket's request. A ticket is worth what its credentials are worth at the moment it is used.
 */
export class Tickets {
  readonly #tickets = new Map<string, Ticket>();

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  issue(
    credentials: Credentials,
    tenant: TenantId,
  ): { readonly ticket: string; readonly expires_in: number } {
    this.#forget();
    const ticket = `pst_${this.random.bytes(24).toString('base64url')}`;
    this.#tickets.set(ticket, { credentials, tenant, expires: this.clock.now() + LIFETIME_MS });
    return { ticket, expires_in: LIFETIME_MS / 1000 };
  }

  /** The credentials behind a ticket, once. */
  redeem(ticket: string): Credentials | undefined {
    const found = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    return found && found.expires > this.clock.now() ? found.credentials : undefined;
  }

  /** Drops what has expired and, past the bound, the oldest: a map keeps the order of insertion. */
  #forget(): void {
    const now = this.clock.now();
    for (const [key, { expires }] of this.#tickets) {
      if (expires > now && this.#tickets.size < MOST) return;
      this.#tickets.delete(key);
    }
  }
}
