import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { TenantId, UserId } from '../ids.js';

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export interface TenantEvent {
  readonly type: 'TenantRegistered';
  readonly data: { readonly tenant_id: TenantId; readonly name: string; readonly owner_id: UserId };
}

export const tenantEventTypes = ['TenantRegistered'] as const;

export type Tenant =
  | { readonly state: 'none' }
  | { readonly state: 'registered'; readonly id: TenantId; readonly name: string; readonly owner_id: UserId };

export const tenantDecider: Decider<Tenant, TenantEvent> = {
  initial: { state: 'none' },
  evolve: (_tenant, { data: { tenant_id, name, owner_id } }) => ({
    state: 'registered',
    id: tenant_id,
    name,
    owner_id,
  }),
};

/** Registers a tenant: the last step of a registration, from which on its owner and its keys count. */
export const registerTenant = (tenant: Tenant, registered: TenantEvent['data']): Decision<TenantEvent> => {
  if (tenant.state === 'none') return accept([{ type: 'TenantRegistered', data: registered }]);
  return tenant.owner_id === registered.owner_id
    ? accept([])
    : refuse('tenant_exists', 'This tenant is registered already.');
};
