import { START, type EventLog, type Position } from '../eventstore/event-store.js';

/**
 * The position of the last record before the first one that was recorded after a time: what the log held then. Reads
 * the log from its beginning, because no store is asked to keep times in order.
 */
export const positionAt = async (
  log: Pick<EventLog, 'readAll'>,
  time: string,
  signal: AbortSignal,
): Promise<Position> => {
  const at = new Date(time).toISOString();
  let reached = START;
  for await (const { events, position } of log.readAll(START)) {
    const later = events.findIndex(({ metadata }) => metadata.recorded_at > at);
    if (later >= 0) return events[later - 1]?.position ?? reached;
    if (signal.aborted) return position;
    reached = position;
  }
  return reached;
};
