import { hash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  append,
  EMPTY,
  hashLeaf,
  proveConsistency,
  proveInclusion,
  rootAt,
  rootOf,
  verifyConsistency,
  verifyInclusion,
  type Frontier,
  type Hash,
  type NodePlace,
  type ReadNodes,
} from '../../../src/domain/integrity/merkle.js';

const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string): Buffer => Buffer.from(text, 'hex');

// The definitions of RFC 6962 §2.1, word by word, over the leaves' data.
const largestBelow = (n: number): number => 2 ** Math.floor(Math.log2(n - 1));
const mth = (d: readonly Buffer[]): Buffer => {
  if (d.length === 0) return sha256(Buffer.alloc(0));
  if (d.length === 1) return sha256(Buffer.concat([Buffer.of(0), d[0]!]));
  const k = largestBelow(d.length);
  return sha256(Buffer.concat([Buffer.of(1), mth(d.slice(0, k)), mth(d.slice(k))]));
};
const path = (m: number, d: readonly Buffer[]): Buffer[] => {
  if (d.length === 1) return [];
  const k = largestBelow(d.length);
  return m < k
    ? [...path(m, d.slice(0, k)), mth(d.slice(k))]
    : [...path(m - k, d.slice(k)), mth(d.slice(0, k))];
};
const subproof = (m: number, d: readonly Buffer[], b: boolean): Buffer[] => {
  if (m === d.length) return b ? [] : [mth(d)];
  const k = largestBelow(d.length);
  return m <= k
    ? [...subproof(m, d.slice(0, k), b), mth(d.slice(k))]
    : [...subproof(m - k, d.slice(k), false), mth(d.slice(0, k))];
};

/** Grows a tree leaf by leaf, and keeps what was completed on the way. */
const grown = (data: readonly Buffer[]): { frontier: Frontier; read: ReadNodes; places: NodePlace[] } => {
  const nodes = new Map<string, Hash>();
  const places: NodePlace[] = [];
  const frontier = data.reduce(
    (tree, datum) =>
      append(sha256, tree, hashLeaf(sha256, datum), (node, place) => {
        nodes.set(`${place.level}/${place.index}`, node);
        places.push(place);
      }),
    EMPTY,
  );
  const read: ReadNodes = (wanted) =>
    Promise.resolve(wanted.map(({ level, index }) => nodes.get(`${level}/${index}`)!));
  return { frontier, read, places };
};

const leaves = fc.array(
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  { minLength: 1, maxLength: 70 },
);
const withSizes = leaves.chain((data) =>
  fc.record({
    data: fc.constant(data),
    size: fc.integer({ min: 1, max: data.length }),
    part: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  }),
);

describe('a Merkle tree', () => {
  it('has the root that RFC 6962 defines, however it came about', () =>
    fc.assert(
      fc.asyncProperty(withSizes, async ({ data, size }) => {
        const { frontier, read } = grown(data);
        expect(hex(rootOf(sha256, frontier))).toBe(hex(mth(data)));
        expect(hex(await rootAt(sha256, read, size))).toBe(hex(mth(data.slice(0, size))));
      }),
    ));

  it('completes each subtree once, in an order that only its size decides', () => {
    fc.assert(
      fc.property(leaves, (data) => {
        const { places } = grown(data);
        expect(new Set(places.map(({ level, index }) => `${level}/${index}`)).size).toBe(places.length);
        const longer = grown([...data, Buffer.of(1)]).places;
        expect(longer.slice(0, places.length)).toEqual(places);
      }),
    );
  });

  it('proves a leaf by the path that RFC 6962 defines', () =>
    fc.assert(
      fc.asyncProperty(withSizes, async ({ data, size, part }) => {
        const index = Math.floor(part * size);
        const some = data.slice(0, size);
        const proof = await proveInclusion(sha256, grown(data).read, index, size);
        expect(proof.map(hex)).toEqual(path(index, some).map(hex));
        const claim = { index, size, leaf: hashLeaf(sha256, data[index]!), root: mth(some) };
        expect(verifyInclusion(sha256, claim, proof)).toBe(true);
      }),
    ));

  it('proves an earlier tree by the nodes that RFC 6962 defines', () =>
    fc.assert(
      fc.asyncProperty(withSizes, async ({ data, size, part }) => {
        const earlier = Math.floor(part * size) + 1;
        const some = data.slice(0, size);
        const proof = await proveConsistency(sha256, grown(data).read, earlier, size);
        expect(proof.map(hex)).toEqual(subproof(earlier, some, true).map(hex));
        const heads = [
          { size: earlier, root: mth(data.slice(0, earlier)) },
          { size, root: mth(some) },
        ] as const;
        expect(verifyConsistency(sha256, ...heads, proof)).toBe(true);
      }),
    ));

  it('begins with the empty tree, whatever it holds', async () => {
    const data = [Buffer.of(1), Buffer.of(2)];
    const proof = await proveConsistency(sha256, grown(data).read, 0, 2);
    expect(verifyConsistency(sha256, { size: 0, root: mth([]) }, { size: 2, root: mth(data) }, proof)).toBe(
      true,
    );
  });

  it('has no proof of what it does not hold', () => {
    const { read } = grown([Buffer.of(1)]);
    expect(() => proveInclusion(sha256, read, 1, 1)).toThrow(RangeError);
    expect(() => proveConsistency(sha256, read, 2, 1)).toThrow(RangeError);
  });
});

