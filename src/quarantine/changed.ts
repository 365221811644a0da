import type { QuarantinedRecord } from '../domain/quarantine/quarantine.js';
import { seenOnlyBy, withoutAside, type SetAside } from '../domain/quarantine/set-aside.js';
import type { EventLog, RecordedEvent } from '../eventstore/event-store.js';
import { recordsAt } from './records.js';

/** A record of which something else may be seen than was. */
export interface ChangedRecord {
  /** As the log has it. */
  readonly record: RecordedEvent;
  /** What of it is not seen any more. */
  readonly leaves: RecordedEvent | undefined;
  /** What of it is seen again. */
  readonly returns: RecordedEvent | undefined;
}

/** Some records with what of them is seen otherwise, those of a stream in its order. */
export async function* changedRecords(
  log: Pick<EventLog, 'readStream'>,
  records: readonly QuarantinedRecord[],
  before: SetAside,
  now: SetAside,
): AsyncGenerator<ChangedRecord, void> {
  for await (const some of recordsAt(log, records))
    for (const record of some) {
      const [was, is] = [withoutAside(record, before), withoutAside(record, now)];
      yield { record, leaves: seenOnlyBy(was, is), returns: seenOnlyBy(is, was) };
    }
}
