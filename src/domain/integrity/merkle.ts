/**
 * Merkle trees as RFC 6962 §2.1 defines them: a leaf is SHA-256(0x00, data), a node SHA-256(0x01, left, right), the
 * root of an empty tree SHA-256(). A tree of `size` leaves has as its left part the largest complete subtree that
 * leaves something to its right.
 *
 * A complete subtree is named by its level (0: a leaf) and its place among those of its level; it covers the leaves
 * from `index · 2^level` on, and never changes once it is complete. Sizes are safe integers, not 32-bit ones.
 */

/** Hashes bytes into 32 bytes. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** 32 bytes. */
export type Hash = Uint8Array;

/** Names a complete subtree. */
export interface NodePlace {
  readonly level: number;
  readonly index: number;
}

/** Gives the hashes of complete subtrees, in the order asked for. */
export type ReadNodes = (places: readonly NodePlace[]) => Promise<readonly Hash[]>;

/**
 * A tree that can grow, in the fewest hashes: the roots of the complete subtrees that it is made of, the widest first
 * (a compact range from the first leaf on).
 */
export interface Frontier {
  readonly size: number;
  readonly roots: readonly Hash[];
}

/** The tree of no leaves. */
export const EMPTY: Frontier = { size: 0, roots: [] };

const HASH_BYTES = 32;
const LEAF = 0;
const NODE = 1;

const sameHash = (one: Hash, other: Hash): boolean =>
  one.length === other.length && one.every((byte, i) => byte === other[i]);

/** The hash of a leaf that holds these bytes. */
export const hashLeaf = (sha256: Sha256, data: Uint8Array): Hash => {
  const bytes = new Uint8Array(1 + data.length);
  bytes[0] = LEAF;
  bytes.set(data, 1);
  return sha256(bytes);
};

/** The hash of a node above two others. */
export const hashNode = (sha256: Sha256, left: Hash, right: Hash): Hash => {
  const bytes = new Uint8Array(1 + 2 * HASH_BYTES);
  bytes[0] = NODE;
  bytes.set(left, 1);
  bytes.set(right, 1 + HASH_BYTES);
  return sha256(bytes);
};

/** The hash over neighbouring complete subtrees, the widest first. */
const joined = (sha256: Sha256, roots: readonly Hash[]): Hash =>
  roots.length === 0
    ? sha256(new Uint8Array(0))
    : roots.reduceRight((right, left) => hashNode(sha256, left, right));

/**
 * The tree with one leaf more. `completed` is told of each subtree that is complete now, the leaf itself first: each
 * of them once for a whole tree, in an order that depends on its size alone.
 */
export const append = (
  sha256: Sha256,
  { size, roots }: Frontier,
  leaf: Hash,
  completed: (hash: Hash, place: NodePlace) => void = () => undefined,
): Frontier => {
  const kept = [...roots];
  let hash = leaf;
  let index = size;
  completed(hash, { level: 0, index });
  for (let level = 1; index % 2 === 1; level += 1) {
    const left = kept.pop();
    if (!left) throw new RangeError(`${roots.length} roots are no tree of ${size} leaves`);
    hash = hashNode(sha256, left, hash);
    index = (index - 1) / 2;
    completed(hash, { level, index });
  }
  kept.push(hash);
  return { size: size + 1, roots: kept };
};

/** The tree's root. */
export const rootOf = (sha256: Sha256, { roots }: Frontier): Hash => joined(sha256, roots);

/** Leaves next to each other: from `start` on, up to but not including `end`. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** The largest power of two below a number above one: where RFC 6962 parts a tree of that size. */
const split = (size: number): number => {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
};

/** The complete subtrees that make up a range which RFC 6962 hashes as a whole, the widest first. */
const subtreesOf = ({ start, end }: Range): NodePlace[] => {
  const places: NodePlace[] = [];
  for (let at = start; at < end;) {
    let level = 0;
    let width = 1;
    while (width * 2 <= end - at) {
      width *= 2;
      level += 1;
    }
    places.push({ level, index: at / width });
    at += width;
  }
  return places;
};

/** The complete subtrees that a tree of a size is made of, the widest first: those of its frontier. */
export const frontierPlaces = (size: number): readonly NodePlace[] => subtreesOf({ start: 0, end: size });

