/** Without query and fragment, and without the origin that a proxy's client puts before it. */
export const pathOf = (url: unknown): string | undefined => {
  if (typeof url !== 'string') return undefined;
  const local = url.startsWith('/') ? url : url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  const path = local.split(/[?#]/, 1)[0];
  return path === undefined || path === '' ? '/' : path;
};

/** Numbers, UUIDs and long hexadecimal numbers, of which the server makes the same placeholder. */
const NAMELESS = /\/(?:\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,})(?=\/|$)/gi;

/** A path without what tells apart those that are of one route in any case. */
export const shapeOf = (path: string): string => path.replaceAll(NAMELESS, '/{id}');
