import type { DeploymentId, TenantId } from '../../domain/ids.js';
import { publicId } from '../../domain/ids.js';
import type { QuarantinedRecord } from '../../domain/quarantine/quarantine.js';
import { RecordRuns } from '../../domain/quarantine/runs.js';
import { START } from '../../eventstore/event-store.js';
import { uuidFrom } from '../../platform/uuid.js';
import type { CommandContext, CommandResult } from '../command.js';
import type { CommandPipeline } from '../handle.js';
import { MAX_RECORDS } from './records.js';
import { setAsideIntroduced } from './set-aside-introduced.js';

type TenantRecord = QuarantinedRecord & { readonly tenant_id: TenantId };

/** Records to set aside for a deployment, of whichever tenants. */
export interface DeploymentQuarantine {
  readonly deployment_id: DeploymentId;
  readonly reason: string;
  readonly records: AsyncIterable<TenantRecord> | Iterable<TenantRecord>;
  /** Propose only: a person has to approve. */
  readonly two_people: boolean;
}

export type SetAside = Extract<
  Awaited<ReturnType<(typeof setAsideIntroduced)['run']>>,
  { ok: true }
>['value'];

/**
 * Sets a deployment's records aside, by the operator and through the guard that the deployment holds up. They come in
 * the log's order, however many there are: of each tenant as many as one quarantine names, in runs, are held at a time.
 * The same records again change nothing, so that a deployment that died may repeat it. Ends with the first refusal;
 * what was set aside before it stays so.
 */
export const quarantineDeployment = async (
  pipeline: Pick<CommandPipeline, 'execute'>,
  { deployment_id, reason, records, two_people }: DeploymentQuarantine,
  context: CommandContext,
): Promise<CommandResult<readonly SetAside[]>> => {
  const done: SetAside[] = [];
  let reached = START;
  const setAside = async (tenant_id: TenantId, named: readonly QuarantinedRecord[]) => {
    const uuid = uuidFrom('quarantine', deployment_id, tenant_id, JSON.stringify(named.map(placeOf)));
    const quarantine_id = publicId('quarantine', uuid);
    const input = { tenant_id, deployment_id, quarantine_id, reason, records: named, two_people };
    const result = await pipeline.execute(setAsideIntroduced, input, context);
    if (!result.ok) return result;
    done.push(result.value);
    if (result.position > reached) reached = result.position;
    return undefined;
  };
  const open = new Map<TenantId, RecordRuns>();
  for await (const { tenant_id, stream, revision, position, type, indexes } of records) {
    const record = { stream, revision, position, type, ...(indexes && { indexes }) };
    const runs = open.get(tenant_id);
    if (runs?.add(record)) continue;
    const refused = runs && (await setAside(tenant_id, runs.records));
    if (refused) return refused;
    const begun = new RecordRuns(MAX_RECORDS);
    begun.add(record);
    open.set(tenant_id, begun);
  }
  for (const [tenant_id, runs] of open) {
    const refused = await setAside(tenant_id, runs.records);
    if (refused) return refused;
  }
  return { ok: true, value: done, position: reached, replayed: false };
};

/** What tells a run of records from another. A record by itself is told as it was before there were runs. */
const placeOf = ({ position, indexes, through }: QuarantinedRecord): readonly unknown[] =>
  through ? [position, through.position] : [position, indexes ?? 'all'];
