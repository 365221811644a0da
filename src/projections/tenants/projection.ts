import type { UserId } from '../../domain/ids.js';
import { readEvent } from '../../domain/stored-event.js';
import type { TenantEvent } from '../../domain/tenancy/tenant.js';
import type { Document } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';

/** A tenant's profile; it stands in the tenant's own partition, under its id. */
export interface TenantDocument extends Document {
  readonly name: string;
  readonly owner_id: UserId;
  readonly created_at: string;
}

type Registered = Extract<TenantEvent, { type: 'TenantRegistered' }>;
const reads = ['TenantRegistered'] as const;

interface TenantPart {
  readonly event: Registered;
  readonly at: string;
}

export const tenants = defineProjection<TenantDocument, TenantPart>({
  name: 'tenants',
  version: 1,
  reads,
  history: 'stream',
  indexes: [],
  parts: (recorded) => {
    const event = readEvent<Registered>(reads, recorded);
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
