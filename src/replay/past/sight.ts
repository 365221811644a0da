import type { TenantId } from '../../domain/ids.js';
import { quarantineStream } from '../../domain/streams.js';
import {
  START,
  type EventLog,
  type Position,
  type RecordedEvent,
  type StreamName,
} from '../../eventstore/event-store.js';
import { QuarantineShelf } from '../../quarantine/shelf.js';
import { isAfter, type Moment } from '../moments.js';

/**
 * How the past is looked at. `then`: as it was seen then, without what had been set aside by then. `corrected`: as it
 * would have been seen, had it been known what is set aside now.
 */
export type View = 'then' | 'corrected';

export interface Looked {
  /** The record as it is seen; undefined where all of it is set aside. */
  readonly visible: RecordedEvent | undefined;
  /** Some of what is seen of it has been set aside since. */
  readonly set_aside_since: boolean;
}

/** Looks at the records of a tenant. */
export const sightAt = async (
  log: Pick<EventLog, 'readStream'>,
  tenant: TenantId,
  moment: Moment,
  view: View,
): Promise<(record: RecordedEvent) => Promise<Looked>> => {
  const decided = await decidedUpTo(log, tenant, moment);
  const now = new QuarantineShelf(log, decided.now);
  const then = view === 'corrected' ? now : new QuarantineShelf(log, decided.then);
  return async (record) => {
    await now.meet([record]);
    await then.meet([record]);
    const [visible, left] = [then.sight(record), now.sight(record)];
    return { visible, set_aside_since: visible !== undefined && linesIn(left) < linesIn(visible) };
  };
};

const linesIn = (record: RecordedEvent | undefined): number =>
  record?.metadata.chunk?.count ?? Number(record !== undefined);

/** Up to where in the log it had been decided at a moment, and has been by now, what is set aside. */
const decidedUpTo = async (
  log: Pick<EventLog, 'readStream'>,
  tenant: TenantId,
  moment: Moment,
): Promise<{ readonly then: Position; readonly now: Position }> => {
  let then = START;
  let now = START;
  for await (const event of log.readStream(quarantineStream(tenant) as StreamName)) {
    now = event.position;
    if (!isAfter(event, moment)) then = event.position;
  }
  return { then, now };
};
