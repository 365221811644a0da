import type { EventLog, RecordedEvent } from '../../eventstore/event-store.js';
import type { ChunkEntry } from '../chunk-index/projection.js';

/** The chunk that an index entry names; undefined where the log no longer shows it. */
export const readChunk = async (
  log: EventLog,
  { chunk, stream, revision }: Pick<ChunkEntry, 'chunk' | 'stream' | 'revision'>,
): Promise<RecordedEvent | undefined> => {
  for await (const event of log.readStream(stream, { from: revision, limit: 1 }))
    return event.id === chunk ? event : undefined;
  return undefined;
};
