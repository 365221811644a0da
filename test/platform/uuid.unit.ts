import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { publicId, uuidOf } from '../../src/domain/ids.js';
import { uuidFrom, uuidV7 } from '../../src/platform/uuid.js';

const form = (version: number): RegExp =>
  new RegExp(`^[0-9a-f]{8}-[0-9a-f]{4}-${version}[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`);
const ones = { bytes: (length: number) => Buffer.alloc(length, 0xff) };

describe('a UUID version 7', () => {
  it('begins with the milliseconds since 1970, so that ids sort by their time', () => {
    // The example of RFC 9562, appendix A.6: 22 February 2022, 14:22:22 GMT-5.
    expect(uuidV7({ now: () => 0x017f22e279b0 }, ones)).toMatch(/^017f22e2-79b0-7/);
    expect(uuidV7({ now: () => 1 }, ones) < uuidV7({ now: () => 2 }, ones)).toBe(true);
  });

  it('has version and variant where they belong', () => {
    expect(uuidV7({ now: () => 0 }, ones)).toMatch(form(7));
  });
});

describe('a UUID made of names', () => {
  it('is the same for the same names and differs for others', () => {
    expect(uuidFrom('a', 'b')).toBe(uuidFrom('a', 'b'));
    expect(uuidFrom('a', 'b')).toMatch(form(8));
    expect(
      new Set([uuidFrom('a', 'b'), uuidFrom('ab'), uuidFrom('b', 'a'), uuidFrom('a', 'b', '')]).size,
    ).toBe(4);
  });
});

describe('a public id', () => {
  it('gives back the UUID that it was made of', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(uuidOf('rule', publicId('rule', uuid))).toBe(uuid);
      }),
    );
  });

  it.each(['', 'rul_', 'rul_xyz', `ten_${'0'.repeat(32)}`, `rul_${'0'.repeat(33)}`, `rul_${'G'.repeat(32)}`])(
    'is not %j',
    (text) => {
      expect(uuidOf('rule', text)).toBeUndefined();
    },
  );
});
