import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { DeploymentId } from '../ids.js';

/** What may still be written while a deployment is under way: nothing, or telemetry, which is then marked. */
export type GuardMode = 'strict' | 'allow_ingest';

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export type DeploymentEvent =
  | {
      readonly type: 'DeploymentBegun';
      readonly data: {
        readonly deployment_id: DeploymentId;
        readonly release: string;
        readonly mode: GuardMode;
        readonly epoch: number;
      };
    }
  | {
      readonly type: 'DeploymentCompleted';
      readonly data: { readonly deployment_id: DeploymentId; readonly epoch: number };
    };

export const deploymentEventTypes = ['DeploymentBegun', 'DeploymentCompleted'] as const;

/**
 * All deployments are one stream: that only one is under way at a time is then a matter of the exact revision.
 * The state is the guard: each begin and each completion opens a new epoch.
 */
export interface GuardState {
  readonly epoch: number;
  readonly mode: 'open' | GuardMode;
  /** The deployment under way. */
  readonly deployment_id?: DeploymentId;
  readonly release?: string;
}

export const initial: GuardState = { epoch: 0, mode: 'open' };

export const evolve = (_guard: GuardState, event: DeploymentEvent): GuardState => {
  switch (event.type) {
    case 'DeploymentBegun': {
      const { epoch, mode, deployment_id, release } = event.data;
      return { epoch, mode, deployment_id, release };
    }
    case 'DeploymentCompleted':
      return { epoch: event.data.epoch, mode: 'open' };
  }
};

export const deploymentDecider: Decider<GuardState, DeploymentEvent> = { initial, evolve };

/** Raises the guard. The same deployment twice is the same as once; a second one waits for the first. */
export const begin = (
  guard: GuardState,
  deployment: { deployment_id: DeploymentId; release: string; mode: GuardMode },
): Decision<DeploymentEvent> => {
  if (guard.mode === 'open')
    return accept([{ type: 'DeploymentBegun', data: { ...deployment, epoch: guard.epoch + 1 } }]);
  return guard.deployment_id === deployment.deployment_id
    ? accept([])
    : refuse(
        'deployment_in_progress',
        `Deployment ${guard.deployment_id ?? ''} is under way; complete it first.`,
      );
};

/** Lowers the guard. */
export const complete = (guard: GuardState, deployment_id: DeploymentId): Decision<DeploymentEvent> => {
  if (guard.mode === 'open') return refuse('no_deployment', 'No deployment is under way.');
  return guard.deployment_id === deployment_id
    ? accept([{ type: 'DeploymentCompleted', data: { deployment_id, epoch: guard.epoch + 1 } }])
    : refuse('other_deployment', `The deployment under way is ${guard.deployment_id ?? ''}, not this one.`);
};

/** What kind of record a command writes, as far as the guard is concerned. */
export type WriteKind = 'telemetry' | 'domain' | 'deployment';

/** Whether records of a kind may be written in this state. */
export const permits = (guard: GuardState, kind: WriteKind): boolean =>
  guard.mode === 'open' || kind === 'deployment' || (kind === 'telemetry' && guard.mode === 'allow_ingest');
