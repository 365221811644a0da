import { receiptOf } from '../domain/telemetry/stored-chunk.js';
import { Sieve, type Sought } from '../domain/telemetry/query/sift.js';
import type { ChunkPlace, EventLog, RecordedEvent, SiftedChunk } from './event-store.js';

/** Looks through the chunk in a record; undefined where the record is another one. */
export const siftRecord = (
  sieve: Sieve,
  event: RecordedEvent,
  { chunk, without }: Pick<ChunkPlace, 'chunk' | 'without'>,
): SiftedChunk | undefined => {
  const { id, metadata } = event;
  if (id !== chunk || !metadata.chunk) return undefined;
  return {
    ...sieve.sift(event, without),
    receipt: receiptOf(event),
    recorded_at: metadata.recorded_at,
  };
};

/** {@link EventLog.sift} for a log that can do no better than read one chunk after another. */
export const siftByReading = async (
  log: Pick<EventLog, 'readStream'>,
  places: readonly ChunkPlace[],
  sought: Sought,
): Promise<readonly (SiftedChunk | undefined)[]> => {
  const sieve = new Sieve(sought);
  const sifted: (SiftedChunk | undefined)[] = [];
  for (const place of places) {
    let found: SiftedChunk | undefined;
    for await (const event of log.readStream(place.stream, { from: place.revision, limit: 1 }))
      found = siftRecord(sieve, event, place);
    sifted.push(found);
  }
  return sifted;
};
