import { MAX_ROUTE_LENGTH } from '../route.js';

/** Patterns that a tenant may have. */
export const MAX_PATTERNS = 200;

const MAX_SEGMENTS = 32;
const SEGMENT = /^([^{}*]*)(\{[a-z][a-z0-9_]{0,31}\})?([^{}*]*)$/i;

/** What a tenant says its routes are: `/blog/{slug}`, `/reports/{year}.pdf`, `/files/*`. */
export interface RoutePattern {
  /** The route of every path that it matches. */
  readonly text: string;
  /** What a segment begins and ends with, and whether there is something between. */
  readonly segments: readonly {
    readonly before: string;
    readonly after: string;
    readonly open: boolean;
  }[];
  /** `/*` at the end: anything may follow. */
  readonly more: boolean;
}

/** Reads a pattern; or says what is wrong with it. */
export const parsePattern = (
  text: string,
):
  { readonly ok: true; readonly pattern: RoutePattern } | { readonly ok: false; readonly detail: string } => {
  const wrong = (detail: string) => ({ ok: false, detail }) as const;
  if (!text.startsWith('/')) return wrong('A pattern begins with a slash.');
  if (text.length > MAX_ROUTE_LENGTH) return wrong(`A pattern has at most ${MAX_ROUTE_LENGTH} characters.`);
  if (/[?#\s]/.test(text)) return wrong('A pattern has no query, no fragment and no spaces.');
  const parts = text === '/' ? [] : text.slice(1).split('/');
  const more = parts.at(-1) === '*';
  if (more) parts.pop();
  if (parts.length > MAX_SEGMENTS) return wrong(`A pattern has at most ${MAX_SEGMENTS} segments.`);
  const segments: RoutePattern['segments'][number][] = [];
  for (const part of parts) {
    const [, before = '', name, after = ''] = SEGMENT.exec(part) ?? [];
    if (part === '') return wrong('A pattern has no empty segments.');
    if (before + (name ?? '') + after !== part)
      return wrong(`${part} is neither a word nor has it one {name}; a star stands alone at the end.`);
    segments.push({ before, after, open: name !== undefined });
  }
  return { ok: true, pattern: { text, segments, more } };
};

/** Whether a path, cut into its segments, is one of a pattern's. */
export const matches = ({ segments, more }: RoutePattern, path: readonly string[]): boolean => {
  if (more ? path.length <= segments.length : path.length !== segments.length) return false;
  return segments.every(({ before, after, open }, index) => {
    const segment = path[index] ?? '';
    if (!open) return segment === before;
    // A star is a pattern's own; a path that has one is matched by words and stars only.
    return (
      segment !== '*' &&
      segment.length > before.length + after.length &&
      segment.startsWith(before) &&
      segment.endsWith(after)
    );
  });
};

/**
 * Reads a list of patterns, in which the first that matches counts; or says what is wrong with which. One that is
 * matched by another before it would never be reached.
 */
export const parsePatterns = (
  texts: readonly string[],
):
  | { readonly ok: true; readonly patterns: readonly RoutePattern[] }
  | { readonly ok: false; readonly index: number; readonly detail: string } => {
  const patterns: RoutePattern[] = [];
  for (const [index, text] of texts.entries()) {
    const parsed = parsePattern(text);
    if (!parsed.ok) return { ok: false, index, detail: parsed.detail };
    const path = text === '/' ? [] : text.slice(1).split('/');
    const before = patterns.find((pattern) => matches(pattern, path));
    if (before) return { ok: false, index, detail: `It is never reached: ${before.text} comes before it.` };
    patterns.push(parsed.pattern);
  }
  return { ok: true, patterns };
};
