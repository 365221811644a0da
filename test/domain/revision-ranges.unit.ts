import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { holdsRevision, joinRanges, rangesOf } from '../../src/domain/revision-ranges.js';

const record = fc.record({
  stream: fc.constantFrom('a', 'b', '__proto__', 'constructor'),
  revision: fc.integer({ min: 0, max: 30 }),
});
const records = fc.array(record, { maxLength: 40 });
const all = ['a', 'b', '__proto__', 'constructor', 'c'].flatMap((stream) =>
  Array.from({ length: 33 }, (_, revision) => ({ stream, revision })),
);

describe('ranges of revisions', () => {
  it('hold the records that they were made of, and no other', () => {
    fc.assert(
      fc.property(records, (some) => {
        const ranges = rangesOf(some);
        for (const { stream, revision } of all) {
          const is = some.some((one) => one.stream === stream && one.revision === revision);
          expect(holdsRevision(ranges, stream, revision)).toBe(is);
        }
        // They are stored as JSON.
        expect(JSON.parse(JSON.stringify(ranges))).toEqual(ranges);
      }),
    );
  });

  it('joined hold what any of them does, and are as short as can be', () => {
    fc.assert(
      fc.property(records, records, (some, others) => {
        const joined = joinRanges([rangesOf(some), rangesOf(others)]);
        expect(joined).toEqual(rangesOf([...others, ...some]));
        for (const list of Object.values(joined))
          list.forEach(([from, to], i) => {
            expect(from).toBeLessThanOrEqual(to);
            expect(from).toBeGreaterThan((list[i - 1]?.[1] ?? -2) + 1);
          });
      }),
    );
  });
});
