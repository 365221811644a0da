import { deploymentEventTypes, type DeploymentEvent } from '../domain/deployment/deployment.js';
import { readEvent } from '../domain/stored-event.js';
import { deploymentsStream } from '../domain/streams.js';
import {
  START,
  type EventLog,
  type Position,
  type RecordedEvent,
  type Revision,
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

/**
 * Brings the guard up to the log when it is asked: for logs that other instances write to, whose begins are followed
 * but a moment late. Those who ask while it reads are answered together by one read that begins after they asked.
 */
export class GuardReader {
  #next = 0;
  #reading: Promise<void> | undefined;
  #waiting: Promise<void> | undefined;

  constructor(
    private readonly log: Pick<EventLog, 'readStream'>,
    private readonly guard: DeploymentGuard,
  ) {}

  /** Whatever was in the log when this was called, the guard has it afterwards. Rejects where the log cannot be read. */
  readOn(): Promise<void> {
    if (!this.#reading) {
      this.#reading = this.#read().finally(() => {
        this.#reading = undefined;
      });
      return this.#reading;
    }
    this.#waiting ??= this.#reading.catch(ignore).then(() => {
      this.#waiting = undefined;
      return this.readOn();
    });
    return this.#waiting;
  }

  async #read(): Promise<void> {
    const from = this.#next as Revision;
    for await (const record of this.log.readStream(deploymentsStream as StreamName, { from })) {
      take(this.guard, record);
      this.#next = record.revision + 1;
    }
  }
}

const ignore = (): void => undefined;
