import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Client } from '../client.js';
import { pathOf } from '../path.js';
import { attempt, observe, type ObserveOptions } from './observe.js';

/** What is looked at of a request of Express 4 or 5. */
export interface ExpressRequest extends IncomingMessage {
  readonly originalUrl?: string;
  readonly baseUrl?: string;
  readonly route?: unknown;
  readonly params?: unknown;
}

type Middleware = (request: ExpressRequest, response: ServerResponse, next: () => void) => void;

/** Words and versions; a segment with anything else in it may be the name of one thing out of many. */
const WORD = /^(?:[a-z]+(?:[-_.][a-z]+)*|v\d{1,3})$/i;

/** A router's mount point as it stands in the path, made into a pattern; undefined where one cannot be sure of it. */
const prefixOf = (segments: readonly string[], params: unknown): string | undefined => {
  const names = new Map(
    Object.entries(typeof params === 'object' && params !== null ? params : {}).map(([name, value]) => [
      String(value),
      name,
    ]),
  );
  let prefix = '';
  for (const segment of segments) {
    const name = names.get(attempt(() => decodeURIComponent(segment)) ?? segment);
    if (name !== undefined) prefix += `/:${name}`;
    else if (WORD.test(segment)) prefix += `/${segment}`;
    else return undefined;
  }
  return prefix;
};

const segmentsOf = (path: string): readonly string[] => path.split('/').filter((segment) => segment !== '');

/**
 * The pattern of the route that answered. An error handler of the application sees `baseUrl` of the application and
 * `route` of the router, so the mount point is taken from the path where the pattern says how long it is.
 */
export const expressRoute = (request: ExpressRequest): string | undefined => {
  const { route } = request;
  const pattern: unknown =
    typeof route === 'object' && route !== null && 'path' in route ? route.path : undefined;
  if (typeof pattern !== 'string') return undefined;
  const own = segmentsOf(pattern);
  const isFixed = !/[{}*?+()]/.test(pattern);
  const path = segmentsOf(pathOf(request.originalUrl ?? request.url) ?? '');
  const base = isFixed
    ? path.slice(0, Math.max(0, path.length - own.length))
    : segmentsOf(request.baseUrl ?? '');
  const prefix = prefixOf(base, request.params);
  if (prefix === undefined) return undefined;
  const whole = `${prefix}/${own.join('/')}`;
  return whole.length > 1 && whole.endsWith('/') ? whole.slice(0, -1) : whole;
};

/** Records every request that passes; to be used before the routes. */
export const expressMiddleware = (
  client: Client,
  options: ObserveOptions<ExpressRequest> = {},
): Middleware => {
  const { consumer, ignore } = options;
  return (request, response, next) => {
    attempt(() => {
      if (ignore?.(request) === true) return;
      observe(client, request, response, {
        url: () => request.originalUrl ?? request.url,
        route: () => expressRoute(request),
        consumer: () => consumer?.(request),
      });
    });
    next();
  };
};
