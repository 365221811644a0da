import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { clockOffset, readSentAt } from '../../../src/domain/telemetry/sender-clock.js';

const NOW = Date.parse('2026-03-01T12:00:00.000Z');

describe('what a sender’s clock lacks', () => {
  it.each([
    ['right', 0, 0],
    ['right, and the request was under way for a while', -480, 0],
    ['an hour behind', -3_600_000, 3_600_000],
    ['an hour behind, and the request was under way for a while', -3_600_300, 3_600_000],
    ['two days ahead', 172_800_200, -172_800_000],
    ['in 1970', -NOW, NOW],
  ])('is known where it is %s', (_, lead, offset) => {
    expect(Object.is(clockOffset(NOW + lead, NOW), offset)).toBe(true);
  });

  it('is within half a second of the difference, and a whole second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), fc.integer({ min: 0, max: 4e12 }), (sent, received) => {
        const offset = clockOffset(sent, received);
        expect(Math.abs(offset - (received - sent))).toBeLessThanOrEqual(500);
        expect(offset % 1000 || 0).toBe(0);
      }),
      { seed: 1 },
    );
  });
});

describe('what a sender’s clock says', () => {
  it.each([
    ['2026-03-01T12:00:00Z', NOW],
    ['2026-03-01T14:00:00.25+02:00', NOW + 250],
    [NOW + 0.9, NOW],
    [0, 0],
    ['yesterday', NaN],
    [String(NOW), NaN],
    [-1, NaN],
    [253_402_300_800_000, NaN],
    ['0000-01-01T00:00:00+01:00', NaN],
    [null, NaN],
    [undefined, NaN],
    [{}, NaN],
  ])('is a time by RFC 3339, or milliseconds: %p', (said, time) => expect(readSentAt(said)).toBe(time));
});
