import { deploymentEventTypes, type DeploymentEvent } from '../domain/deployment/deployment.js';
import { readEvent } from '../domain/stored-event.js';
import { deploymentsStream } from '../domain/streams.js';
import {
  START,
  type EventLog,
  type Position,
  type RecordedEvent,
  type StreamName,
} from '../eventstore/event-store.js';
import type { DeploymentGuard } from './guard.js';

const take = (guard: DeploymentGuard, record: RecordedEvent): void => {
  const event = readEvent<DeploymentEvent>(deploymentEventTypes, record);
  if (event) guard.apply(event);
};

/** Puts the guard where the log has it; nothing may be written before. Answers how far it looked. */
export const restoreGuard = async (log: EventLog, guard: DeploymentGuard): Promise<Position> => {
  let position = START;
  for await (const record of log.readStream(deploymentsStream as StreamName)) {
    take(guard, record);
    ({ position } = record);
  }
  return position;
};

/** Takes the deployments that other instances begin and complete into account, until the signal aborts. */
export const followGuard = async (
  log: EventLog,
  guard: DeploymentGuard,
  after: Position,
  signal: AbortSignal,
): Promise<void> => {
  const filter = { types: deploymentEventTypes, stream_prefix: deploymentsStream };
  for await (const { events } of log.subscribe(after, filter, signal))
    for (const record of events) take(guard, record);
};
