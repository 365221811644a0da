/**
 * Makes a route of a path that came without one: what names one thing becomes a placeholder, words stay.
 * The rules are applied whenever records are read, so changing them changes what read models say of old records:
 * raise the version, which is part of the version of every projection that shows routes.
 */
export const ROUTE_RULES_VERSION = 1;

const MAX_SEGMENTS = 16;
const MAX_LENGTH = 256;

const NUMBER = /^[+-]?\d+$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const HEX = /^(?:(?=[a-f]*\d)[0-9a-f]{8,}|[0-9a-f]{16,})$/i;
const DATE = /^\d{4}-\d{2}(?:-\d{2})?(?:[Tt ].*)?$/;
/** Letters and digits without a break, longer than words and with too much mixing to be one. */
const TOKEN = /^(?:(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{16,}|[a-z0-9]{32,})$/i;
const EXTENSION = /^(.+)(\.[a-z][a-z0-9]{0,4})$/i;

const nameless = (text: string): string | undefined => {
  if (NUMBER.test(text) || UUID.test(text) || HEX.test(text)) return '{id}';
  if (DATE.test(text)) return '{date}';
  if (text.includes('@') || text.includes('%40')) return '{email}';
  // `usr_0190b3c5…`: what counts is the longest piece between the separators.
  if (text.length >= 16 && text.split(/[-_.~:=,+]/).some((piece) => TOKEN.test(piece))) return '{token}';
  return undefined;
};

const segmentOf = (segment: string): string => {
  const placeholder = nameless(segment);
  if (placeholder !== undefined) return placeholder;
  const file = EXTENSION.exec(segment);
  const stem = file?.[1] === undefined ? undefined : nameless(file[1]);
  return stem === undefined ? segment : stem + (file?.[2] ?? '');
};

/** The route of a path or an absolute URL. The query and the fragment are no part of it. */
export const routeOf = (path: string): string => {
  const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(path);
  const local = origin ? path.slice(origin[0].length) : path;
  const end = local.search(/[?#]/);
  const segments = (end < 0 ? local : local.slice(0, end)).split('/').filter((segment) => segment !== '');
  if (segments.length === 1 && segments[0] === '*') return '*';
  const route = segments.slice(0, MAX_SEGMENTS).map(segmentOf);
  if (segments.length > MAX_SEGMENTS) route.push('{rest}');
  const whole = `/${route.join('/')}`;
  return whole.length <= MAX_LENGTH ? whole : `${whole.slice(0, whole.lastIndexOf('/', MAX_LENGTH))}/{rest}`;
};

const MEMO_LIMIT = 20_000;

/** A {@link routeOf} that remembers: logs name the same paths again and again. */
export const makeRouteMemo = (): ((path: string) => string) => {
  const known = new Map<string, string>();
  return (path) => {
    const found = known.get(path);
    if (found !== undefined) return found;
    if (known.size >= MEMO_LIMIT) known.clear();
    const route = routeOf(path);
    known.set(path, route);
    return route;
  };
};
