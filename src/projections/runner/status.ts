import type { Position } from '../../eventstore/event-store.js';
import type { AnyProjection } from '../projection.js';
import type { Generation } from './generations.js';
import type { Lane } from './lane.js';

/** `live`: follows the log; `catching_up`: on its way there; `held`: rests for a comparison; `outdated`: its fold is gone, a new generation is being built. */
type ProjectionState = 'live' | 'catching_up' | 'held' | 'outdated' | 'failed';

interface ProjectionStatus {
  readonly name: string;
  readonly version: number;
  /** Absent where what is served was made by another version's fold. */
  readonly generation?: Generation;
  readonly state: ProjectionState;
  readonly position: Position;
  /** How far behind the log's head, in what positions count in this store; 0: nothing is missing. */
  readonly lag: number;
  readonly parked: number;
  readonly events_per_second: number;
}

export interface HostStatus {
  readonly head: Position;
  readonly state: 'running' | 'failed';
  /** What is wrong with the read store or the log, where something is. */
  readonly trouble?: string;
  readonly projections: readonly ProjectionStatus[];
}

/** What the host knows of one read model. */
interface Standing {
  readonly projection: AnyProjection;
  readonly position: Position;
  readonly lane: Lane | undefined;
  readonly held: boolean;
  readonly per_second: number;
}

export const statusOf = (
  { head, failed, trouble }: { head: Position; failed: boolean; trouble?: string },
  standings: readonly Standing[],
): HostStatus => ({
  head,
  state: failed ? 'failed' : 'running',
  ...(trouble !== undefined && { trouble }),
  projections: standings.map(({ projection, position, lane, held, per_second }) => {
    const lag = distance(position, head);
    return {
      name: projection.name,
      version: projection.version,
      ...(lane && { generation: lane.generation }),
      state: failed ? 'failed' : stateOf(lane, held, lag),
      position,
      lag,
      parked: lane?.parked.length ?? 0,
      events_per_second: per_second,
    };
  }),
});

const stateOf = (lane: Lane | undefined, held: boolean, lag: number): ProjectionState => {
  if (!lane) return 'outdated';
  if (held) return 'held';
  return lag === 0 ? 'live' : 'catching_up';
};

/** From one position to another, or 0 where it is not before it. */
export const distance = (from: Position, to: Position): number =>
  from < to ? Number(BigInt(`0x${to}`) - BigInt(`0x${from}`)) : 0;
