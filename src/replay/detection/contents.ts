import { linesOf, UnreadableChunk, type StoredChunk } from '../../domain/telemetry/stored-chunk.js';

/**
 * What the events of a chunk say, in their order; nothing where it cannot be read: whoever wrote past the writer may
 * have written anything.
 */
export const contentsOf = (stored: StoredChunk): readonly unknown[] => {
  try {
    return linesOf(stored).map((line): unknown => JSON.parse(line));
  } catch (error) {
    if (error instanceof UnreadableChunk || error instanceof SyntaxError) return [];
    throw error;
  }
};
