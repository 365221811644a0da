import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { TenantId, UserId } from '../ids.js';
import type { RetentionDays } from '../retention/retention.js';
import { sameLimits, type TenantLimits } from './limits.js';

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export type TenantEvent =
  | {
      readonly type: 'TenantRegistered';
      readonly data: { readonly tenant_id: TenantId; readonly name: string; readonly owner_id: UserId };
    }
  /** In place of all that was set before. */
  | { readonly type: 'TenantLimitsSet'; readonly data: { readonly limits: TenantLimits } }
  | { readonly type: 'TenantRetentionSet'; readonly data: { readonly days: RetentionDays } };

export const tenantEventTypes = ['TenantRegistered', 'TenantLimitsSet', 'TenantRetentionSet'] as const;

export type Tenant =
  | { readonly state: 'none' }
  | {
      readonly state: 'registered';
      readonly id: TenantId;
      readonly name: string;
      readonly owner_id: UserId;
      readonly limits: TenantLimits;
      readonly retention_days: RetentionDays;
    };

export const tenantDecider: Decider<Tenant, TenantEvent> = {
  initial: { state: 'none' },
  evolve: (tenant, event) => {
    switch (event.type) {
      case 'TenantRegistered': {
        const { tenant_id: id, name, owner_id } = event.data;
        return { state: 'registered', id, name, owner_id, limits: {}, retention_days: null };
      }
      case 'TenantLimitsSet':
        return tenant.state === 'none' ? tenant : { ...tenant, limits: event.data.limits };
      case 'TenantRetentionSet':
        return tenant.state === 'none' ? tenant : { ...tenant, retention_days: event.data.days };
    }
  },
};

type Registered = Extract<TenantEvent, { type: 'TenantRegistered' }>['data'];

/** Registers a tenant: the last step of a registration, from which on its owner and its keys count. */
export const registerTenant = (tenant: Tenant, registered: Registered): Decision<TenantEvent> => {
  if (tenant.state === 'none') return accept([{ type: 'TenantRegistered', data: registered }]);
  return tenant.owner_id === registered.owner_id
    ? accept([])
    : refuse('tenant_exists', 'This tenant is registered already.');
};

/** Sets what a tenant is allowed, in place of what was set before; none of it: as the server is configured. */
export const setLimits = (tenant: Tenant, limits: TenantLimits): Decision<TenantEvent> => {
  if (tenant.state === 'none') return refuse('tenant_not_found', 'There is no such tenant.');
  return accept(sameLimits(tenant.limits, limits) ? [] : [{ type: 'TenantLimitsSet', data: { limits } }]);
};

/** Says how long a tenant's telemetry is kept from now on. What was retired before stays so. */
export const setRetention = (tenant: Tenant, days: RetentionDays): Decision<TenantEvent> => {
  if (tenant.state === 'none') return refuse('tenant_not_found', 'There is no such tenant.');
  return accept(tenant.retention_days === days ? [] : [{ type: 'TenantRetentionSet', data: { days } }]);
};
