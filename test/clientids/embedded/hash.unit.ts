import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HASH_WORDS, hashBytesInto, hashInto, type HashKey } from '../../../src/clientids/embedded/hash.js';

const hash = (text: string, key: HashKey = [0x03020100, 0x07060504]): string => {
  const words = new Uint32Array(HASH_WORDS);
  hashInto(words, 0, key, text);
  return Buffer.from(words.buffer).toString('hex');
};

describe('the hash of a client id', () => {
  // The test vectors of the reference implementation (github.com/veorq/SipHash, vectors_hsip64): bytes 0, 1, 2, ….
  it.each([
    [0, '218d1f59b9b83cc8'],
    [1, 'be552412f8387315'],
    [2, '064f39ef7c50eb57'],
    [3, 'ce0f1a45f7060679'],
    [4, 'd5e78a175be52ea1'],
    [7, 'ff202728b07bc684'],
    [8, 'edfee820bce4858c'],
    [31, '863c7f155c34117c'],
    [62, 'f90b3ab572d46693'],
    [63, '2ea63c71bf326087'],
  ])('begins as HalfSipHash-2-4 does: %i bytes', (length, expected) => {
    const text = String.fromCharCode(...Array.from({ length }, (_, i) => i));
    expect(hash(text).slice(0, 16)).toBe(expected);
  });

  it('of a text is that of its bytes, wherever they stand', () => {
    const key: HashKey = [1, 2];
    const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.constant('é'.repeat(1025)));
    fc.assert(
      fc.property(text, fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 }), (id, before, behind) => {
        const start = Buffer.byteLength(before);
        const words = new Uint32Array(HASH_WORDS);
        hashBytesInto(words, 0, key, Buffer.from(before + id + behind), start, start + Buffer.byteLength(id));
        expect(Buffer.from(words.buffer).toString('hex')).toBe(hash(id, key));
      }),
    );
  });

  it('differs for different texts and keys, in all its parts', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 });
    fc.assert(
      fc.property(text, text, fc.nat(), (one, other, key) => {
        fc.pre(one !== other);
        const hashes = [hash(one), hash(other), hash(one, [key + 1, 7])];
        for (const part of [0, 8, 16, 24])
          expect(new Set(hashes.map((hex) => hex.slice(part, part + 8))).size).toBe(3);
      }),
    );
  });
});
