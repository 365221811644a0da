import type { TenantId } from '../../domain/ids.js';
import { START, type EventLog, type Position, type RecordedEvent } from '../../eventstore/event-store.js';
import type { History } from '../projection.js';

/** Which part of the log is wanted. */
export interface HistoryRange {
  readonly history: History | undefined;
  /** Absent: the documents are not those of one tenant. */
  readonly tenant: TenantId | undefined;
  readonly types: readonly string[];
  /** Records that touch the documents. */
  readonly touching: readonly RecordedEvent[];
  readonly upto: Position;
}

/**
 * Everything that some documents may be made of, in the log's order for each of them, up to a position.
 */
export async function* historyOf(
  log: Pick<EventLog, 'readStream' | 'readAll'>,
  { history, tenant, types, touching, upto }: HistoryRange,
): AsyncIterable<RecordedEvent> {
  if (history === 'record') {
    yield* touching;
    return;
  }
  if (history === 'stream') {
    for (const stream of new Set(touching.map((event) => event.stream)))
      for await (const event of log.readStream(stream)) if (event.position <= upto) yield event;
    return;
  }
  for await (const { events, position } of log.readAll(START, { types })) {
    for (const event of events)
      if (event.position <= upto && (tenant === undefined || event.metadata.tenant_id === tenant))
        yield event;
    if (position >= upto) return;
  }
}
