import type { TextColumn } from '../columns.js';
import { textOf } from '../route.js';
import {
  closeNode,
  enter,
  kindOf,
  labelAt,
  leave,
  makeNode,
  PARTS,
  partOf,
  type PathNode,
  type Template,
} from './path-tree.js';

/** Why a template was learned. `siblings`: very many under one parent; `limit`: the tenant had more routes than it may. */
export type LearnedBecause = 'siblings' | 'limit';

/** A template, and why. */
export interface Learned extends Template {
  readonly because: LearnedBecause;
}

/** What is learned at a time: templates, and where those cannot help any more the routes that there are. */
export interface Lessons {
  readonly templates: readonly Learned[];
  readonly frozen?: readonly string[];
}

/** Children of one kind that a parent may have before those that are seldom visited become one. */
export const MANY_SIBLINGS = 100;
/** Templates of one tenant; past them its routes are frozen. */
export const MAX_TEMPLATES = 1000;
/** Under pressure the number of routes is brought down to this share of the limit, so that it is seldom needed. */
const ROOM = 0.9;
/** Visits that earn a path a route of its own: so many, and this share of what a route at the limit has on the average. */
const EARNED_VISITS = 10;
const EARNED_SHARES = [0.25, 1, 4, Infinity] as const;

/** How much a route gained counts: directories are less alike than pages are, and those at the top are the least. */
const LIKENESS = { leaves: 1, inner: 0.02, top: 0.005 };

/**
 * Learns templates from the paths of one tenant, in their order. It keeps every route that the tenant has, with how
 * often it was visited, in a tree; hardly more than the limit of them. When there are more, or very many under one
 * parent, the children of one kind under one parent become one, those that are visited often excepted: first where
 * the most routes go for the fewest visits. What it learns depends on the paths, their order and the limit alone.
 */
export class RouteLearner {
  #routes = 0;
  #visits = 0;
  #templates = 0;

  /** `root`: where an earlier learner with the same limit was. */
  constructor(
    private readonly limit: number,
    readonly root: PathNode = makeNode(),
  ) {
    this.#recount();
  }

  get routes(): number {
    return this.#routes;
  }

  /** Takes over a template that the log has. */
  close(template: Template): void {
    closeNode(this.root, template);
    this.#recount();
  }

