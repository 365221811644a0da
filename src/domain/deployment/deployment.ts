import { accept, refuse, type Decider, type Decision } from '../decider.js';
import type { DeploymentId } from '../ids.js';
import type { GuardMode, GuardState } from './guard-state.js';
import type { Finding, Fingerprint } from './verification.js';

export { permits, type GuardMode, type GuardState, type WriteKind } from './guard-state.js';

/** A snapshot of the log that was read back and checked; or, of a log that is a server's, where it stood. */
export interface BackupNote {
  readonly kind: 'snapshot' | 'position';
  /** The directory of a snapshot. */
  readonly place?: string;
  readonly position: string;
  readonly records?: number;
  readonly bytes?: number;
  /** The log's hash chain at its end, where it has one. */
  readonly chain?: string;
  /** The root of the Merkle tree over its records, in base64: what a backup of the server's own is held against. */
  readonly root?: string;
}

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
export type DeploymentEvent =
  | {
      readonly type: 'DeploymentBegun';
      readonly data: {
        readonly deployment_id: DeploymentId;
        readonly release: string;
        readonly mode: GuardMode;
        readonly epoch: number;
        /** RFC 3339. */
        readonly begun_at?: string;
      };
    }
  /** How everything stood with the guard up and before anything was deployed. */
  | {
      readonly type: 'DeploymentMeasured';
      readonly data: {
        readonly deployment_id: DeploymentId;
        readonly before: Fingerprint;
        readonly backup: BackupNote;
      };
    }
  /** What verifying came to; of many findings the first ones. */
  | {
      readonly type: 'DeploymentVerified';
      readonly data: {
        readonly deployment_id: DeploymentId;
        readonly passed: boolean;
        /** How far the log was looked at. */
        readonly position: string;
        readonly findings: readonly Finding[];
        readonly finding_count: number;
      };
    }
  /** Verified, and good. */
  | {
      readonly type: 'DeploymentCompleted';
      readonly data: { readonly deployment_id: DeploymentId; readonly epoch: number };
    }
  /** Verified, and everything is as it was before. */
  | {
      readonly type: 'DeploymentRolledBack';
      readonly data: {
        readonly deployment_id: DeploymentId;
        readonly epoch: number;
        readonly reason: string;
      };
    }
  /** A person ended it without a passed verification. */
  | {
      readonly type: 'DeploymentOverridden';
      readonly data: {
        readonly deployment_id: DeploymentId;
        readonly epoch: number;
        readonly by: string;
        readonly reason: string;
      };
    };

/** Those that move the guard: each opens a new epoch. */
export type GuardEvent = Extract<DeploymentEvent, { readonly data: { readonly epoch: number } }>;

export const deploymentEventTypes = [
  'DeploymentBegun',
  'DeploymentMeasured',
  'DeploymentVerified',
  'DeploymentCompleted',
  'DeploymentRolledBack',
  'DeploymentOverridden',
] as const;

export const movesGuard = (event: DeploymentEvent): event is GuardEvent => 'epoch' in event.data;

/**
 * The guard, and how far the deployment under way has got. All deployments are one stream: that only one is under way
 * at a time is then a matter of the exact revision.
 */
export interface DeploymentState extends GuardState {
  readonly before?: Fingerprint;
  readonly backup?: BackupNote;
  /** The last verification; records of the deployment alone came after it. */
  readonly verified?: { readonly passed: boolean; readonly position: string };
  /** The deployment that ended last; its id is used up. */
  readonly ended_id?: DeploymentId;
}

export const initial: DeploymentState = { epoch: 0, mode: 'open' };

export const evolve = (state: DeploymentState, event: DeploymentEvent): DeploymentState => {
  switch (event.type) {
    case 'DeploymentBegun': {
      const { epoch, mode, deployment_id, release, begun_at } = event.data;
      return { epoch, mode, deployment_id, release, ...(begun_at !== undefined && { begun_at }) };
    }
    case 'DeploymentMeasured': {
      const { before, backup } = event.data;
      return { ...state, before, backup };
    }
    case 'DeploymentVerified': {
      const { passed, position } = event.data;
      return { ...state, verified: { passed, position } };
    }
    case 'DeploymentCompleted':
    case 'DeploymentRolledBack':
    case 'DeploymentOverridden':
      return { epoch: event.data.epoch, mode: 'open', ended_id: event.data.deployment_id };
  }
};

