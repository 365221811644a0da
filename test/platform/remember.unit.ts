import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { remember } from '../../src/platform/remember.js';

it('keeps the newest of each key, and so many in all', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 8 }), { maxLength: 60, size: 'max' }),
      fc.integer({ min: 1, max: 6 }),
      (keys, most) => {
        const map = new Map<number, number>();
        keys.forEach((key, n) => {
          remember(map, key, n, most);
        });
        // Plainly: the last place of each key, the latest of them.
        const latest = [...new Set(keys.toReversed())].slice(0, most).toReversed();
        expect([...map]).toEqual(latest.map((key) => [key, keys.lastIndexOf(key)]));
      },
    ),
  );
});
