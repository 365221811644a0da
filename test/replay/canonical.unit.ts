import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Value } from '../../src/readstore/read-store.js';
import { canonical, differingPaths } from '../../src/replay/canonical.js';

describe('the canonical text of a document', () => {
  it('is the same for the same values in any order of their fields', () =>
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), (fields) => {
        const reversed = Object.fromEntries(Object.entries(fields).reverse());
        expect(canonical(reversed as Value)).toBe(canonical(fields));
      }),
      { seed: 8 },
    ));

  it('tells different values apart', () =>
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        // What JSON itself does not tell apart (0 and -0) is one value here.
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(canonical(one as Value) === canonical(other as Value)).toBe(same);
      }),
      { seed: 9 },
    ));

  it('writes bytes as base64 and leaves out fields without a value', () =>
    expect(canonical({ b: new Uint8Array([1, 2, 255]), a: undefined, c: [1, null] })).toBe(
      '{"b":{"$bytes":"AQL/"},"c":[1,null]}',
    ));
});

describe('where two documents differ', () => {
  it('is said as JSON pointers', () =>
    expect(
      differingPaths({ a: 1, b: { 'c/d': [1, 2], e: 1 }, f: 1 }, { a: 2, b: { 'c/d': [1, 3], e: 1 } }, 10),
    ).toEqual(['/a', '/b/c~1d/1', '/f']));

  it('names no more than are wanted', () =>
    expect(differingPaths({ a: 1, b: 1, c: 1 }, { a: 2, b: 2, c: 2 }, 2)).toEqual(['/a', '/b']));

  it('is nowhere in a document and itself', () =>
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(differingPaths(value as Value, structuredClone(value) as Value, 5)).toEqual([]);
      }),
      { seed: 10 },
    ));
});

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, item]) => [`field ${name}`, sorted(item)]);
};
