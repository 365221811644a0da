import { pathWithoutRoute, type EventColumns, type TextColumn } from '../columns.js';
import type { TelemetryEvent } from '../event.js';

/** Which route a path has: a tenant's route book, as it was at some position of the log. */
export interface Routing {
  routeOf(path: string): string;
}

/** For those who do not know the tenant's book: what is made of a path is told apart by `made` alone. */
export const UNKNOWN_ROUTES: Routing = { routeOf: () => '' };

/** The routes that events are shown under. */
export interface RouteColumn extends TextColumn {
  /** For each value whether it was made from paths; a route that was given stands beside it, though it be the same text. */
  readonly made: readonly boolean[];
}

/** The route that an event is shown under: its own, or else the one that its path has. */
export const routeOfEvent = (event: TelemetryEvent, routing: Routing): string => {
  const path = pathWithoutRoute(event);
  return path === '' ? (event.route ?? '') : routing.routeOf(path);
};

/** The routes that events are shown under; each different path is looked up once. */
export const shownRoutes = (
  { routes, paths }: Pick<EventColumns, 'routes' | 'paths'>,
  routing: Routing,
): RouteColumn => {
  if (paths.values.every((path) => path === '')) return { ...routes, made: routes.values.map(() => false) };
  const values: string[] = [];
  const made: boolean[] = [];
  const add = (route: string, was_made: boolean): number => {
    made.push(was_made);
    return values.push(route) - 1;
  };
  const of_given: (number | undefined)[] = [];
  const of_path: (number | undefined)[] = [];
  const of_made = new Map<string, number>();
  const givenAt = (given: number): number => (of_given[given] ??= add(routes.values[given] ?? '', false));
  const madeAt = (path: number): number => {
    const route = routing.routeOf(paths.values[path] ?? '');
    const known = of_made.get(route) ?? add(route, true);
    of_made.set(route, known);
    return (of_path[path] = known);
  };
  const none = paths.values.indexOf('');
  const ids = routes.ids.map((given, i) => {
    const path = paths.ids[i] ?? 0;
    return path === none ? givenAt(given) : (of_path[path] ?? madeAt(path));
  });
  return { values, ids, made };
};