type Change = (proof: readonly Hash[]) => readonly Hash[];

/** Every proof that differs from a right one a little: a bit turned, one too few, one too many, in another order. */
const changes = (proof: readonly Hash[], others: readonly Hash[]): Change[] => [
  ...proof.flatMap((node, i) =>
    [0, 4, 255].map(
      (bit): Change =>
        () =>
          proof.with(i, turned(node, bit)),
    ),
  ),
  ...proof.map(
    (_, i): Change =>
      (right) =>
        right.toSpliced(i, 1),
  ),
  ...proof.map(
    (node, i): Change =>
      (right) =>
        right.with(i, node.subarray(0, 31)),
  ),
  ...others.flatMap((other) => [
    (right: readonly Hash[]) => [...right, other],
    (right: readonly Hash[]) => [other, ...right],
  ]),
  ...(proof.length > 1 && hex(proof[0]!) !== hex(proof.at(-1)!)
    ? [(right: readonly Hash[]) => right.toReversed()]
    : []),
];

const turned = (node: Hash, bit: number): Hash => {
  const copy = Uint8Array.from(node);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
};

describe('a proof that is not right', () => {
  const data = Array.from({ length: 23 }, (_, i) => Buffer.of(i));
  const roots = Array.from({ length: data.length + 1 }, (_, size) => mth(data.slice(0, size)));
  const { read } = grown(data);
  const garbage = [Buffer.alloc(0), Buffer.alloc(32), sha256(Buffer.from('garbage'))];

  it('shows no leaf, whatever is wrong with it or with what it is held against', async () => {
    let tried = 0;
    for (const size of [1, 2, 3, 8, 15, 23])
      for (const index of [0, 1, 2, size >> 1, size - 1].filter((i) => i < size)) {
        const root = roots[size]!;
        const claim = { index, size, leaf: hashLeaf(sha256, data[index]!), root };
        const proof = await proveInclusion(sha256, read, index, size);
        const wrong = changes(proof, [...garbage, root, claim.leaf]).map((change) => ({
          claim,
          proof: change(proof),
        }));
        const claims = [
          { index: index + 1 },
          { index: index - 1 },
          { index: index ^ 2 },
          { index: -1 },
          { index: NaN },
          { index: 2 ** 53 },
          { size: size * 2 },
          { size: 0 },
          { size: Infinity },
          { leaf: turned(claim.leaf, 7) },
          { leaf: garbage[0]! },
          { root: turned(root, 7) },
          { root: garbage[0]! },
          { root: mth([]) },
        ].map((part) => ({ claim: { ...claim, ...part }, proof }));
        for (const { claim, proof } of [...wrong, ...claims]) {
          tried += 1;
          expect({ claim, holds: verifyInclusion(sha256, claim, proof) }).toEqual({ claim, holds: false });
        }
      }
    expect(tried).toBeGreaterThan(500);
  });

  it('shows no earlier tree, whatever is wrong with it or with what it is held against', async () => {
    let tried = 0;
    for (const size of [1, 2, 3, 7, 8, 15, 23])
      for (const earlier of [0, 1, 2, 3, 4, size - 1, size].filter((one) => one <= size)) {
        const [before, after] = [
          { size: earlier, root: roots[earlier]! },
          { size, root: roots[size]! },
        ];
        const proof = await proveConsistency(sha256, read, earlier, size);
        const wrong = changes(proof, [...garbage, before.root, after.root]).map((change) => ({
          before,
          after,
          proof: change(proof),
        }));
        const heads = [
          { before: { ...before, root: turned(before.root, 9) } },
          { before: { ...before, root: garbage[0]! } },
          { before: { ...before, size: earlier + 1 } },
          { before: { ...before, size: -1 } },
          { after: { ...after, root: turned(after.root, 9) } },
          { after: { ...after, size: earlier - 1 } },
          { before: after, after: before },
        ].map((part) => ({ before, after, proof, ...part }));
        for (const { before, after, proof } of [...wrong, ...heads]) {
          if (before.size === after.size && hex(before.root) === hex(after.root) && proof.length === 0)
            continue;
          // Every tree begins with the empty one: the later root is not looked at then.
          if (before.size === 0 && hex(before.root) === hex(mth([])) && proof.length === 0 && after.size >= 0)
            continue;
          tried += 1;
          const holds = verifyConsistency(sha256, before, after, proof);
          expect({ before, after, proof, holds }).toEqual({ before, after, proof, holds: false });
        }
      }
    expect(tried).toBeGreaterThan(500);
  });
});

