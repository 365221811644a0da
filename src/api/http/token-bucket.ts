/** Tokens come back evenly, `per_minute` of them, until there are `burst`. Whole numbers from 1 to 1e14. */
export interface Rate {
  readonly per_minute: number;
  readonly burst: number;
}

/**
 * What is left of a budget at a moment. All whole numbers, so that nothing is gained or lost by looking often;
 * below zero where a request has overdrawn it.
 */
export interface Bucket {
  readonly tokens: number;
  /** What has come back of the next token, in parts of 60,000: at one token a minute, one part a millisecond. */
  readonly parts: number;
  /** Milliseconds on a monotonic clock. */
  readonly at: number;
}

const MINUTE_MS = 60_000;

export const fullBucket = ({ burst }: Rate, now: number): Bucket => ({ tokens: burst, parts: 0, at: now });

/** The bucket at a later moment. Time that stands still or goes back changes nothing. */
export const refilled = (bucket: Bucket, { per_minute, burst }: Rate, now: number): Bucket => {
  const elapsed = now - bucket.at;
  if (elapsed <= 0) return bucket;
  // Whole tokens and the rest are multiplied apart: together they would leave the whole numbers that a double holds.
  const parts = bucket.parts + elapsed * (per_minute % MINUTE_MS);
  const tokens = bucket.tokens + elapsed * Math.floor(per_minute / MINUTE_MS) + Math.floor(parts / MINUTE_MS);
  return tokens >= burst
    ? { tokens: burst, parts: 0, at: now }
    : { tokens, parts: parts % MINUTE_MS, at: now };
};

/** The bucket with so many tokens less, whether it has them or not. */
export const drawn = ({ tokens, parts, at }: Bucket, count: number): Bucket => ({
  tokens: tokens - count,
  parts,
  at,
});

/** Milliseconds from the bucket's moment until it has so many tokens, rounded up; 0 where it has them. */
export const timeUntil = ({ tokens, parts }: Bucket, { per_minute }: Rate, wanted: number): number =>
  tokens >= wanted ? 0 : Math.ceil(((wanted - tokens) * MINUTE_MS - parts) / per_minute);
