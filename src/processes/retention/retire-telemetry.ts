import type { CommandPipeline } from '../../commands/handle.js';
import { retireTelemetry } from '../../commands/retire-telemetry.js';
import { append, EMPTY, rootOf, type NodePlace } from '../../domain/integrity/merkle.js';
import { signNote, type NoteSigner } from '../../domain/integrity/signed-note.js';
import type { TenantId } from '../../domain/ids.js';
import { statementOf, statementText, type RetiredTelemetry } from '../../domain/retention/retention.js';
import { rangesOf } from '../../domain/revision-ranges.js';
import { processPrincipal } from '../../domain/tenancy/access.js';
import type { EventLog, Position } from '../../eventstore/event-store.js';
import type { LogTree } from '../../eventstore/log-tree.js';
import { sha256 } from '../../eventstore/tree-file.js';
import { chunkIndex } from '../../projections/chunk-index/projection.js';
import type { ReadModels } from '../../projections/read-models.js';
import { outcomeOf } from '../outcome.js';
import type { ReactionOutcome } from '../process.js';
import { oldestRetirable, type Retirable } from './retirable.js';
import type { DueRetirement } from './retention.js';

/** The process manager's name in the provenance of what it writes. */
const RETENTION = 'retention';

/** How long the index of chunks may take to get to the end of the log. */
const CATCH_UP_MS = 10_000;

export interface RetiringTools {
  readonly pipeline: Pick<CommandPipeline, 'execute'>;
  readonly models: ReadModels;
  readonly log: EventLog;
  readonly tree: LogTree;
  /** Signs what it says; absent: nobody does. */
  readonly signer?: NoteSigner | undefined;
}

const behind: ReactionOutcome = { outcome: 'unavailable', detail: 'The index of chunks is behind the log.' };

/** Retires what is due; `onRetired` is told how many chunks each record retires. */
export type RetireOldest = (
  due: DueRetirement,
  signal: AbortSignal,
  onRetired?: (chunks: number) => void,
) => Promise<ReactionOutcome>;

/**
 * Retires a tenant's telemetry from before a time, the oldest first, a day or less with each record. What a crash
 * leaves is found again: the index says what is still there.
 */
export const retireOldest =
  (tools: RetiringTools): RetireOldest =>
  async (due, signal, onRetired = () => undefined) => {
    const { pipeline, models, log } = tools;
    const { tenant_id, days, before, cause } = due;
    for (let reached = await log.head(); !signal.aborted;) {
      if (!(await models.reached([chunkIndex], reached, CATCH_UP_MS))) return behind;
      const retirable = await oldestRetirable(models, tenant_id, before);
      if (!retirable) return { outcome: 'done' };
      const retired = await describe(tools, tenant_id, days, retirable);
      const result = await pipeline.execute(retireTelemetry, retired, {
        principal: processPrincipal(RETENTION, tenant_id, 'tenant:admin'),
        origin: 'process_manager',
        request_id: `${RETENTION}/${cause.event_id}`,
        correlation_id: cause.correlation_id,
        causation_id: cause.event_id,
      });
      if (!result.ok) return outcomeOf(result);
      onRetired(retired.chunks);
      reached = result.position;
    }
    return { outcome: 'unavailable', detail: 'The process is to end.' };
  };

const describe = async (
  { tree, signer }: RetiringTools,
  tenant: TenantId,
  days: number,
  { chunks, before }: Retirable,
): Promise<RetiredTelemetry> => {
  const positions = chunks.map(({ position }) => position).toSorted();
  const retired: RetiredTelemetry = {
    days,
    before: new Date(before).toISOString(),
    records: rangesOf(chunks),
    ...statementOf(chunks),
    leaf_root: await leafRoot(tree, positions),
  };
  return signer ? { ...retired, statement: signNote(statementText(tenant, retired), signer) } : retired;
};

/** The root of a Merkle tree over the leaf hashes of some records, in hexadecimal digits. */
const leafRoot = async (tree: LogTree, positions: readonly Position[]): Promise<string> => {
  const places: NodePlace[] = [];
  for (const position of positions) {
    const index = await tree.indexOf(position);
    if (index === undefined) throw new Error(`There is no record at ${position}.`);
    places.push({ level: 0, index });
  }
  const leaves = await tree.nodes(places);
  const grown = leaves.reduce((frontier, leaf) => append(sha256, frontier, leaf), EMPTY);
  return Buffer.from(rootOf(sha256, grown)).toString('hex');
};
