import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dayOf, hasQuota, leftOf, secondsOfDayLeft } from '../../../src/domain/tenancy/usage.js';

describe('a day of a quota', () => {
  it('is the UTC day, and ends when the next begins', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 4e12 }), (time) => {
        const seconds = secondsOfDayLeft(time);
        expect(seconds).toBeGreaterThan(0);
        expect(seconds).toBeLessThanOrEqual(86_400);
        expect(dayOf(time + seconds * 1000)).not.toBe(dayOf(time));
        expect(dayOf(time + (seconds - 1) * 1000)).toBe(dayOf(time));
      }),
      { seed: 1 },
    );
  });
});

describe('what is left', () => {
  it.each([
    [{}, { events: 7, bytes: 7 }, { events: Infinity, bytes: Infinity }],
    [{ events_per_day: 10 }, { events: 7, bytes: 7 }, { events: 3, bytes: Infinity }],
    [
      { events_per_day: 10, bytes_per_day: 5 },
      { events: 17, bytes: 5 },
      { events: 0, bytes: 0 },
    ],
  ])('of %j after %j is %j', (quota, used, left) => {
    expect(leftOf(quota, used)).toEqual(left);
    expect(hasQuota(quota)).toBe(Object.keys(quota).length > 0);
  });
});
