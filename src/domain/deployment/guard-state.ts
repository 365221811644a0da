import type { DeploymentId } from '../ids.js';

/** What may still be written while a deployment is under way: nothing, or telemetry, which is then marked. */
export type GuardMode = 'strict' | 'allow_ingest';

/** The deployment guard; each begin and each end of a deployment opens a new epoch. */
export interface GuardState {
  readonly epoch: number;
  readonly mode: 'open' | GuardMode;
  /** The deployment under way. */
  readonly deployment_id?: DeploymentId;
  readonly release?: string;
  /** RFC 3339; absent on deployments that older releases began. */
  readonly begun_at?: string;
}

/** What kind of record a command writes, as far as the guard is concerned. */
export type WriteKind = 'telemetry' | 'domain' | 'deployment' | 'nothing';

/** Whether a command that writes such records may be carried out in this state. */
export const permits = (guard: Pick<GuardState, 'mode'>, kind: WriteKind): boolean =>
  guard.mode === 'open' ||
  kind === 'deployment' ||
  kind === 'nothing' ||
  (kind === 'telemetry' && guard.mode === 'allow_ingest');
