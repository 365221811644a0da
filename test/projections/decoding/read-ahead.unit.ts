import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readAhead } from '../../../src/projections/decoding/read-ahead.js';

/** Counts what was taken of it, and whether it was closed. */
const source = (items: number, failing = Infinity) => {
  const state = { taken: 0, closed: false };
  const read = async function* (): AsyncGenerator<number> {
    try {
      for (let item = 0; item < items; item += 1) {
        if (item === failing) throw new Error('unreadable');
        state.taken += 1;
        yield item;
        await Promise.resolve();
      }
    } finally {
      state.closed = true;
    }
  };
  return { state, read };
};

describe('reading ahead', () => {
  it('hands out everything in its order, each prepared, and never takes more ahead than it may', () =>
    fc.assert(
      fc.asyncProperty(
        fc.nat(30),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.nat(3)),
        async (items, most, delays) => {
          const { state, read } = source(items);
          const prepared = new Set<number>();
          const prepare = async (item: number): Promise<number> => {
            for (let turns = Number(delays.next().value ?? 0); turns > 0; turns -= 1)
              await new Promise((resolve) => setImmediate(resolve));
            prepared.add(item);
            return item;
          };
          const seen: number[] = [];
          for await (const item of readAhead(read(), prepare, most)) {
            expect(prepared.has(item)).toBe(true);
            expect(state.taken).toBeLessThanOrEqual(seen.length + 1 + most);
            seen.push(item);
          }
          expect(seen).toEqual(Array.from({ length: items }, (_, item) => item));
          expect(state.closed).toBe(true);
        },
      ),
      { numRuns: 50 },
    ));

  it('fails when it is the turn of what failed, and not before', async () => {
    const seen: number[] = [];
    const walk = async (): Promise<void> => {
      const { read } = source(10, 3);
      for await (const item of readAhead(read(), (item) => Promise.resolve(item), 4)) seen.push(item);
    };
    await expect(walk()).rejects.toThrow('unreadable');
    expect(seen).toEqual([0, 1, 2]);
  });

  it('closes its source where it is left early, after what was begun', async () => {
    const { state, read } = source(10);
    let preparing = 0;
    const prepare = async (item: number): Promise<number> => {
      preparing += 1;
      await new Promise((resolve) => setImmediate(resolve));
      preparing -= 1;
      return item;
    };
    for await (const item of readAhead(read(), prepare, 3)) if (item === 1) break;
    expect([state.closed, preparing]).toEqual([true, 0]);
  });
});
