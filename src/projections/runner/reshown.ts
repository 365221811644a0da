import type { TenantId } from '../../domain/ids.js';
import { seenOnlyBy, withoutAside, type SetAside } from '../../domain/quarantine/set-aside.js';
import type { Routing } from '../../domain/telemetry/routes/shown.js';
import type { EventLog, Position, RecordedEvent } from '../../eventstore/event-store.js';
import type { ChangedRecord } from '../../quarantine/changed.js';
import type { ShownRoutes } from '../projection.js';

/** A tenant's routes and what is set aside of it, as they were and as they are. */
export interface Reshowing {
  readonly tenant: TenantId;
  /** Of the first event of the route book that is seen otherwise: events behind it may have other routes. */
  readonly after: Position;
  readonly upto: Position;
  readonly types: readonly string[];
  readonly before: { readonly aside: SetAside; routing(position: Position): Routing };
  readonly now: { readonly aside: SetAside; routing(position: Position): Routing };
}

/**
 * The events behind a change of the route book of which something else is seen than was: some of them, or others of
 * their routes. Of these all leaves, and returns.
 */
export async function* reshownRecords(
  log: Pick<EventLog, 'readAll'>,
  { prefix, paths }: ShownRoutes,
  { tenant, after, upto, types, before, now }: Reshowing,
): AsyncGenerator<ChangedRecord, void> {
  const isReshown = (record: RecordedEvent): boolean => {
    const [was, is] = [before.routing(record.position), now.routing(record.position)];
    try {
      return paths(record).some((path) => was.routeOf(path) !== is.routeOf(path));
    } catch {
      // What cannot be taken apart is shown nowhere.
      return false;
    }
  };
  for await (const { events, position } of log.readAll(after, { types, stream_prefix: prefix(tenant) })) {
    for (const record of events) {
      if (record.position > upto) return;
      const [was, is] = [withoutAside(record, before.aside), withoutAside(record, now.aside)];
      if (!was && !is) continue;
      if (isReshown(record)) yield { record, leaves: was, returns: is };
      else if (was !== is) yield { record, leaves: seenOnlyBy(was, is), returns: seenOnlyBy(is, was) };
    }
    if (position >= upto) return;
  }
}
