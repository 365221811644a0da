import { bytesOf, linesOf, numberIn, type StoredChunk } from './stored-chunk.js';
import type { TelemetryEvent } from './event.js';

/** How the name of the field may stand in JSON: as it is, or with one of its letters escaped. */
const SPELLINGS = ['"id"', '\\u0069', '\\u0064'].map((text) => Buffer.from(text));

/** A client's own id of an event, and the event's number in its chunk. */
export interface PlacedId {
  readonly id: string;
  readonly index: number;
}

/** The clients' own ids of those of a chunk's events that have one. */
export const clientIdsOf = (stored: StoredChunk): readonly PlacedId[] => {
  const bytes = bytesOf(stored);
  if (!SPELLINGS.some((spelling) => bytes.includes(spelling))) return [];
  return linesOf(stored).flatMap((line, n) => {
    const { id } = JSON.parse(line) as TelemetryEvent;
    return id === undefined ? [] : { id, index: numberIn(stored, n) };
  });
};
