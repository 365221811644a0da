import { linesOf, bytesOf, type StoredChunk } from './chunk.js';
import type { TelemetryEvent } from './event.js';

/** How the name of the field may stand in JSON: as it is, or with one of its letters escaped. */
const SPELLINGS = ['"id"', '\\u0069', '\\u0064'].map((text) => Buffer.from(text));

/** The clients' own ids of a chunk's events, undefined where an event has none; undefined where no event has one. */
export const clientIdsOf = (stored: StoredChunk): readonly (string | undefined)[] | undefined => {
  const bytes = bytesOf(stored);
  if (!SPELLINGS.some((spelling) => bytes.includes(spelling))) return undefined;
  const ids = linesOf(stored).map((line) => (JSON.parse(line) as TelemetryEvent).id);
  return ids.some((id) => id !== undefined) ? ids : undefined;
};
