import { decodeChunk, type FoldedChunk } from '../../domain/telemetry/chunk.js';
import type { StoredChunk } from '../../domain/telemetry/stored-chunk.js';
import type { Routing } from '../../domain/telemetry/routes/shown.js';

/** What may be found in a chunk: its times, and of some fields the values. */
export interface ChunkContents {
  readonly count: number;
  /** Epoch milliseconds of the earliest and the latest event. */
  readonly min_time: number;
  readonly max_time: number;
  readonly types: readonly string[];
  readonly services: readonly string[];
  /** As given. */
  readonly routes: readonly string[];
  /** Made of paths, under the tenant's route book as it was at the chunk. */
  readonly made_routes: readonly string[];
  readonly methods: readonly string[];
  readonly statuses: readonly number[];
  /** The names of fields that may hold any value. */
  readonly overflow: readonly string[];
}

/** Values of a field that are listed; a field with more of them is named in `overflow` and may hold any. */
const LISTED = 64;

/** Each status code once; they are below 600, and a table of them is several times as fast as a set. */
const different = (statuses: Uint16Array): readonly number[] => {
  const seen = new Uint8Array(600);
  const found: number[] = [];
  for (const status of statuses) {
    if (seen[status] === 1) continue;
    seen[status] = 1;
    found.push(status);
  }
  return found;
};

/** Lists what is in a chunk. */
export const contentsOf = (chunk: FoldedChunk): ChunkContents => {
  const { count, times, types, services, routes, methods, statuses } = chunk;
  let min_time = Infinity;
  let max_time = -Infinity;
  // An iterator would make an object of each time.
  for (let i = 0; i < count; i += 1) {
    const time = times[i] as number;
    if (time < min_time) min_time = time;
    if (time > max_time) max_time = time;
  }
  const overflow: string[] = [];
  const bounded = <T>(name: string, values: readonly T[]): readonly T[] => {
    if (values.length <= LISTED) return values.toSorted();
    overflow.push(name);
    return [];
  };
  return {
    count,
    min_time,
    max_time,
    types: bounded('types', types.values),
    services: bounded('services', services.values),
    routes: bounded(
      'routes',
      routes.values.filter((_, id) => !routes.made[id]),
    ),
    made_routes: bounded(
      'made_routes',
      routes.values.filter((_, id) => routes.made[id]),
    ),
    methods: bounded('methods', methods.values),
    statuses: bounded('statuses', different(statuses)),
    overflow,
  };
};

const given = new WeakMap<StoredChunk, ChunkContents>();

/**
 * Hands in what {@link contentsOf} made of a chunk elsewhere: it need not be read here any more. Only of a chunk in
 * which no route is made of a path, so that no route book changes anything.
 */
export const giveContents = (stored: StoredChunk, contents: ChunkContents): void => {
  given.set(stored, contents);
};

/** What is in a chunk, with the routes that its paths have. */
export const chunkContents = (stored: StoredChunk, routing: Routing): ChunkContents =>
  given.get(stored) ?? contentsOf(decodeChunk(stored, routing));
