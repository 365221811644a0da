import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { copyBytes } from '../../src/platform/copy-bytes.js';

const shared = fc.boolean();
const roomOf = (bytes: number, is_shared: boolean): Uint8Array =>
  new Uint8Array(is_shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));

describe('copying bytes', () => {
  it('does what `set` does, between memory that is shared and memory that is not, wherever they begin', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.nat(300), fc.integer({ min: 16_000, max: 50_000 })),
        ...([fc.nat(20), fc.nat(20), fc.nat(20), shared, shared] as const),
        (length, source, target, at, from_shared, into_shared) => {
          const from = roomOf(source + length, from_shared).subarray(source);
          for (let i = 0; i < length; i += 1) from[i] = (i * 31 + (i >> 8)) & 0xff;
          const into = roomOf(target + at + length + 9, into_shared).subarray(target);
          const expected = into.slice();
          expected.set(from, at);
          copyBytes(from, into, at);
          expect(Buffer.compare(into, expected)).toBe(0);
        },
      ),
    );
  });

  it('refuses what does not fit, as `set` does', () => {
    const into = new Uint8Array(new SharedArrayBuffer(1000));
    expect(() => {
      copyBytes(new Uint8Array(900), into, 101);
    }).toThrow('out of bounds');
  });
});
