import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { joinSpans, meetsSpan } from '../../src/domain/time-spans.js';

const span = fc
  .tuple(fc.integer({ min: -50, max: 50 }), fc.nat({ max: 12 }))
  .map(([from, length]) => ({ from, to: from + length }));

it('joined stretches of time meet what one of them meets, in their order and apart from each other', () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 12 }), span, (spans, other) => {
      const joined = joinSpans(spans);
      expect(meetsSpan(joined, other)).toBe(
        spans.some(({ from, to }) => from <= other.to && to >= other.from),
      );
      joined.slice(1).forEach(({ from }, i) => expect(from).toBeGreaterThan((joined[i]?.to ?? NaN) + 1));
    }),
  );
});
