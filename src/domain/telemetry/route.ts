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

const endings = (names: string): ReadonlySet<string> => new Set(names.split(' ').map((name) => `.${name}`));

/** Endings of what a page is made of besides itself. */
export const PARTS_OF_PAGES = endings(
  'png jpg jpeg gif svg ico webp bmp css js mjs map woff woff2 ttf otf eot swf',
);
/** Files are told apart by what they are; any other ending is part of a name. A fixed list, so that it is bounded. */
const ENDINGS: ReadonlySet<string> = new Set([
  ...PARTS_OF_PAGES,
  ...endings(
    'html htm xhtml php asp aspx jsp cgi xml json txt csv md pdf doc docx xls xlsx ppt pptx rss atom',
  ),
  ...endings('wasm mp3 mp4 webm zip gz tgz bz2 xz jar deb rpm exe dmg iso py rb c h sh'),
]);

/** The ending of a file's name in lower case, or `''`. */
export const endingOf = (segment: string): string => {
  const dot = segment.lastIndexOf('.');
  const ending = dot > 0 && segment.length - dot <= 6 ? segment.slice(dot).toLowerCase() : '';
  return ENDINGS.has(ending) ? ending : '';
};

type Placeholder = '{id}' | '{date}' | '{email}' | '{token}' | '{slug}';

/** What a route can have in place of what names one thing. */
const PLACEHOLDERS: ReadonlySet<string> = new Set(
  ['{id}', '{date}', '{email}', '{token}', '{slug}', '{file}', '{rest}'].flatMap((name) =>
    ['', ...ENDINGS].map((ending) => name + ending),
  ),
);

/** A segment in a route that was made already: `{id}`, `{slug}.html`. */
export const isPlaceholder = (segment: string): boolean =>
  segment.startsWith('{') && PLACEHOLDERS.has(segment);

/** Letters, fewer than any of the rules asks for. */
const WORD = /^[a-z]{1,7}$/i;
const NUMBER = /^[+-]?\d+$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const HEX = /^(?:(?=[a-f]*\d)[0-9a-f]{8,}|[0-9a-f]{16,})$/i;
const DATE = /^\d{4}-\d{2}(?:-\d{2})?(?:[Tt ].*)?$/;
/** Where there may be a token among the pieces between separators. */
const LONG = /[a-z0-9]{16}/i;
const SEPARATORS = /[-_.~:=,+]/;
/** Letters and digits without a break, longer than words and with too much mixing to be one. */
const TOKEN = /^(?:(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{16,}|[a-z0-9]{32,})$/i;
/** Letters and digits of a checksum at the end, as builds put it into the names of files. */
const FINGERPRINT = /[-_.~:=,+](?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}$/i;
/** Words with a number of five digits or more at the end: `blue-shirt-18273`. Years and versions have fewer. */
const NUMBERED = /^[a-z].*[-_]\d{5,}$/i;
/** No endpoint has a name of so many words; headlines do. */
const HEADLINE = /^(?:[^-_]*[-_]){5}/;
const HEADLINE_WORDS = 6;
const EXTENSION = /^(.+)\.[a-z][a-z0-9]{0,4}$/i;

const nameless = (text: string): Placeholder | undefined => {
  if (text.length === 36 && UUID.test(text)) return '{id}';
  if (NUMBER.test(text) || HEX.test(text)) return '{id}';
  if (DATE.test(text)) return '{date}';
  if (text.length < 7) return undefined;
  // `usr_0190b3c5…`: what counts is the longest piece between the separators.
  if (LONG.test(text) && text.split(SEPARATORS).some((piece) => TOKEN.test(piece))) return '{token}';
  if (FINGERPRINT.test(text)) return '{token}';
  if (NUMBERED.test(text)) return '{slug}';
  if (!HEADLINE.test(text)) return undefined;
  const words = text.split(/[-_]/).filter((word) => /[a-z]/i.test(word));
  return words.length >= HEADLINE_WORDS ? '{slug}' : undefined;
};

const segmentOf = (segment: string): string => {
  // Most segments are one or the other.
  if (WORD.test(segment)) return segment;
  if (NUMBER.test(segment)) return '{id}';
  if (isPlaceholder(segment)) return segment;
  if (segment.includes('@') || segment.includes('%40')) return '{email}';
  const stem = EXTENSION.exec(segment)?.[1];
  const placeholder = nameless(stem ?? segment);
  return placeholder === undefined ? segment : placeholder + endingOf(segment);
};

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;
const SLASH = 0x2f;
const QUERY = 0x3f;
const FRAGMENT = 0x23;
const END = -1;

/** The segments of a path or an absolute URL. The query, the fragment and empty segments are no part of it. */
export const splitPath = (path: string): readonly string[] => {
  const origin = path.startsWith('/') ? undefined : ORIGIN.exec(path)?.[0];
  const segments: string[] = [];
  let start = origin?.length ?? 0;
  for (let at = start; at <= path.length; at += 1) {
    const code = at < path.length ? path.charCodeAt(at) : END;
    if (code !== SLASH && code !== QUERY && code !== FRAGMENT && code !== END) continue;
    if (at > start) segments.push(path.slice(start, at));
    if (code !== SLASH) break;
    start = at + 1;
  }
  return segments;
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
