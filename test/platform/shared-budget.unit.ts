import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SharedBudget } from '../../src/platform/shared-budget.js';

/** Takes one at a time for those owners in turn until none of them gets any more; what each holds. */
const fill = (budget: SharedBudget, owners: readonly string[]): number[] => {
  const held = owners.map(() => 0);
  for (let full = false; !full;) {
    full = true;
    owners.forEach((owner, i) => {
      if (!budget.take(owner, 1)) return;
      held[i] = (held[i] ?? 0) + 1;
      full = false;
    });
  }
  return held;
};

describe('a shared budget', () => {
  it('gives half to one alone, and leaves room for the next', () => {
    const budget = new SharedBudget(1200);
    expect(fill(budget, ['a'])).toEqual([600]);
    expect(budget.fits('b', 100)).toBe(true);
  });

  it('gives those who all want more the same', () => {
    expect(fill(new SharedBudget(1200), ['a', 'b', 'c'])).toEqual([300, 300, 300]);
  });

  it('lets one who holds nothing have all that is free, and anything where all of it is', () => {
    const budget = new SharedBudget(100);
    expect(budget.take('a', 500)).toBe(true);
    expect(budget.take('b', 1)).toBe(false);
    budget.release('a', 500);
    expect(budget.take('a', 20)).toBe(true);
    expect(budget.take('b', 81)).toBe(false);
    expect(budget.take('b', 80)).toBe(true);
  });

  it('never gives more than there is, and forgets nobody nor keeps anybody', () => {
    const steps = fc.array(
      fc.record({
        owner: fc.constantFrom('a', 'b', 'c'),
        amount: fc.integer({ min: 0, max: 60 }),
        take: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(steps, (sequence) => {
        const budget = new SharedBudget(100);
        const taken: { owner: string; amount: number }[] = [];
        for (const { owner, amount, take } of sequence) {
          if (!take) {
            const back = taken.pop();
            if (back) budget.release(back.owner, back.amount);
          } else if (budget.take(owner, amount)) taken.push({ owner, amount });
          expect(budget.used).toBe(taken.reduce((sum, each) => sum + each.amount, 0));
          expect(budget.used).toBeLessThanOrEqual(100);
        }
        for (const { owner, amount } of taken.splice(0)) budget.release(owner, amount);
        expect(fill(budget, ['a'])).toEqual([50]);
      }),
    );
  });
});
