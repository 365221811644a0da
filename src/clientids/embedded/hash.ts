/** Words of 32 bits that a hash has. */
export const HASH_WORDS = 4;

/** The secret of a hash: two words of 32 bits. */
export type HashKey = readonly [number, number];

const COMPRESSION_ROUNDS = 2;
const FINALIZATION_ROUNDS = 4;
const NOT_ASCII = /[^\0-\x7f]/;

/**
 * HalfSipHash-2-4 of a text's UTF-8 bytes with 128 bits of output: the two words of its long form, and two more
 * squeezed out in the same way. Keyed, so that nobody can choose ids that fall onto each other in a table; it works
 * on 32-bit words, which JavaScript has. Writes four words at `at`.
 *
 * Source: J.-P. Aumasson, D. J. Bernstein, SipHash: a fast short-input PRF (2012), and its reference implementation.
 */
export const hashInto = (out: Uint32Array, at: number, [k0, k1]: HashKey, text: string): void => {
  const bytes = NOT_ASCII.test(text) ? Buffer.from(text).toString('latin1') : text;
  const { length } = bytes;
  const whole = length >>> 2;
  const squeezed = whole + 1;
  let v0 = k0 | 0;
  let v1 = k1 ^ 0xee;
  let v2 = k0 ^ 0x6c796765;
  let v3 = k1 ^ 0x74656462;
  for (let step = 0; step < squeezed + HASH_WORDS; step += 1) {
    let word = 0;
    let rounds = COMPRESSION_ROUNDS;
    if (step < whole) {
      const i = step * 4;
      word =
        bytes.charCodeAt(i) |
        (bytes.charCodeAt(i + 1) << 8) |
        (bytes.charCodeAt(i + 2) << 16) |
        (bytes.charCodeAt(i + 3) << 24);
      v3 ^= word;
    } else if (step === whole) {
      word = length << 24;
      for (let i = whole * 4; i < length; i += 1) word |= bytes.charCodeAt(i) << ((i & 3) * 8);
      v3 ^= word;
    } else {
      rounds = FINALIZATION_ROUNDS;
      if (step === squeezed) v2 ^= 0xee;
      else v1 ^= 0xdd;
    }
    for (; rounds > 0; rounds -= 1) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    if (step < squeezed) v0 ^= word;
    else out[at + step - squeezed] = v1 ^ v3;
  }
};