/** What stands beside the way from a leaf up to the root, from below: PATH(m, D[n]) of RFC 6962 §2.1.1. */
const inclusionRanges = (index: number, size: number): Range[] => {
  const ranges: Range[] = [];
  for (let start = 0, end = size; end - start > 1;) {
    const middle = start + split(end - start);
    if (index < middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  return ranges.reverse();
};

/** What proves that a tree begins with an earlier one: PROOF(m, D[n]) of RFC 6962 §2.1.2. */
const consistencyRanges = (earlier: number, size: number): Range[] => {
  const ranges: Range[] = [];
  let start = 0;
  let end = size;
  while (end !== earlier) {
    const middle = start + split(end - start);
    if (earlier <= middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  // Whoever checks the proof has the earlier tree's root; what of it is a part only has to be told.
  if (start > 0) ranges.push({ start, end });
  return ranges.reverse();
};

const hashesOf = async (
  sha256: Sha256,
  read: ReadNodes,
  ranges: readonly Range[],
): Promise<readonly Hash[]> => {
  const places = ranges.map(subtreesOf);
  const hashes = await read(places.flat());
  let next = 0;
  return places.map(({ length }) => joined(sha256, hashes.slice(next, (next += length))));
};

/** The root of the tree of the first `size` leaves. */
export const rootAt = async (sha256: Sha256, read: ReadNodes, size: number): Promise<Hash> =>
  joined(sha256, await read(frontierPlaces(size)));

/** Proves that leaf `index` is in the tree of `size` leaves. */
export const proveInclusion = (
  sha256: Sha256,
  read: ReadNodes,
  index: number,
  size: number,
): Promise<readonly Hash[]> => {
  if (index < 0 || index >= size) throw new RangeError(`a tree of ${size} leaves has no leaf ${index}`);
  return hashesOf(sha256, read, inclusionRanges(index, size));
};

/** Proves that the tree of `size` leaves begins with all of the tree of the first `earlier`; empty where one is empty. */
export const proveConsistency = (
  sha256: Sha256,
  read: ReadNodes,
  earlier: number,
  size: number,
): Promise<readonly Hash[]> => {
  if (earlier < 0 || earlier > size)
    throw new RangeError(`a tree of ${size} leaves does not begin with one of ${earlier}`);
  return earlier === 0 ? Promise.resolve([]) : hashesOf(sha256, read, consistencyRanges(earlier, size));
};

const half = (value: number): number => Math.floor(value / 2);

/** The root that an inclusion proof comes to (RFC 9162 §2.1.3.2); undefined where it has another length. */
const rootFromInclusion = (
  sha256: Sha256,
  index: number,
  size: number,
  leaf: Hash,
  proof: readonly Hash[],
): Hash | undefined => {
  let node = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return undefined;
    if (node % 2 === 1 || node === last) {
      hash = hashNode(sha256, sibling, hash);
      for (; node % 2 === 0 && node !== 0; last = half(last)) node = half(node);
    } else hash = hashNode(sha256, hash, sibling);
    node = half(node);
    last = half(last);
  }
  return last === 0 ? hash : undefined;
};

/** Whether a proof shows that `leaf` (a leaf hash) is leaf `index` of the tree of `size` leaves with that root. */
export const verifyInclusion = (
  sha256: Sha256,
  claim: { readonly index: number; readonly size: number; readonly leaf: Hash; readonly root: Hash },
  proof: readonly Hash[],
): boolean => {
  const { index, size, leaf, root } = claim;
  if (!isSize(index) || !isSize(size) || index >= size) return false;
  if (![leaf, root, ...proof].every(isHash)) return false;
  const found = rootFromInclusion(sha256, index, size, leaf, proof);
  return found !== undefined && sameHash(found, root);
};

/** A tree's size and root. */
export interface TreeHead {
  readonly size: number;
  readonly root: Hash;
}

/** Whether a proof shows that the later tree begins with all of the earlier one (RFC 9162 §2.1.4.2). */
export const verifyConsistency = (
  sha256: Sha256,
  earlier: TreeHead,
  later: TreeHead,
  proof: readonly Hash[],
): boolean => {
  if (!isSize(earlier.size) || !isSize(later.size) || earlier.size > later.size) return false;
  if (![earlier.root, later.root, ...proof].every(isHash)) return false;
  if (earlier.size === later.size) return proof.length === 0 && sameHash(earlier.root, later.root);
  if (earlier.size === 0) return proof.length === 0 && sameHash(earlier.root, sha256(new Uint8Array(0)));

  let node = earlier.size - 1;
  let last = later.size - 1;
  for (; node % 2 === 1; last = half(last)) node = half(node);
  // An earlier tree that is complete is a node of the later one, and its root is where the proof begins.
  const [first, ...rest] = node === 0 ? [earlier.root, ...proof] : proof;
  if (!first) return false;
  let before = first;
  let after = first;
  for (const hash of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      before = hashNode(sha256, hash, before);
      after = hashNode(sha256, hash, after);
      for (; node % 2 === 0 && node !== 0; last = half(last)) node = half(node);
    } else after = hashNode(sha256, after, hash);
    node = half(node);
    last = half(last);
  }
  return last === 0 && sameHash(before, earlier.root) && sameHash(after, later.root);
};

const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

const isHash = ({ length }: Hash): boolean => length === HASH_BYTES;
