import type { CommandResult, RefusalKind } from '../commands/handle.js';
import type { ReactionOutcome } from './process.js';

/** What may pass: tried again. Anything else would be refused again. */
const passing: ReadonlySet<RefusalKind> = new Set<RefusalKind>(['unavailable', 'disk_full', 'busy', 'stale']);

/** How a reaction came out that was carried out as a command. */
export const outcomeOf = (result: CommandResult<unknown>): ReactionOutcome => {
  if (result.ok) return { outcome: 'done' };
  const { kind, detail } = result.refusal;
  if (kind === 'guarded') return { outcome: 'guarded', detail };
  return { outcome: passing.has(kind) ? 'unavailable' : 'refused', detail };
};
