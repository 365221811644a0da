import { randomBytes } from 'node:crypto';

/** Randomness as an input. */
export interface Random {
  bytes(length: number): Buffer;
}

/** Asking the system takes longer than all else that an id needs, so it is asked for many at once. */
const POOL_BYTES = 4096;
const LONGEST_POOLED = 64;

/** The system's randomness. No byte is handed out twice: a used-up pool is replaced, not filled again. */
const pooledRandom = (): Random => {
  let pool = randomBytes(POOL_BYTES);
  let used = 0;
  return {
    bytes(length) {
      if (length > LONGEST_POOLED) return randomBytes(length);
      if (used + length > pool.length) {
        pool = randomBytes(POOL_BYTES);
        used = 0;
      }
      used += length;
      return pool.subarray(used - length, used);
    },
  };
};

export const systemRandom: Random = pooledRandom();
