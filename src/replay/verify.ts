import type { Position } from '../eventstore/event-store.js';
import { lowest } from '../projections/runner/follow.js';
import { compare, type Comparison } from './compare.js';
import { measureProgress, type Progress } from './progress.js';
import { level, type Replay } from './rebuild.js';

export interface VerifyOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export type VerifyOutcome =
  | ({
      readonly outcome: 'verified';
      readonly projection: string;
      /** Where served and replayed documents were compared. */
      readonly position: Position;
    } & Comparison)
  | { readonly outcome: 'stopped' | 'busy'; readonly projection: string };

/**
 * Replays the log into collections that are thrown away, and compares them with what is served, at the same
 * position, document by document. All read models share one pass over the log; each rests, still served, while it
 * is compared, and then goes on.
 */
export const verify = async (
  replay: Replay,
  projections: readonly string[],
  options: VerifyOptions = {},
): Promise<readonly VerifyOutcome[]> => {
  const { log, clock, maintenance } = replay;
  const signal = AbortSignal.any([maintenance.signal, ...(options.signal ? [options.signal] : [])]);
  const outcomes = await maintenance.exclusively(projections, async () => {
    const lanes = await Promise.all(projections.map((name) => maintenance.scratch(name)));
    try {
      const report = await measureProgress(log, clock, projections, lowest(lanes), options.onProgress);
      await maintenance.follow(lanes, { signal, onProgress: report });
      const results: VerifyOutcome[] = [];
      for (const lane of lanes) {
        const projection = lane.projection.name;
        if (signal.aborted) {
          results.push({ outcome: 'stopped', projection });
          continue;
        }
        const held = await maintenance.hold(projection);
        try {
          await level(maintenance, held, lane);
          const comparison = await compare(held.documents, lane.documents, clock);
          results.push({ outcome: 'verified', projection, position: lane.position, ...comparison });
        } finally {
          await maintenance.release(projection);
        }
      }
      return results;
    } finally {
      for (const lane of lanes) await maintenance.discard(lane);
    }
  });
  return outcomes ?? projections.map((projection) => ({ outcome: 'busy', projection }));
};