  /**
   * Takes the paths of a column in. `segmentsOf` gives the segments that the rules make of a path, or undefined where
   * nothing is to be learned from it. Where routes are frozen nothing more is to be taken in.
   */
  take({ values, ids }: TextColumn, segmentsOf: (path: string) => readonly string[] | undefined): Lessons {
    const templates: Learned[] = [];
    // Where each different path ends, null where it does not matter; whatever is learned moves ends.
    let ends: (PathNode | null | undefined)[] = [];
    for (const id of ids) {
      let end = ends[id];
      if (end === null) continue;
      let segments: readonly string[] | undefined;
      if (end === undefined) {
        const path = values[id] ?? '';
        segments = path === '' ? undefined : segmentsOf(path);
        end = segments === undefined ? null : enter(this.root, segments);
        ends[id] = end;
        if (end === null) continue;
      }
      end.ended += 1;
      this.#visits += 1;
      if (end.ended > 1 || segments === undefined) continue;
      this.#routes += 1;
      const learned = [...this.#siblings(segments), ...this.#relieve()];
      if (learned.length > 0) ends = [];
      templates.push(...learned);
      if (this.#routes > this.limit || this.#templates > MAX_TEMPLATES)
        return { templates, frozen: routesOf(this.root) };
    }
    return { templates };
  }

  /**
   * Takes the paths of a column back; templates that were learned because of them stay. False where one was never taken
   * in: the learner is then of no more use.
   */
  leave({ values, ids }: TextColumn, segmentsOf: (path: string) => readonly string[] | undefined): boolean {
    for (const id of ids) {
      const path = values[id] ?? '';
      const segments = path === '' ? undefined : segmentsOf(path);
      if (segments === undefined) continue;
      const left = leave(this.root, segments);
      if (left === undefined) return false;
      this.#visits -= 1;
      if (left === 0) this.#routes -= 1;
    }
    return true;
  }

  /** Closes the parents on a path that have very many children like the path's. */
  #siblings(segments: readonly string[]): readonly Learned[] {
    const learned: Learned[] = [];
    const parent: string[] = [];
    let node: PathNode | undefined = this.root;
    for (const segment of segments) {
      const kind = kindOf(labelAt(node, segment));
      if (kind !== undefined && !node.closed.has(kind)) {
        const alike = [...node.children].filter(([name]) => kindOf(name) === kind);
        if (alike.length > MANY_SIBLINGS)
          learned.push(
            this.#learn({ parent: [...parent], kind, kept: this.#kept(alike, EARNED_SHARES[0]) }, 'siblings'),
          );
      }
      const label = labelAt(node, segment);
      parent.push(label);
      node = node.children.get(label);
      if (!node) break;
    }
    return learned;
  }

  /** Closes what costs least until there is room again, if there are too many routes. */
  #relieve(): readonly Learned[] {
    const learned: Learned[] = [];
    if (this.#routes <= this.limit) return learned;
    while (this.#routes > this.limit * ROOM && this.#templates <= MAX_TEMPLATES) {
      const best = this.#cheapest();
      if (!best) break;
      learned.push(this.#learn(best, 'limit'));
    }
    return learned;
  }

  /** The template that makes the most routes fewer for the fewest visits that are shown less exactly. */
  #cheapest(): Template | undefined {
    for (const share of EARNED_SHARES) {
      let best: Candidate | undefined;
      for (const { path, node } of nodesOf(this.root))
        for (const candidate of this.#candidates(path, node, share))
          if (!best || candidate.score > best.score) best = candidate;
      if (best) return best.template;
    }
    return undefined;
  }

  *#candidates(parent: readonly string[], node: PathNode, share: number): Generator<Candidate> {
    if (parent.length > 0 && !node.closed.has(PARTS)) {
      const parts = [...nodesOf(node)].filter((one) => one.node.ended > 0 && partOf(one.path) !== undefined);
      const merged = parts.length - new Set(parts.map(({ path }) => partOf(path))).size;
      const visits = parts.reduce((sum, one) => sum + one.node.ended, 0);
      if (merged > 0) yield { template: { parent, kind: PARTS, kept: [] }, score: scoreOf(merged, visits) };
    }
    for (const [kind, alike] of byKind(node)) {
      const kept = this.#kept(alike, share);
      const names = new Set(kept);
      const rest = alike.filter(([name]) => !names.has(name)).map(([, child]) => child);
      const weights = rest.map(weigh);
      const routes = weights.reduce((sum, one) => sum + one.routes, 0);
      const merged = routes - weights.reduce((most, one) => Math.max(most, one.routes), 0);
      if (merged < 1) continue;
      const visits = weights.reduce((sum, one) => sum + one.visits, 0);
      const inner = rest.some(({ children }) => children.size > 0);
      const likeness = parent.length === 0 ? LIKENESS.top : inner ? LIKENESS.inner : LIKENESS.leaves;
      yield { template: { parent, kind, kept }, score: likeness * scoreOf(merged, visits) };
    }
  }

  /** The names of children that have earned a route of their own. */
  #kept(alike: readonly (readonly [string, PathNode])[], share: number): readonly string[] {
    const earned = Math.max(EARNED_VISITS, (share * this.#visits) / this.limit);
    return alike.filter(([, child]) => weigh(child).visits >= earned).map(([name]) => name);
  }

  #learn(template: Template, because: LearnedBecause): Learned {
    this.close(template);
    return { ...template, because };
  }

  #recount(): void {
    ({ routes: this.#routes, visits: this.#visits } = weigh(this.root));
    this.#templates = 0;
    for (const { node } of nodesOf(this.root)) this.#templates += node.closed.size;
  }
}

interface Candidate {
  readonly template: Template;
  readonly score: number;
}

/** Routes gained for a visit that is shown less exactly; many at once count for more. */
const scoreOf = (merged: number, visits: number): number => merged ** 1.5 / visits;

interface Weight {
  readonly routes: number;
  readonly visits: number;
}

const weigh = ({ ended, children }: PathNode): Weight => {
  let routes = ended > 0 ? 1 : 0;
  let visits = ended;
  for (const child of children.values()) {
    const one = weigh(child);
    routes += one.routes;
    visits += one.visits;
  }
  return { routes, visits };
};

interface Placed {
  readonly path: readonly string[];
  readonly node: PathNode;
}

function* nodesOf(node: PathNode, path: readonly string[] = []): Generator<Placed> {
  yield { path, node };
  for (const [segment, child] of node.children) yield* nodesOf(child, [...path, segment]);
}

const routesOf = (root: PathNode): readonly string[] =>
  [...nodesOf(root)].filter(({ node }) => node.ended > 0).map(({ path }) => textOf(path));

const byKind = ({ children }: PathNode): ReadonlyMap<string, readonly (readonly [string, PathNode])[]> => {
  const kinds = new Map<string, (readonly [string, PathNode])[]>();
  for (const [name, child] of children) {
    const kind = kindOf(name);
    if (kind === undefined) continue;
    const found = kinds.get(kind);
    if (found) found.push([name, child]);
    else kinds.set(kind, [[name, child]]);
  }
  return kinds;
};
