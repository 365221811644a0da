import type { TenantId } from '../../domain/ids.js';
import { RouteBook } from '../../domain/telemetry/routes/book.js';
import { START, type Position } from '../../eventstore/event-store.js';
import { remember } from '../../platform/remember.js';
import type { ReadModels } from '../read-models.js';
import { bookOf, routeBooks, ROUTES_ID, type RoutesDocument } from './projection.js';

/** A tenant's book as it is now, and where it was last changed other than by learning. */
export interface CurrentRoutes {
  readonly book: RouteBook;
  readonly rewritten: Position;
}

/** Of whom nothing is known. */
export const NO_ROUTES: CurrentRoutes = { book: RouteBook.EMPTY, rewritten: START };

/** Books that were made of documents, the one that was asked for last at the end. */
const made = new WeakMap<
  ReadModels,
  Map<TenantId, { readonly version: number; readonly current: CurrentRoutes }>
>();
const BOOKS = 200;

export const routesDocument = (models: ReadModels, tenant: TenantId): Promise<RoutesDocument | undefined> =>
  models.read(routeBooks, tenant).get(ROUTES_ID);

/**
 * What a tenant's paths are shown as now. Everything that is asked for is shown so, whenever it was recorded: what
 * is learned later holds for what came before it, too.
 */
export const currentRoutes = async (models: ReadModels, tenant: TenantId): Promise<CurrentRoutes> => {
  const document = await routesDocument(models, tenant);
  if (!document) return NO_ROUTES;
  const books = made.get(models) ?? new Map<TenantId, { version: number; current: CurrentRoutes }>();
  made.set(models, books);
  const known = books.get(tenant);
  const current =
    known?.version === document.version
      ? known.current
      : { book: bookOf(document), rewritten: document.rewritten };
  remember(books, tenant, { version: document.version, current }, BOOKS);
  return current;
};
