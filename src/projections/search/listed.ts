import type { ListedValues } from '../../domain/telemetry/query/prune.js';
import type { ChunkEntry } from '../chunk-index/projection.js';
import type { CurrentRoutes } from '../routes/query.js';

/**
 * What an entry lists, with the routes of paths as they are now. Where the book was rewritten since, what they were
 * then does not tell.
 */
export const listedNow = (entry: ChunkEntry, { book, rewritten }: CurrentRoutes): ListedValues => {
  const { made_routes, overflow } = entry;
  if (overflow.includes('made_routes') || (made_routes.length > 0 && entry.position < rewritten))
    return { ...entry, overflow: [...overflow, 'routes'] };
  if (made_routes.length === 0) return entry;
  return { ...entry, routes: [...entry.routes, ...made_routes.map((route) => book.routeOf(route))] };
};
