import { describe, expect, it } from '@jest/globals';
import { Tide } from '../../../src/eventstore/embedded/tide.js';
import { ManualClock } from '../../support/manual-clock.js';

const BEAT_MS = 20;

/** A tide, and what somebody who follows it was told of. */
const followed = (): { tide: Tide; clock: ManualClock; told: number[]; left: AbortController } => {
  const clock = new ManualClock();
  const tide = new Tide(0, clock);
  const told: number[] = [];
  const left = new AbortController();
  void (async () => {
    for (let reached = 0; ; told.push(reached)) {
      await tide.above(reached, left.signal);
      if (tide.ended || left.signal.aborted) return;
      reached = tide.level;
    }
  })();
  return { tide, clock, told, left };
};

/** Lets everybody who was woken run. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('following how far the log is durable', () => {
  it('hears of a first small rise at once, and of those close behind it together', async () => {
    const { tide, clock, told } = followed();
    tide.rise(1, 100);
    await settled();
    expect(told).toEqual([1]);

    tide.rise(2, 100);
    tide.rise(3, 100);
    await settled();
    expect(told).toEqual([1]);

    clock.advance(BEAT_MS);
    await settled();
    expect(told).toEqual([1, 3]);
  });

  it('hears at once again after a beat that brought nothing', async () => {
    const { tide, clock, told } = followed();
    tide.rise(1, 100);
    await settled();
    clock.advance(BEAT_MS);
    await settled();

    tide.rise(2, 100);
    await settled();
    expect(told).toEqual([1, 2]);
  });

  it('hears at once of what may not wait, and with it of what waited', async () => {
    const { tide, told } = followed();
    tide.rise(1, 100);
    await settled();
    tide.rise(2, 100);
    tide.rise(3, Infinity);
    await settled();
    expect(told).toEqual([1, 3]);
  });

  it('hears before the beat where much has come together', async () => {
    const { tide, told } = followed();
    tide.rise(1, 100);
    await settled();
    tide.rise(2, 200 * 1024);
    await settled();
    expect(told).toEqual([1]);
    tide.rise(3, 200 * 1024);
    await settled();
    expect(told).toEqual([1, 3]);
  });

  it('does not wait for a beat to look at what was durable before it asked', async () => {
    const tide = new Tide(7, new ManualClock());
    await tide.above(6, new AbortController().signal);
    expect(tide.level).toBe(7);
  });

  it('ends a wait where the log is closed or nobody follows any more', async () => {
    const one = followed();
    one.tide.end();
    await one.tide.above(0, new AbortController().signal);
    const other = followed();
    other.left.abort();
    await other.tide.above(0, other.left.signal);
    expect([one.told, other.told]).toEqual([[], []]);
  });
});
