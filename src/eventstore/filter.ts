import { meetsSpan } from '../domain/time-spans.js';
import type { EventFilter, RecordedEvent } from './event-store.js';

/** A filter as a predicate. */
export const filterOf = ({
  types,
  stream_prefix = '',
  times,
}: EventFilter): ((event: Pick<RecordedEvent, 'type' | 'stream' | 'metadata'>) => boolean) => {
  const wanted = types && new Set(types);
  return ({ type, stream, metadata: { chunk } }) =>
    (!wanted || wanted.has(type)) &&
    stream.startsWith(stream_prefix) &&
    (!times || !chunk || meetsSpan(times, { from: chunk.min_time, to: chunk.max_time }));
};
