import type { Position } from '../eventstore/event-store.js';
import { lowest } from '../projections/runner/follow.js';
import type { Lane } from '../projections/runner/lane.js';
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
      for (const lane of lanes) results.push(await inspect(replay, lane, signal));
      return results;
    } finally {
      for (const lane of lanes) await maintenance.discard(lane);
    }
  });
  return outcomes ?? projections.map((projection) => ({ outcome: 'busy', projection }));
};

const inspect = async (
  { maintenance, clock }: Replay,
  lane: Lane,
  signal: AbortSignal,
): Promise<VerifyOutcome> => {
  const projection = lane.projection.name;
  if (signal.aborted) return { outcome: 'stopped', projection };
  try {
    return await maintenance.whileHeld(projection, async (held) => {
      await level(maintenance, held, lane);
      const comparison = await compare(lane.projection, held.documents, lane.documents, clock);
      return { outcome: 'verified', projection, position: lane.position, ...comparison };
    });
  } catch (error) {
    if (maintenance.signal.aborted) return { outcome: 'stopped', projection };
    throw error;
  }
};
