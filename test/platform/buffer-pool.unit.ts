import { describe, expect, it } from '@jest/globals';
import { BufferPool } from '../../src/platform/buffer-pool.js';

const KB = 1024;

describe('Memory that is used again', () => {
  it('is handed out in the size that is asked for, and again once it was given back', () => {
    const pool = new BufferPool(1024 * KB);
    const one = pool.take(100 * KB);
    const other = pool.take(100 * KB);
    expect([one.length, other.length]).toEqual([100 * KB, 100 * KB]);
    expect(other.buffer).not.toBe(one.buffer);

    pool.give(one);
    const third = pool.take(128 * KB);
    expect(third.buffer).toBe(one.buffer);
    expect(third.length).toBe(128 * KB);
    expect(pool.take(1).buffer).not.toBe(one.buffer);
  });

  it('is not kept beyond the limit', () => {
    const pool = new BufferPool(192 * KB);
    const [one, other, small] = [pool.take(128 * KB), pool.take(128 * KB), pool.take(10)];
    pool.give(one);
    pool.give(other);
    pool.give(small);
    expect(pool.take(128 * KB).buffer).toBe(one.buffer);
    expect(pool.take(128 * KB).buffer).not.toBe(other.buffer);
    expect(pool.take(64 * KB).buffer).toBe(small.buffer);
  });
});