/** What Certificate Transparency's own implementations (their `testonly` trees) have for eight short leaves. */
describe('the known answers of Certificate Transparency', () => {
  const inputs = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ];
  const data = inputs.map(bytesOf);
  const known = {
    roots: [
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
      '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
      'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    ],
    leaves: [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7',
      '07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      '4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658',
      'b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f',
      '46f6ffadd3d06a09ff3c5860d2755c8b9819db7df44251788c7d8e3180de8eb1',
    ],
    pairs: [
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
    ],
    fours: [
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  };
  const { leaves: l, pairs: p, fours: f, roots } = known;

  it('are ours: roots and leaves', async () => {
    expect(data.map((datum) => hex(hashLeaf(sha256, datum)))).toEqual(l);
    for (const [size, root] of roots.entries())
      expect(hex(await rootAt(sha256, grown(data).read, size))).toBe(root);
  });

  it.each([
    { index: 0, size: 1, proof: [] },
    { index: 0, size: 8, proof: [l[1], p[1], f[1]] },
    { index: 5, size: 8, proof: [l[4], p[3], f[0]] },
    { index: 2, size: 3, proof: [p[0]] },
    { index: 1, size: 5, proof: [l[0], p[1], l[4]] },
  ])('are ours: leaf $index of $size', async ({ index, size, proof }) => {
    const nodes = await proveInclusion(sha256, grown(data).read, index, size);
    expect(nodes.map(hex)).toEqual(proof);
    const claim = { index, size, leaf: bytesOf(l[index]!), root: bytesOf(roots[size]!) };
    expect(verifyInclusion(sha256, claim, nodes)).toBe(true);
  });

  it.each([
    { earlier: 1, size: 1, proof: [] },
    { earlier: 1, size: 8, proof: [l[1], p[1], f[1]] },
    { earlier: 6, size: 8, proof: [p[2], p[3], f[0]] },
    { earlier: 2, size: 5, proof: [p[1], l[4]] },
    { earlier: 6, size: 7, proof: [p[2], l[6], f[0]] },
  ])('are ours: $size leaves begin with $earlier', async ({ earlier, size, proof }) => {
    const nodes = await proveConsistency(sha256, grown(data).read, earlier, size);
    expect(nodes.map(hex)).toEqual(proof);
    const head = (leaves: number) => ({ size: leaves, root: bytesOf(roots[leaves]!) });
    expect(verifyConsistency(sha256, head(earlier), head(size), nodes)).toBe(true);
  });
});
