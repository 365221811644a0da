import type { UserId } from '../../domain/ids.js';
import { readEvent } from '../../domain/stored-event.js';
import { tenantEventTypes, type TenantEvent } from '../../domain/tenancy/tenant.js';
import type { Document } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';

/** A tenant's profile; it stands in the tenant's own partition, under its id. */
export interface TenantDocument extends Document {
  readonly name: string;
  readonly owner_id: UserId;
  readonly created_at: string;
}

interface TenantPart {
  readonly event: TenantEvent;
  readonly at: string;
}

export const tenants = defineProjection<TenantDocument, TenantPart>({
  name: 'tenants',
  version: 1,
  reads: tenantEventTypes,
  indexes: [],
  parts: (recorded) => {
    const event = readEvent<TenantEvent>(tenantEventTypes, recorded);
    if (!event) return [];
    const { tenant_id } = event.data;
    return [{ tenant: tenant_id, id: tenant_id, part: { event, at: recorded.metadata.recorded_at } }];
  },
  fold: (tenant, { event, at }, { id, position }) => ({
    id,
    position,
    name: event.data.name,
    owner_id: event.data.owner_id,
    created_at: tenant?.created_at ?? at,
  }),
});
