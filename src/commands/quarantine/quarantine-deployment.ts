import type { DeploymentId, TenantId } from '../../domain/ids.js';
import { publicId } from '../../domain/ids.js';
import type { QuarantinedRecord } from '../../domain/quarantine/quarantine.js';
import { uuidFrom } from '../../platform/uuid.js';
import type { CommandContext, CommandResult } from '../command.js';
import type { CommandPipeline } from '../handle.js';
import { MAX_RECORDS } from './records.js';
import { setAsideIntroduced } from './set-aside-introduced.js';

/** Records to set aside for a deployment, of whichever tenants. */
export interface DeploymentQuarantine {
  readonly deployment_id: DeploymentId;
  readonly reason: string;
  readonly records: readonly (QuarantinedRecord & { readonly tenant_id: TenantId })[];
  /** Propose only: a person has to approve. */
  readonly two_people: boolean;
}

export type SetAside = Extract<
  Awaited<ReturnType<(typeof setAsideIntroduced)['run']>>,
  { ok: true }
>['value'];

/**
 * Sets a deployment's records aside, tenant by tenant, by the operator and through the guard that the deployment
 * holds up. The same records again change nothing, so that a deployment that died may repeat it. Ends with the first
 * refusal; what was set aside before it stays so.
 */
export const quarantineDeployment = async (
  pipeline: Pick<CommandPipeline, 'execute'>,
  { deployment_id, reason, records, two_people }: DeploymentQuarantine,
  context: CommandContext,
): Promise<CommandResult<readonly SetAside[]>> => {
  const by_tenant = new Map<TenantId, QuarantinedRecord[]>();
  for (const { tenant_id, stream, revision, position, type, indexes } of records) {
    const record = { stream, revision, position, type, ...(indexes && { indexes }) };
    by_tenant.set(tenant_id, [...(by_tenant.get(tenant_id) ?? []), record]);
  }
  const done: SetAside[] = [];
  let reached = { position: '0'.repeat(16), replayed: false } as Pick<
    Extract<CommandResult<unknown>, { ok: true }>,
    'position' | 'replayed'
  >;
  for (const [tenant_id, own] of by_tenant)
    for (let from = 0; from < own.length; from += MAX_RECORDS) {
      const part = own.slice(from, from + MAX_RECORDS);
      const places = part.map(({ position, indexes }) => [position, indexes ?? 'all']);
      const uuid = uuidFrom('quarantine', deployment_id, tenant_id, JSON.stringify(places));
      const quarantine_id = publicId('quarantine', uuid);
      const input = { tenant_id, deployment_id, quarantine_id, reason, records: part, two_people };
      const result = await pipeline.execute(setAsideIntroduced, input, context);
      if (!result.ok) return result;
      done.push(result.value);
      if (result.position > reached.position) reached = result;
    }
  return { ok: true, value: done, position: reached.position, replayed: false };
};
