import { decodeChunk } from '../../domain/telemetry/chunk.js';
import type { StoredChunk } from '../../domain/telemetry/stored-chunk.js';
import type { Routing } from '../../domain/telemetry/routes/shown.js';
import type { ChunkPartials } from './partials.js';
import { partialsOf } from './sum-up.js';

const given = new WeakMap<StoredChunk, ChunkPartials>();

/**
 * Hands in what {@link partialsOf} made of a chunk elsewhere: it need not be read here any more. Only of a chunk in
 * which no route is made of a path, so that no route book changes anything.
 */
export const givePartials = (stored: StoredChunk, partials: ChunkPartials): void => {
  given.set(stored, partials);
};

/** What a chunk says by minute and series, with the routes that its paths have. */
export const chunkPartials = (stored: StoredChunk, routing: Routing): ChunkPartials =>
  given.get(stored) ?? partialsOf(decodeChunk(stored, routing));
