/** Words of 32 bits that a hash has. */
export const HASH_WORDS = 4;

/** The secret of a hash: two words of 32 bits. */
export type HashKey = readonly [number, number];

const COMPRESSION_ROUNDS = 2;
const FINALIZATION_ROUNDS = 4;
/** Room for the bytes of a text. */
const scratch = Buffer.alloc(1024);

/** A text's UTF-8 bytes, good until the next call; letter by letter, since a call costs more than short texts do. */
const bytesOf = (text: string): Buffer => {
  if (text.length > scratch.length) return Buffer.from(text);
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return Buffer.from(text);
    scratch[i] = unit;
  }
  return scratch;
};

/** Hashes a text as {@link hashBytesInto} hashes its UTF-8 bytes. */
export const hashInto = (out: Uint32Array, at: number, key: HashKey, text: string): void => {
  const bytes = bytesOf(text);
  hashBytesInto(out, at, key, bytes, 0, bytes === scratch ? text.length : bytes.length);
};

/**
 * HalfSipHash-2-4 of bytes with 128 bits of output: the two words of its long form, and two more
 * squeezed out in the same way. Keyed, so that nobody can choose ids that fall onto each other in a table; it works
 * on 32-bit words, which JavaScript has. Writes four words at `at`.
 *
 * Source: J.-P. Aumasson, D. J. Bernstein, SipHash: a fast short-input PRF (2012), and its reference implementation.
 */
export const hashBytesInto = (
  out: Uint32Array,
  at: number,
  [k0, k1]: HashKey,
  bytes: Buffer,
  start: number,
  end: number,
): void => {
  const length = end - start;
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
      const i = start + step * 4;
      word =
        (bytes[i] ?? 0) |
        ((bytes[i + 1] ?? 0) << 8) |
        ((bytes[i + 2] ?? 0) << 16) |
        ((bytes[i + 3] ?? 0) << 24);
      v3 ^= word;
    } else if (step === whole) {
      word = length << 24;
      for (let i = whole * 4; i < length; i += 1) word |= (bytes[start + i] ?? 0) << ((i & 3) * 8);
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
