import type { CommandPipeline } from '../../commands/handle.js';
import { sealCheckpoint } from '../../commands/seal-checkpoint.js';
import type { CheckpointSealed } from '../../domain/integrity/seals.js';
import { processPrincipal } from '../../domain/tenancy/access.js';
import type { RecordedEvent } from '../../eventstore/event-store.js';
import { outcomeOf } from '../outcome.js';
import type { ReactionOutcome } from '../process.js';

/** The process manager's name in the provenance of what it writes. */
const SEALER = 'sealer';

/** A checkpoint to be recorded, after the last one that is known, on account of the last record that it covers. */
export interface Seal {
  readonly checkpoint: CheckpointSealed['data'];
  readonly last?: CheckpointSealed['data'] & { readonly revision: number };
  readonly cause?: Pick<RecordedEvent, 'id' | 'metadata'> | undefined;
}

/** Puts checkpoints into the log as commands of the sealer. */
export const recordSeal =
  (pipeline: Pick<CommandPipeline, 'execute'>) =>
  async ({ checkpoint, last, cause }: Seal): Promise<ReactionOutcome> => {
    const request_id = `${SEALER}/${checkpoint.size}`;
    return outcomeOf(
      await pipeline.execute(
        sealCheckpoint,
        { ...checkpoint, ...(last && { last }) },
        {
          principal: processPrincipal(SEALER, undefined, 'log:seal'),
          origin: 'process_manager',
          request_id,
          correlation_id: cause?.metadata.correlation_id ?? request_id,
          ...(cause && { causation_id: cause.id }),
        },
      ),
    );
  };
