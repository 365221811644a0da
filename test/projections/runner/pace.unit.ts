import { describe, expect, it } from '@jest/globals';
import { Pace } from '../../../src/projections/runner/pace.js';
import { ManualClock } from '../../support/manual-clock.js';

describe('the pace of writing', () => {
  const written = async (milliseconds: number) => {
    const clock = new ManualClock();
    const pace = new Pace(clock);
    await pace.of(() => {
      clock.advance(milliseconds);
      return Promise.resolve();
    });
    return { clock, pace };
  };

  it('holds nobody up before the first write', () => {
    expect(new Pace(new ManualClock()).isRested).toBe(true);
  });

  it('leaves nine tenths of the time to other work', async () => {
    const { clock, pace } = await written(5);
    clock.advance(44);
    expect(pace.isRested).toBe(false);
    clock.advance(1);
    expect(pace.isRested).toBe(true);
  });

  it('keeps readers a tenth of a second behind at most, however long a write takes', async () => {
    const { clock, pace } = await written(60_000);
    const rested = pace.rested();
    clock.advance(100);
    await rested;
    expect(pace.isRested).toBe(true);
  });
});
