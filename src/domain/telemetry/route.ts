/**
 * Makes a route of a path that came without one, by what its segments look like: what names one thing becomes a
 * placeholder, words stay. What cannot be seen in a path alone (names of articles, tags, files) is learned or given:
 * see `routes/book.ts`, which goes on from here.
 * The rules are applied whenever records are read, so changing them changes what read models say of old records:
 * raise the version, which is part of the version of every projection that shows routes.
 */
export const ROUTE_RULES_VERSION = 2;

const MAX_SEGMENTS = 16;
/**
 * A learned template puts at most five characters more in the place of a segment (`{slug}` for one letter): 16 of
 * those and `/{rest}` still fit 256.
 */
const MAX_LENGTH = 168;

/** What stands for the routes that a tenant has past its limit. */
export const OTHER_ROUTE = '__other__';

/** The longest route that is ever made of a path. */
export const MAX_ROUTE_LENGTH = 256;

/** What a route can have in place of what names one thing. */
export const PLACEHOLDERS = ['{id}', '{date}', '{email}', '{token}', '{slug}', '{file}', '{rest}'] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];

const NUMBER = /^[+-]?\d+$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const HEX = /^(?:(?=[a-f]*\d)[0-9a-f]{8,}|[0-9a-f]{16,})$/i;
const DATE = /^\d{4}-\d{2}(?:-\d{2})?(?:[Tt ].*)?$/;
/** Letters and digits without a break, longer than words and with too much mixing to be one. */
const TOKEN = /^(?:(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{16,}|[a-z0-9]{32,})$/i;
/** Letters and digits of a checksum, as builds put it into the names of files. */
const FINGERPRINT = /^(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}$/i;
/** Words with a number of five digits or more at the end: `blue-shirt-18273`. Years and versions have fewer. */
const NUMBERED = /^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*[-_]\d{5,}$/i;
/** No endpoint has a name of so many words; headlines do. */
const HEADLINE_WORDS = 6;
const EXTENSION = /^(.+)(\.[a-z][a-z0-9]{0,4})$/i;

const nameless = (text: string): Placeholder | undefined => {
  if (NUMBER.test(text) || UUID.test(text) || HEX.test(text)) return '{id}';
  if (DATE.test(text)) return '{date}';
  if (text.includes('@') || text.includes('%40')) return '{email}';
  if (text.length < 7) return undefined;
  // `usr_0190b3c5…`: what counts is the longest piece between the separators.
  const pieces = text.split(/[-_.~:=,+]/);
  if (text.length >= 16 && pieces.some((piece) => TOKEN.test(piece))) return '{token}';
  if (pieces.length > 1 && FINGERPRINT.test(pieces.at(-1) ?? '')) return '{token}';
  if (NUMBERED.test(text)) return '{slug}';
  const words = text.split(/[-_]/).filter((word) => /[a-z]/i.test(word));
  return words.length >= HEADLINE_WORDS ? '{slug}' : undefined;
};

/** A segment in a route that was made already: `{id}`, `{slug}.html`. */
export const isPlaceholder = (segment: string): boolean =>
  segment.startsWith('{') && PLACEHOLDERS.some((one) => segment === one || segment.startsWith(`${one}.`));

const segmentOf = (segment: string): string => {
  if (isPlaceholder(segment)) return segment;
  const placeholder = nameless(segment);
  if (placeholder !== undefined) return placeholder;
  const file = EXTENSION.exec(segment);
  const stem = file?.[1] === undefined ? undefined : nameless(file[1]);
  return stem === undefined ? segment : stem + (file?.[2] ?? '').toLowerCase();
};

/** The segments of a path or an absolute URL. The query, the fragment and empty segments are no part of it. */
export const splitPath = (path: string): readonly string[] => {
  const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(path);
  const local = origin ? path.slice(origin[0].length) : path;
  const end = local.search(/[?#]/);
  return (end < 0 ? local : local.slice(0, end)).split('/').filter((segment) => segment !== '');
};

/** The segments of the route that the rules make of a path's; bounded in number and length. */
export const segmentsOf = (path: readonly string[]): readonly string[] => {
  const segments: string[] = [];
  let length = 0;
  for (const segment of path) {
    const made = segmentOf(segment);
    length += made.length + 1;
    if (segments.length >= MAX_SEGMENTS || length > MAX_LENGTH) {
      if (segments.at(-1) !== '{rest}') segments.push('{rest}');
      break;
    }
    segments.push(made);
  }
  return segments;
};

/** Segments as the text of a route. */
export const textOf = (segments: readonly string[]): string =>
  segments.length === 1 && segments[0] === '*' ? '*' : `/${segments.join('/')}`;

/** The route of a path or an absolute URL by the rules alone. */
export const routeOf = (path: string): string => textOf(segmentsOf(splitPath(path)));