export const deploymentDecider: Decider<DeploymentState, DeploymentEvent> = { initial, evolve };

/** Raises the guard. The same deployment twice is the same as once; a second one waits for the first. */
export const begin = (
  state: DeploymentState,
  deployment: {
    readonly deployment_id: DeploymentId;
    readonly release: string;
    readonly mode: GuardMode;
    readonly begun_at?: string;
  },
): Decision<DeploymentEvent> => {
  if (state.mode === 'open')
    return state.ended_id === deployment.deployment_id
      ? refuse('deployment_ended', 'This deployment has ended; begin another one.')
      : accept([{ type: 'DeploymentBegun', data: { ...deployment, epoch: state.epoch + 1 } }]);
  return state.deployment_id === deployment.deployment_id
    ? accept([])
    : refuse(
        'deployment_in_progress',
        `Deployment ${state.deployment_id ?? ''} is under way; complete it first.`,
      );
};

/** Why nothing can be decided about a deployment; undefined where it is the one under way. */
const notUnderWay = (
  state: DeploymentState,
  deployment_id: DeploymentId,
): ReturnType<typeof refuse> | undefined => {
  if (state.mode === 'open') return refuse('no_deployment', 'No deployment is under way.');
  return state.deployment_id === deployment_id
    ? undefined
    : refuse('other_deployment', `The deployment under way is ${state.deployment_id ?? ''}, not this one.`);
};

/** Keeps how everything stood before. The first measurement counts: a later one may have seen the deployment. */
export const measure = (
  state: DeploymentState,
  deployment_id: DeploymentId,
  measured: { readonly before: Fingerprint; readonly backup: BackupNote },
): Decision<DeploymentEvent> =>
  notUnderWay(state, deployment_id) ??
  accept(state.before ? [] : [{ type: 'DeploymentMeasured', data: { deployment_id, ...measured } }]);

/** Findings kept of one verification. */
const FINDINGS = 100;

/** Keeps what verifying came to: each verification anew. */
export const verify = (
  state: DeploymentState,
  deployment_id: DeploymentId,
  verified: { readonly position: string; readonly findings: readonly Finding[] },
): Decision<DeploymentEvent> => {
  const other = notUnderWay(state, deployment_id);
  if (other) return other;
  if (!state.before)
    return refuse(
      'not_measured',
      'How everything stood before was not measured; begin the deployment again.',
    );
  const { position, findings } = verified;
  const data = {
    deployment_id,
    passed: findings.length === 0,
    position,
    findings: findings.slice(0, FINDINGS),
    finding_count: findings.length,
  };
  return accept([{ type: 'DeploymentVerified', data }]);
};

/** Why the guard cannot be lowered; undefined where the last verification passed. */
const notVerified = (state: DeploymentState): ReturnType<typeof refuse> | undefined => {
  if (!state.verified) return refuse('not_verified', 'Verify the deployment first.');
  return state.verified.passed
    ? undefined
    : refuse(
        'verification_failed',
        'The last verification failed: roll back, or set aside what was introduced and verify again.',
      );
};

/** Lowers the guard after a passed verification. */
export const complete = (state: DeploymentState, deployment_id: DeploymentId): Decision<DeploymentEvent> =>
  notUnderWay(state, deployment_id) ??
  notVerified(state) ??
  accept([{ type: 'DeploymentCompleted', data: { deployment_id, epoch: state.epoch + 1 } }]);

/** Lowers the guard after a verification that says that everything is as it was. */
export const rollBack = (
  state: DeploymentState,
  deployment_id: DeploymentId,
  reason: string,
): Decision<DeploymentEvent> =>
  notUnderWay(state, deployment_id) ??
  notVerified(state) ??
  accept([{ type: 'DeploymentRolledBack', data: { deployment_id, epoch: state.epoch + 1, reason } }]);

/** Lowers the guard on a person's word. */
export const override = (
  state: DeploymentState,
  deployment_id: DeploymentId,
  { by, reason }: { readonly by: string; readonly reason: string },
): Decision<DeploymentEvent> =>
  notUnderWay(state, deployment_id) ??
  accept([{ type: 'DeploymentOverridden', data: { deployment_id, epoch: state.epoch + 1, by, reason } }]);
