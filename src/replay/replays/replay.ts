import type { TenantId } from '../../domain/ids.js';
import type { Actor } from '../../domain/provenance.js';
import { parsePatterns } from '../../domain/telemetry/routes/patterns.js';
import type { Position, RecordedEvent } from '../../eventstore/event-store.js';
import type { Moment } from '../moments.js';
import type { AnyProjection } from '../../projections/projection.js';
import type { Differences } from './differences.js';

/**
 * What a candidate is folded from: the past as it was where nothing is said, else another one. There is no fold to be
 * sent in: code of strangers is not run here. Another release's fold is tried by that release.
 */
export interface AnotherPast {
  /** Records that are left out, as if they had never been written. */
  readonly without?: {
    readonly deployment_ids?: readonly string[];
    readonly actor_ids?: readonly string[];
    readonly positions?: readonly Position[];
  };
  /** Route patterns that hold from the beginning on, in place of the tenants' own. */
  readonly route_patterns?: readonly string[];
}

/**
 * What a candidate is compared with. `served`: the documents that are served, at the same position. `previous`: those
 * of the generation that was served before, where they stopped. `replayed`: the same range, folded as it was.
 */
export type Baseline = 'served' | 'previous' | 'replayed';

export interface ReplayWanted extends AnotherPast {
  readonly projections: readonly string[];
  /** Absent: all. */
  readonly tenants?: readonly TenantId[];
  /** Records after it; absent: from the beginning. */
  readonly after?: Moment;
  /** Records up to it; absent: to the log's end. */
  readonly until?: Moment;
  readonly baseline: Baseline;
}

export type ReplayState = 'queued' | 'running' | 'paused' | 'cancelled' | 'done' | 'failed';

/** How far a replay is, since it was begun. */
export interface ReplayProgress {
  /** From 0 to 1. */
  readonly share: number;
  /** Folded so far, telemetry counted by event. */
  readonly events: number;
  readonly events_per_second: number;
  readonly seconds_left?: number;
}

export interface ReplayResult {
  readonly projection: string;
  /** Up to where the documents reflect the log. */
  readonly position: Position;
  /** Keys of the candidate that wait because a record could not be folded. */
  readonly parked: number;
  readonly differences: Differences;
}

export interface Replay {
  readonly id: string;
  readonly state: ReplayState;
  readonly wanted: ReplayWanted;
  readonly requested_by: Actor;
  /** RFC 3339. */
  readonly created_at: string;
  readonly ended_at?: string;
  readonly progress: ReplayProgress;
  /** Why it failed. */
  readonly error?: string;
}

/** A replay that cannot be started, or is not in a state for what is asked, and why. */
export class ReplayRefused extends Error {
  constructor(
    readonly code: 'invalid_replay' | 'too_many_replays' | 'replay_ended',
    message: string,
  ) {
    super(message);
    this.name = 'ReplayRefused';
  }
}

export const isOpen = ({ state }: Pick<Replay, 'state'>): boolean =>
  state === 'queued' || state === 'running' || state === 'paused';

/** Whether a candidate's past differs from the one that was. */
export const isAnother = ({ without, route_patterns }: AnotherPast): boolean =>
  route_patterns !== undefined || Object.values(without ?? {}).some((listed) => listed.length > 0);

/** Why a replay makes no sense; undefined where it does. */
export const faultOf = (wanted: ReplayWanted, projections: readonly AnyProjection[]): string | undefined => {
  const known = projections.map(({ name }) => name);
  const unknown = wanted.projections.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    return `There is no read model ${unknown.join(', ')}; there are ${known.join(', ')}.`;
  if (wanted.baseline !== 'replayed' && (wanted.after ?? wanted.until))
    return 'A range is compared with the same range replayed (baseline: replayed): stored documents hold all of the past.';
  if (wanted.baseline === 'replayed' && !isAnother(wanted))
    return 'The same range folded twice is the same: leave records out, give route patterns, or compare with what is stored.';
  if (wanted.route_patterns) {
    const parsed = parsePatterns(wanted.route_patterns);
    if (!parsed.ok) return `Pattern ${parsed.index + 1}: ${parsed.detail}`;
    const without = projections.filter(
      ({ name, shows_routes }) => wanted.projections.includes(name) && !shows_routes,
    );
    if (without.length > 0)
      return `Route patterns change nothing in ${without.map(({ name }) => name).join(', ')}.`;
  }
  return undefined;
};

/** Which records another past is without; undefined where it is without none. */
export const leftOut = ({ without }: AnotherPast): ((event: RecordedEvent) => boolean) | undefined => {
  if (!without) return undefined;
  const deployments = new Set<string | undefined>(without.deployment_ids);
  const actors = new Set(without.actor_ids);
  const positions = new Set(without.positions);
  return ({ metadata, position }) =>
    (metadata.deployment_id !== undefined && deployments.has(metadata.deployment_id)) ||
    actors.has(metadata.actor.id) ||
    positions.has(position);
};
