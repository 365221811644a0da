import {
  deploymentEventTypes,
  movesGuard,
  type BackupNote,
  type DeploymentEvent,
  type GuardMode,
} from '../domain/deployment/deployment.js';
import type { Finding, Fingerprint } from '../domain/deployment/verification.js';
import { readEvent } from '../domain/stored-event.js';
import { deploymentsStream } from '../domain/streams.js';
import type { EventLog, Position, StreamName } from '../eventstore/event-store.js';

/** When something was recorded, and where it stands. */
interface Moment {
  readonly at: string;
  readonly position: Position;
}

export type DeploymentEnd = Moment &
  (
    | { readonly outcome: 'completed' }
    | { readonly outcome: 'rolled_back'; readonly reason: string }
    | { readonly outcome: 'overridden'; readonly by: string; readonly reason: string }
  );

/** What the log says of one deployment. */
export interface DeploymentHistory {
  readonly deployment_id: string;
  readonly release: string;
  readonly mode: GuardMode;
  readonly epoch: number;
  /** The release and the instance that ran when it was begun. */
  readonly begun: Moment & { readonly release: string; readonly instance_id: string };
  readonly measured?: Moment & { readonly before: Fingerprint; readonly backup: BackupNote };
  /** The verifications, in their order. */
  readonly verified: readonly (Moment & {
    readonly passed: boolean;
    readonly findings: readonly Finding[];
    readonly finding_count: number;
    /** The release that verified. */
    readonly release: string;
  })[];
  readonly end?: DeploymentEnd;
}

/** All deployments, the oldest first. */
export const readDeployments = async (
  log: Pick<EventLog, 'readStream'>,
): Promise<readonly DeploymentHistory[]> => {
  const found: DeploymentHistory[] = [];
  for await (const record of log.readStream(deploymentsStream as StreamName)) {
    const event = readEvent<DeploymentEvent>(deploymentEventTypes, record);
    if (!event) continue;
    const { recorded_at: at, release, instance_id } = record.metadata;
    const moment = { at, position: record.position };
    if (event.type === 'DeploymentBegun') {
      const { deployment_id, release: wanted, mode, epoch } = event.data;
      const begun = { ...moment, release, instance_id };
      found.push({ deployment_id, release: wanted, mode, epoch, begun, verified: [] });
      continue;
    }
    const last = found.pop();
    if (last) found.push(told(last, event, moment, release));
  }
  return found;
};

const told = (
  history: DeploymentHistory,
  event: Exclude<DeploymentEvent, { type: 'DeploymentBegun' }>,
  moment: Moment,
  release: string,
): DeploymentHistory => {
  if (event.data.deployment_id !== history.deployment_id || history.end) return history;
  if (movesGuard(event)) return { ...history, end: endOf(event, moment) };
  if (event.type === 'DeploymentMeasured') {
    const { before, backup } = event.data;
    return { ...history, measured: { ...moment, before, backup } };
  }
  const { passed, findings, finding_count } = event.data;
  return {
    ...history,
    verified: [...history.verified, { ...moment, passed, findings, finding_count, release }],
  };
};

type EndEvent = Extract<
  DeploymentEvent,
  { type: 'DeploymentCompleted' | 'DeploymentRolledBack' | 'DeploymentOverridden' }
>;

const endOf = (event: EndEvent, moment: Moment): DeploymentEnd => {
  switch (event.type) {
    case 'DeploymentCompleted':
      return { ...moment, outcome: 'completed' };
    case 'DeploymentRolledBack':
      return { ...moment, outcome: 'rolled_back', reason: event.data.reason };
    case 'DeploymentOverridden':
      return { ...moment, outcome: 'overridden', by: event.data.by, reason: event.data.reason };
  }
};
