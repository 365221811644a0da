import { Type } from 'typebox';
import { tenantStream } from '../domain/streams.js';
import { TenantLimits } from '../domain/tenancy/limits.js';
import { setLimits } from '../domain/tenancy/tenant.js';
import { defineCommand, done } from './command.js';
import { PublicId, readId } from './public-id.js';
import { tenantSubject } from './subjects.js';

/** Says what a tenant is allowed, in place of what was said before. */
export const setTenantLimits = defineCommand({
  name: 'set-tenant-limits',
  input: Type.Object({ tenant_id: PublicId, limits: TenantLimits }, { additionalProperties: false }),
  needs: 'operate',
  writes: 'domain',
  run: async ({ tenant_id, limits }, transaction, { expected_version }) => {
    const tenant = readId('tenant', tenant_id);
    if (!tenant.ok) return tenant;
    transaction.actFor(tenant.value);
    const set = await transaction.decide(
      tenantStream(tenant.value),
      tenantSubject,
      (state) => setLimits(state, limits),
      { expected_version },
    );
    if (!set.ok) return set;
    transaction.services.settingsChanged(tenant.value);
    return done({ tenant_id: tenant.value, limits, version: set.value.version });
  },
});
