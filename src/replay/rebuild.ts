import type { EventLog, Position } from '../eventstore/event-store.js';
import type { Clock } from '../platform/clock.js';
import { lowest } from '../projections/runner/follow.js';
import { Poisoned } from '../projections/runner/folded-documents.js';
import type { Lane } from '../projections/runner/lane.js';
import type { Maintenance } from '../projections/runner/maintenance.js';
import { compare, type Comparison } from './compare.js';
import { measureProgress, type Progress } from './progress.js';

/** What a replay works with. It is given neither a writer of the log nor a channel to notify on. */
export interface Replay {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly maintenance: Maintenance;
}

export interface RebuildOptions {
  /** Stops the rebuild; what was built stays, and the next rebuild goes on with it. */
  readonly signal?: AbortSignal;
  /** Begins anew even where an unfinished rebuild could be gone on with. */
  readonly fresh?: boolean;
  readonly onProgress?: (progress: Progress) => void;
}

export type RebuildOutcome =
  | {
      readonly outcome: 'switched';
      readonly projection: string;
      readonly generation: number;
      /** Where old and new were compared. */
      readonly position: Position;
      readonly comparison: Comparison;
    }
  | { readonly outcome: 'stopped'; readonly projection: string; readonly position: Position }
  | {
      readonly outcome: 'poisoned';
      readonly projection: string;
      readonly position: Position;
      readonly error: string;
    }
  /** Something else is being done with the read model, or moved its pointer first. */
  | { readonly outcome: 'busy'; readonly projection: string };

/**
 * Builds read models anew from the log while they are served, and switches to the new generations. All of them
 * share one pass over the log; then each is compared with what is served, at the same position, and takes its
 * place. What the log says is right: documents that differ are reported, and the new ones are served.
 */
export const rebuild = async (
  replay: Replay,
  projections: readonly string[],
  options: RebuildOptions = {},
): Promise<readonly RebuildOutcome[]> => {
  const { maintenance } = replay;
  const signal = AbortSignal.any([maintenance.signal, ...(options.signal ? [options.signal] : [])]);
  const outcomes = await maintenance.exclusively(projections, async () => {
    const lanes = await Promise.all(
      projections.map((name) => maintenance.candidate(name, options.fresh ?? false)),
    );
    const poisoned = await catchUp(replay, lanes, signal, options.onProgress);
    const results: RebuildOutcome[] = [];
    for (const lane of lanes) results.push(poisoned.get(lane) ?? (await finish(replay, lane, signal)));
    return results;
  });
  return outcomes ?? projections.map((projection) => ({ outcome: 'busy', projection }));
};

/** Goes back to the generation that was served before the last switch, brought up to date first. */
export const rollBack = async (
  replay: Replay,
  projection: string,
): Promise<RebuildOutcome | { readonly outcome: 'nothing_to_go_back_to'; readonly projection: string }> => {
  const { maintenance } = replay;
  const outcome = await maintenance.exclusively([projection], async () => {
    const lane = await maintenance.previous(projection);
    if (!lane) return { outcome: 'nothing_to_go_back_to', projection } as const;
    await maintenance.follow([lane]);
    return finish(replay, lane, maintenance.signal);
  });
  return outcome ?? { outcome: 'busy', projection };
};

/** Brings the lanes to the log's end in one pass; one that meets an event it cannot fold is left behind there. */
const catchUp = async (
  { log, clock, maintenance }: Replay,
  lanes: readonly Lane[],
  signal: AbortSignal,
  onProgress: RebuildOptions['onProgress'],
): Promise<ReadonlyMap<Lane, RebuildOutcome>> => {
  const poisoned = new Map<Lane, RebuildOutcome>();
  const names = lanes.map((lane) => lane.projection.name);
  const report = await measureProgress(log, clock, names, lowest(lanes), onProgress);
  let going = lanes;
  while (going.length > 0 && !signal.aborted) {
    try {
      await maintenance.follow(going, { signal, onProgress: report });
      return poisoned;
    } catch (error) {
      if (!(error instanceof Poisoned)) throw error;
      const { projection, position, message } = error;
      for (const lane of going)
        if (lane.projection.name === projection)
          poisoned.set(lane, { outcome: 'poisoned', projection, position, error: message });
      going = going.filter((lane) => !poisoned.has(lane));
    }
  }
  return poisoned;
};

const finish = async (replay: Replay, lane: Lane, signal: AbortSignal): Promise<RebuildOutcome> => {
  const { maintenance, clock } = replay;
  const projection = lane.projection.name;
  if (signal.aborted) {
    await lane.close();
    return { outcome: 'stopped', projection, position: lane.position };
  }
  try {
    return await maintenance.whileHeld(projection, async (held) => {
      await level(maintenance, held, lane);
      const comparison = await compare(lane.projection, held.documents, lane.documents, clock);
      const { position } = lane;
      if (!(await maintenance.promote(lane))) return { outcome: 'busy', projection };
      const { generation } = lane.generation;
      return { outcome: 'switched', projection, generation, position, comparison };
    });
  } catch (error) {
    if (error instanceof Poisoned)
      return { outcome: 'poisoned', projection, position: error.position, error: error.message };
    if (maintenance.signal.aborted) return { outcome: 'stopped', projection, position: lane.position };
    throw error;
  }
};

/** Brings two generations of a read model, neither of which is being fed, to the same position, without what is set aside as of there. */
export const level = async (maintenance: Maintenance, one: Lane, other: Lane): Promise<void> => {
  const until = one.as_of > other.as_of ? one.as_of : other.as_of;
  await maintenance.follow([one], { until });
  await maintenance.follow([other], { until });
};
