import { accept, type Decider, type Decision } from '../../decider.js';
import { OTHER_ROUTE, segmentsOf, splitPath, textOf } from '../route.js';
import type { Learned, Lessons } from './learning.js';
import {
  closeNode,
  copyTree,
  holdsTemplate,
  labelsIn,
  makeNode,
  readTree,
  writeTree,
  type PathNode,
  type Template,
  type WrittenNode,
} from './path-tree.js';
import { matches, parsePatterns, type RoutePattern } from './patterns.js';

// Stored format: names and fields below are on disk for good. New fields are optional; a changed meaning is a new type.
/** What happened to a tenant's routes. `RoutesFrozen` lists those that there are: all others are one from then on. */
export type RouteEvent =
  | { readonly type: 'RoutePatternsDefined'; readonly data: { readonly patterns: readonly string[] } }
  | { readonly type: 'RouteTemplateLearned'; readonly data: Learned }
  | { readonly type: 'RoutesFrozen'; readonly data: { readonly known: readonly string[] } }
  | { readonly type: 'LearnedRoutesForgotten'; readonly data: Readonly<Record<string, never>> };

export const routeEventTypes = [
  'RoutePatternsDefined',
  'RouteTemplateLearned',
  'RoutesFrozen',
  'LearnedRoutesForgotten',
] as const;

interface Contents {
  readonly patterns: readonly RoutePattern[];
  /** What was learned: a tree of templates only. Nobody changes it. */
  readonly tree: PathNode;
  readonly known?: ReadonlySet<string>;
}

/** A route book as JSON. */
export interface WrittenBook {
  readonly patterns: readonly string[];
  readonly tree: WrittenNode;
  readonly known?: readonly string[];
}

/** Paths whose routes a book remembers; the one of all tenants of whom nothing is known, and any other. */
const REMEMBERED = { empty: 20_000, other: 4_000 };
/** Characters of a remembered path, on the average. */
const REMEMBERED_LENGTH = 100;

/**
 * Which routes a tenant's paths have: its own patterns first, then what the look of the segments says, then what was
 * learned. The route of a route is itself; and what another book that had learned less made of a path, this one makes
 * the same of as of the path.
 */
export class RouteBook {
  static readonly EMPTY = new RouteBook({ patterns: [], tree: makeNode() }, REMEMBERED.empty);
  readonly #remembered = new Map<string, string>();
  #length = 0;

  constructor(
    readonly contents: Contents,
    private readonly remembers = REMEMBERED.other,
  ) {}

  /** The route of a path or an absolute URL; at most 256 characters. */
  routeOf(path: string): string {
    const known = this.#remembered.get(path);
    if (known !== undefined) return known;
    const route = this.#routeOf(path);
    if (this.#remembered.size >= this.remembers || this.#length > this.remembers * REMEMBERED_LENGTH) {
      this.#remembered.clear();
      this.#length = 0;
    }
    this.#remembered.set(path, route);
    this.#length += path.length;
    return route;
  }

  /** The segments that the rules make of a path that no pattern matches; undefined where one does. */
  unmatched(path: string): readonly string[] | undefined {
    const segments = splitPath(path);
    return this.#match(segments) ? undefined : segmentsOf(segments);
  }

  #match(path: readonly string[]): RoutePattern | undefined {
    return this.contents.patterns.find((pattern) => matches(pattern, path));
  }

  #routeOf(path: string): string {
    if (path === OTHER_ROUTE) return path;
    const segments = splitPath(path);
    const pattern = this.#match(segments);
    if (pattern) return pattern.text;
    const route = textOf(labelsIn(this.contents.tree, segmentsOf(segments)));
    const { known } = this.contents;
    return known === undefined || known.has(route) ? route : OTHER_ROUTE;
  }
}

/** Puts a book together: patterns that were read before, templates in the order in which they were learned. */
export const makeBook = (
  patterns: readonly string[],
  templates: readonly Template[],
  known: readonly string[] | undefined,
): RouteBook => {
  const tree = makeNode();
  for (const template of templates) closeNode(tree, template);
  return new RouteBook({ patterns: read(patterns), tree, ...(known && { known: new Set(known) }) });
};

/** Patterns as they stand in the log, where only those stand that could be read. */
const read = (texts: readonly string[]): readonly RoutePattern[] => {
  const parsed = parsePatterns(texts);
  return parsed.ok ? parsed.patterns : [];
};

export const routeBookDecider: Decider<RouteBook, RouteEvent> = {
  initial: RouteBook.EMPTY,
  evolve: ({ contents }, event) => {
    switch (event.type) {
      case 'RoutePatternsDefined':
        return new RouteBook({ ...contents, patterns: read(event.data.patterns) });
      case 'RouteTemplateLearned': {
        const tree = copyTree(contents.tree);
        closeNode(tree, event.data);
        return new RouteBook({ ...contents, tree });
      }
      case 'RoutesFrozen':
        return new RouteBook({ ...contents, known: new Set(event.data.known) });
      case 'LearnedRoutesForgotten':
        return new RouteBook({ patterns: contents.patterns, tree: makeNode() });
    }
  },
};

/** Defines a tenant's own patterns in place of those that it had. They have been read before. */
export const definePatterns = (
  { contents }: RouteBook,
  patterns: readonly string[],
): Decision<RouteEvent> => {
  const same =
    patterns.length === contents.patterns.length &&
    patterns.every((text, index) => text === contents.patterns[index]?.text);
  return accept(same ? [] : [{ type: 'RoutePatternsDefined', data: { patterns } }]);
};

/** Takes lessons down, those that are new. What is frozen learns no more. */
export const takeLessons = (
  { contents }: RouteBook,
  { templates, frozen }: Lessons,
): Decision<RouteEvent> => {
  if (contents.known) return accept([]);
  const tree = copyTree(contents.tree);
  const events: RouteEvent[] = [];
  for (const data of templates) {
    if (holdsTemplate(tree, data)) continue;
    closeNode(tree, data);
    events.push({ type: 'RouteTemplateLearned', data });
  }
  if (frozen) events.push({ type: 'RoutesFrozen', data: { known: frozen } });
  return accept(events);
};

/** Forgets what was learned, and learns anew. The tenant's patterns stay. */
export const forgetLearned = ({ contents: { tree, known } }: RouteBook): Decision<RouteEvent> => {
  const learned = known !== undefined || tree.children.size > 0 || tree.closed.size > 0;
  return accept(learned ? [{ type: 'LearnedRoutesForgotten', data: {} }] : []);
};

export const writeBook = ({ contents: { patterns, tree, known } }: RouteBook): WrittenBook => ({
  patterns: patterns.map(({ text }) => text),
  tree: writeTree(tree),
  ...(known && { known: [...known] }),
});

export const readBook = ({ patterns, tree, known }: WrittenBook): RouteBook => {
  return new RouteBook({
    patterns: read(patterns),
    tree: readTree(tree),
    ...(known && { known: new Set(known) }),
  });
};
