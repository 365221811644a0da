import { endingOf, isPlaceholder, PARTS_OF_PAGES, textOf } from '../route.js';

/** Which of its siblings a segment is like: `.html` and the like, or `''`; undefined for a placeholder. */
export const kindOf = (segment: string): string | undefined =>
  isPlaceholder(segment) ? undefined : endingOf(segment);

/** The kind of all images, scripts, styles and fonts below a parent, however deep. */
export const PARTS = '**';

/** What kind of image, script, style or font a path names; undefined where it is none. */
export const partOf = (path: readonly string[]): string | undefined => {
  const ending = endingOf(path.at(-1) ?? '');
  return PARTS_OF_PAGES.has(ending) ? ending : undefined;
};

/**
 * The children of one kind under one parent are one route from now on, but for those that are kept.
 * Stored format: names and fields are on disk for good.
 */
export interface Template {
  /** The segments of the parent. */
  readonly parent: readonly string[];
  /** See {@link kindOf}. */
  readonly kind: string;
  readonly kept: readonly string[];
}

/** The route that a template makes. */
export const templateText = ({ parent, kind }: Pick<Template, 'parent' | 'kind'>): string =>
  textOf([...parent, kind === PARTS ? '{file}' : `{slug}${kind}`]);

/** A place in a tree of paths. */
export interface PathNode {
  /** How many paths were seen to end here. */
  ended: number;
  readonly children: Map<string, PathNode>;
  /** By kind, the children that stay themselves; no entry: all do. */
  readonly closed: Map<string, ReadonlySet<string>>;
}

export const makeNode = (): PathNode => ({ ended: 0, children: new Map(), closed: new Map() });

/** What a segment stands as under a node. */
export const labelAt = (node: PathNode | undefined, segment: string): string => {
  if (node === undefined || node.closed.size === 0) return segment;
  const kind = kindOf(segment);
  const kept = kind === undefined ? undefined : node.closed.get(kind);
  return kept === undefined || kept.has(segment) ? segment : `{slug}${kind ?? ''}`;
};

/** Brings what is below a node under its labels, after it was closed. */
const settle = (node: PathNode): void => {
  for (const [segment, child] of [...node.children]) {
    const label = labelAt(node, segment);
    if (label === segment) continue;
    node.children.delete(segment);
    adopt(node, label, child);
  }
  if (node.closed.has(PARTS))
    for (const [ending, ended] of takeParts(node)) adopt(node, `{file}${ending}`, { ...makeNode(), ended });
};

/** Takes images, scripts, styles and fonts out of what is below a node, and what is empty then: how often each kind. */
const takeParts = (node: PathNode): ReadonlyMap<string, number> => {
  const taken = new Map<string, number>();
  const add = (ending: string, ended: number): void =>
    void taken.set(ending, (taken.get(ending) ?? 0) + ended);
  for (const [segment, child] of [...node.children]) {
    for (const [ending, ended] of takeParts(child)) add(ending, ended);
    const ending = partOf([segment]);
    if (ending !== undefined && child.ended > 0) {
      add(ending, child.ended);
      child.ended = 0;
    }
    if (child.ended === 0 && child.children.size === 0 && child.closed.size === 0)
      node.children.delete(segment);
  }
  return taken;
};

const adopt = (node: PathNode, label: string, child: PathNode): void => {
  const known = node.children.get(label);
  if (known) merge(known, child);
  else node.children.set(label, child);
};

/**
 * Makes one node of two. A kind that is closed in either is closed in it, and keeps what every node that had closed
 * it kept: so what was shown under a template of before is shown as its paths are now.
 */
const merge = (into: PathNode, from: PathNode): void => {
  into.ended += from.ended;
  for (const [kind, kept] of from.closed) narrow(into, kind, kept);
  settle(into);
  for (const [segment, child] of from.children) adopt(into, labelAt(into, segment), child);
  if (into.closed.has(PARTS)) settle(into);
};

