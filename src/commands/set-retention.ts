import { Type } from 'typebox';
import type { TenantId } from '../domain/ids.js';
import type { RetentionDays } from '../domain/retention/retention.js';
import { tenantStream } from '../domain/streams.js';
import { setRetention } from '../domain/tenancy/tenant.js';
import { ownTenant } from './access/own-tenant.js';
import { defineCommand, done, type CommandContext, type Transaction } from './command.js';
import { PublicId, readId } from './public-id.js';
import { tenantSubject } from './subjects.js';

/** How long telemetry may be kept at most, where it is not for good: a hundred years. */
const MOST_DAYS = 36_500;

const Days = Type.Union([Type.Integer({ minimum: 1, maximum: MOST_DAYS }), Type.Null()], {
  description:
    'Days by the events’ own times; null: for good. What is older is not taken any more, and is dropped.',
});

/** How long telemetry is kept. */
export const RetentionWish = Type.Object({ days: Days }, { additionalProperties: false, title: 'Retention' });

const decide = async (
  tenant: TenantId,
  days: RetentionDays,
  transaction: Transaction,
  { expected_version }: CommandContext,
) => {
  const set = await transaction.decide(
    tenantStream(tenant),
    tenantSubject,
    (state) => setRetention(state, days),
    { expected_version },
  );
  if (!set.ok) return set;
  transaction.services.settingsChanged(tenant);
  return done({ days, version: set.value.version });
};

/** Says how long a tenant's own telemetry is kept. */
export const setOwnRetention = defineCommand({
  name: 'set-own-retention',
  input: RetentionWish,
  needs: 'tenant:admin',
  writes: 'domain',
  run: async ({ days }, transaction, context) => {
    const tenant = ownTenant(context.principal);
    return tenant.ok ? decide(tenant.value, days, transaction, context) : tenant;
  },
});

/** Says how long a tenant's telemetry is kept, as an operator. */
export const setTenantRetention = defineCommand({
  name: 'set-tenant-retention',
  input: Type.Object({ tenant_id: PublicId, days: Days }, { additionalProperties: false }),
  needs: 'operate',
  writes: 'domain',
  run: async ({ tenant_id, days }, transaction, context) => {
    const tenant = readId('tenant', tenant_id);
    if (!tenant.ok) return tenant;
    transaction.actFor(tenant.value);
    return decide(tenant.value, days, transaction, context);
  },
});
