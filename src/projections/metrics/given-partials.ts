import { decodeChunk, type StoredChunk } from '../../domain/telemetry/chunk.js';
import type { Routing } from '../../domain/telemetry/routes/shown.js';
import { partialsOf, type MinutePartial } from './partials.js';

const given = new WeakMap<StoredChunk, () => readonly MinutePartial[]>();

/**
 * Hands in what {@link partialsOf} made of a chunk elsewhere: it need not be read here any more. Only of a chunk in
 * which no route is made of a path, so that no route book changes anything.
 */
export const givePartials = (stored: StoredChunk, partials: () => readonly MinutePartial[]): void => {
  given.set(stored, partials);
};

/** What a chunk says by minute and series, with the routes that its paths have. */
export const chunkPartials = (stored: StoredChunk, routing: Routing): readonly MinutePartial[] =>
  given.get(stored)?.() ?? partialsOf(decodeChunk(stored, routing));
