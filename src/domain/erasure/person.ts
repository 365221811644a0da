import { bytesOf, linesOf, numberIn, type StoredChunk } from '../telemetry/stored-chunk.js';
import type { TelemetryEvent } from '../telemetry/event.js';
import type { PersonField } from './erasure.js';

/** How a letter may stand in JSON besides as itself: a key or a text that is written so is found by parsing alone. */
const ESCAPE = '\\u';

/** The numbers in a chunk of the events that a person's field says are that person's. Throws UnreadableChunk. */
export const eventsOfPerson = (
  stored: StoredChunk,
  field: PersonField,
  isMeant: (value: string) => boolean,
): readonly number[] => {
  const bytes = bytesOf(stored);
  const name = `"${field}"`;
  if (!bytes.includes(name) && !bytes.includes(ESCAPE)) return [];
  return linesOf(stored).flatMap((line, n) => {
    if (!line.includes(name) && !line.includes(ESCAPE)) return [];
    const value = (JSON.parse(line) as TelemetryEvent)[field];
    return value !== undefined && isMeant(value) ? [numberIn(stored, n)] : [];
  });
};
