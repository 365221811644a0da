import { DroppingForbidden, type RecordDropping } from '../../eventstore/dropping.js';
import type { ReactionOutcome } from '../process.js';
import type { DueDropping } from './retention.js';

/**
 * Takes out of the files what was retired or cut, while no deployment is under way. Where a server keeps the log's files there
 * is nothing to be done: the read models show no more of it.
 */
export const dropRetired =
  (log: RecordDropping | undefined, isGuarded: () => boolean) =>
  async ({ records, cuts, through }: DueDropping, signal: AbortSignal): Promise<ReactionOutcome> => {
    try {
      await log?.drop({ records, cuts }, through, { isAllowed: () => !isGuarded(), signal });
      return { outcome: 'done' };
    } catch (error) {
      if (!(error instanceof DroppingForbidden)) throw error;
      return { outcome: 'guarded', detail: 'Nothing is dropped while a deployment is under way.' };
    }
  };
