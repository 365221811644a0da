import type { TenantId } from '../../domain/ids.js';
import { joinSpans } from '../../domain/time-spans.js';
import {
  START,
  toPosition,
  type EventLog,
  type Position,
  type RecordedEvent,
  type StreamName,
} from '../../eventstore/event-store.js';
import type { History } from '../projection.js';

/** Which part of the log is wanted. */
export interface HistoryRange {
  readonly history: History | undefined;
  /** Absent: the documents are not those of one tenant. */
  readonly tenant: TenantId | undefined;
  readonly types: readonly string[];
  /** The ids of the documents. */
  readonly ids: readonly string[];
  /** Records that touch the documents; of a stream one is enough where its records are the history. */
  readonly touching: readonly RecordedEvent[];
  /** What other streams of the tenant say about its documents, in the log's order. */
  readonly also: readonly RecordedEvent[];
  /** From where on, where what is before does not matter. */
  readonly after?: Position;
  readonly upto: Position;
}

/**
 * Everything that some documents may be made of, in the log's order for each of them, up to a position.
 */
export async function* historyOf(
  log: Pick<EventLog, 'readStream' | 'readAll'>,
  range: HistoryRange,
): AsyncIterable<RecordedEvent> {
  const { history, tenant, types, touching, after = START, upto } = range;
  const ours = (event: RecordedEvent): boolean =>
    event.position <= upto && (tenant === undefined || event.metadata.tenant_id === tenant);
  if (history === undefined || (typeof history === 'object' && tenant === undefined)) {
    for await (const { events, position } of log.readAll(START, { types })) {
      yield* events.filter(ours);
      if (position >= upto) return;
    }
    return;
  }
  const also = range.also.filter((event) => event.position > after && types.includes(event.type));
  if (history === 'record') yield* [...touching, ...also].filter(ours).sort(byPosition);
  else if (history === 'stream') {
    for (const stream of new Set(touching.map((event) => event.stream)))
      for await (const event of log.readStream(stream)) if (event.position <= upto) yield event;
  } else {
    const stream_prefix = tenant === undefined ? '' : history.prefix(tenant);
    const times = history.times && joinSpans(history.times(range.ids));
    let next = 0;
    for await (const { events, position } of log.readAll(after, {
      types,
      stream_prefix,
      ...(times && { times }),
    })) {
      for (const event of events) {
        for (let one = also[next]; one && one.position < event.position; one = also[next]) {
          next += 1;
          yield one;
        }
        if (ours(event)) yield event;
      }
      if (position >= upto) break;
    }
    yield* also.slice(next).filter(ours);
  }
}

/** The records of some streams up to a position, in the log's order. */
export const eventsIn = async (
  log: Pick<EventLog, 'readStream'>,
  streams: readonly string[],
  upto: Position,
): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for (const stream of streams)
    for await (const event of log.readStream(stream as StreamName))
      if (event.position <= upto) events.push(event);
  return events.sort(byPosition);
};

const FIRST_STEP = 16n;
const GROWTH = 4n;

/** Positions from which on a log may be read that is looked at from its end, each much earlier than the one before. */
export function* goingBack(from: Position): Iterable<Position> {
  const end = BigInt(`0x${from}`);
  for (let step = FIRST_STEP; step < end; step *= GROWTH) yield toPosition(end - step);
  yield START;
}

const byPosition = (one: RecordedEvent, other: RecordedEvent): number =>
  one.position < other.position ? -1 : 1;