const narrow = (node: PathNode, kind: string, kept: ReadonlySet<string>): void => {
  const before = node.closed.get(kind);
  node.closed.set(kind, before ? new Set([...before].filter((segment) => kept.has(segment))) : kept);
};

/** The node at some labels, made where there is none. */
const nodeAt = (root: PathNode, labels: readonly string[]): PathNode => {
  let node = root;
  for (const label of labels) {
    let child = node.children.get(label);
    if (!child) {
      child = makeNode();
      node.children.set(label, child);
    }
    node = child;
  }
  return node;
};

/** The node where a path ends, made where there is none. */
export const enter = (root: PathNode, path: readonly string[]): PathNode =>
  nodeAt(root, labelsIn(root, path));

/**
 * Takes back that a path was seen to end in a tree; says how often it still was, undefined where it was not seen. What
 * nothing is left of is not there any more.
 */
export const leave = (root: PathNode, path: readonly string[]): number | undefined => {
  const way: { readonly parent: PathNode; readonly label: string }[] = [];
  let node = root;
  for (const label of labelsIn(root, path)) {
    const child = node.children.get(label);
    if (!child) return undefined;
    way.push({ parent: node, label });
    node = child;
  }
  if (node.ended === 0) return undefined;
  node.ended -= 1;
  const left = node.ended;
  for (const { parent, label } of way.reverse()) {
    if (node.ended > 0 || node.children.size > 0 || node.closed.size > 0) break;
    parent.children.delete(label);
    node = parent;
  }
  return left;
};

/** Whether a template says nothing new of a tree. */
export const holdsTemplate = (root: PathNode, { parent, kind, kept }: Template): boolean => {
  let node: PathNode | undefined = root;
  for (const label of labelsIn(root, parent, 'inner')) node = node?.children.get(label);
  const before = node?.closed.get(kind);
  if (before === undefined) return false;
  const now = new Set(kept);
  return [...before].every((segment) => now.has(segment));
};

/** Puts a template into a tree. */
export const closeNode = (root: PathNode, { parent, kind, kept }: Template): void => {
  const node = nodeAt(root, labelsIn(root, parent, 'inner'));
  narrow(node, kind, new Set(kept));
  settle(node);
};

/** What the segments of a path stand as in a tree; of a whole path, or of one that goes on. */
export const labelsIn = (
  root: PathNode,
  path: readonly string[],
  reach: 'whole' | 'inner' = 'whole',
): readonly string[] => {
  const part = reach === 'whole' ? partOf(path) : undefined;
  const labels: string[] = [];
  let node: PathNode | undefined = root;
  for (const segment of path) {
    if (part !== undefined && node?.closed.has(PARTS)) {
      labels.push(`{file}${part}`);
      break;
    }
    const label = labelAt(node, segment);
    labels.push(label);
    node = node?.children.get(label);
  }
  return labels;
};

/** A tree that nobody else holds. */
export const copyTree = ({ ended, children, closed }: PathNode): PathNode => ({
  ended,
  children: new Map([...children].map(([segment, child]) => [segment, copyTree(child)])),
  closed: new Map(closed),
});

/** A tree as JSON: how many ended here, the children by segment, what is closed. */
export type WrittenNode = readonly [
  ended: number,
  children: readonly (readonly [string, WrittenNode])[],
  closed: readonly (readonly [string, readonly string[]])[],
];

export const writeTree = ({ ended, children, closed }: PathNode): WrittenNode => [
  ended,
  [...children].map(([segment, child]) => [segment, writeTree(child)] as const),
  [...closed].map(([kind, kept]) => [kind, [...kept]] as const),
];

export const readTree = ([ended, children, closed]: WrittenNode): PathNode => ({
  ended,
  children: new Map(children.map(([segment, child]) => [segment, readTree(child)])),
  closed: new Map(closed.map(([kind, kept]) => [kind, new Set(kept)])),
});
