import type { TenantId } from '../../domain/ids.js';
import type { ReadModels } from '../read-models.js';
import { tenants, type TenantDocument } from './projection.js';

/** The tenant's own profile. */
export const getTenant = (models: ReadModels, tenant: TenantId): Promise<TenantDocument | undefined> =>
  models.read(tenants, tenant).get(tenant);
