import type { TenantId } from '../../domain/ids.js';
import { uuidOf } from '../../domain/ids.js';
import { done, refused, type CommandContext, type Step, type Transaction } from '../command.js';

/**
 * Whose quarantines a command is about: a tenant's own, or those of the tenant that the operator names. Another
 * tenant's are not there.
 */
export const actingFor = (
  named: string | undefined,
  { principal }: CommandContext,
  transaction: Transaction,
): Step<TenantId> => {
  const own = principal.tenant_id;
  if (own !== undefined)
    return named === undefined || named === own
      ? done(own)
      : refused('not_found', 'tenant_not_found', 'There is no such tenant.');
  if (named === undefined)
    return refused('unprocessable', 'tenant_needed', 'Name the tenant whose records are meant: tenant_id.');
  if (uuidOf('tenant', named) === undefined)
    return refused('not_found', 'tenant_not_found', 'There is no such tenant.');
  const tenant = named as TenantId;
  transaction.actFor(tenant);
  return done(tenant);
};
