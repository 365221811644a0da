import type { TenantId } from '../../domain/ids.js';
import type { RetentionDays } from '../../domain/retention/retention.js';
import { readEvent } from '../../domain/stored-event.js';
import { tenantStream } from '../../domain/streams.js';
import { limitsOf, type Limits, type TenantLimits } from '../../domain/tenancy/limits.js';
import { tenantDecider, tenantEventTypes, type TenantEvent } from '../../domain/tenancy/tenant.js';
import type { EventLog, StreamName } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import { remember } from '../../platform/remember.js';

/** What was set for a tenant. */
export interface Settings {
  /** What an operator has set. */
  readonly own_limits: TenantLimits;
  /** What holds. */
  readonly limits: Limits;
  readonly retention_days: RetentionDays;
  /** How many events the tenant's stream has; 0: there is no such tenant. */
  readonly version: number;
}

/** How long settings are taken for good without looking at the log again: so soon new ones are in force everywhere. */
const TRUSTED_MS = 500;
const REMEMBERED = 10_000;

interface Remembered {
  readonly settings: Promise<Settings>;
  readonly until: number;
}

/**
 * Says what was set for tenants. The log itself is asked, so nothing has to be restored at the start, and what one
 * process sets holds in the others.
 */
export class TenantSettings {
  readonly #remembered = new Map<TenantId, Remembered>();

  constructor(
    private readonly log: Pick<EventLog, 'readStream'>,
    private readonly clock: Pick<Clock, 'monotonic'>,
    /** What holds where nothing else is set. */
    private readonly server_limits: Limits,
  ) {}

  of(tenant: TenantId): Promise<Settings> {
    const now = this.clock.monotonic();
    const known = this.#remembered.get(tenant);
    if (known && now < known.until) return known.settings;
    const reading: Remembered = { settings: this.#read(tenant), until: now + TRUSTED_MS };
    remember(this.#remembered, tenant, reading, REMEMBERED);
    reading.settings.catch(() => {
      if (this.#remembered.get(tenant) === reading) this.#remembered.delete(tenant);
    });
    return reading.settings;
  }

  /** Forgets what is remembered of a tenant: called where this process has set something. */
  forget(tenant: TenantId): void {
    this.#remembered.delete(tenant);
  }

  async #read(tenant: TenantId): Promise<Settings> {
    let state = tenantDecider.initial;
    let version = 0;
    for await (const record of this.log.readStream(tenantStream(tenant) as StreamName)) {
      const event = readEvent<TenantEvent>(tenantEventTypes, record);
      if (event) state = tenantDecider.evolve(state, event);
      version = record.revision + 1;
    }
    const { limits: own_limits, retention_days } =
      state.state === 'none' ? { limits: {}, retention_days: null } : state;
    return { own_limits, limits: limitsOf(own_limits, this.server_limits), retention_days, version };
  }
}
