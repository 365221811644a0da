import type { TenantId } from '../../domain/ids.js';
import type { Principal } from '../../domain/tenancy/access.js';
import { done, refused, type Step } from '../command.js';

/** The tenant that a principal acts in; an operator and a stranger have none. */
export const ownTenant = ({ tenant_id }: Principal): Step<TenantId> =>
  tenant_id === undefined
    ? refused('forbidden', 'forbidden', 'These credentials belong to no tenant.')
    : done(tenant_id);
