import {
  parsePosition,
  START,
  type EventLog,
  type Position,
  type RecordedEvent,
} from '../eventstore/event-store.js';

/** A place in the past: a position of the log, or a time (RFC 3339), which means all that was recorded up to then. */
export type Moment = { readonly position: Position } | { readonly time: string };

/** Reads a position or a time; undefined where the text is neither. */
export const momentOf = (text: string): Moment | undefined => {
  const position = parsePosition(text);
  if (position) return { position };
  return /^\d{4}-\d\d-\d\dT/.test(text) && Number.isFinite(Date.parse(text)) ? { time: text } : undefined;
};

/** Whether a record lies behind a moment. */
export const isAfter = ({ position, metadata }: RecordedEvent, moment: Moment): boolean =>
  'position' in moment
    ? position > moment.position
    : metadata.recorded_at > new Date(moment.time).toISOString();

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
