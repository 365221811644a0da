import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  drawn,
  fullBucket,
  refilled,
  timeUntil,
  type Bucket,
  type Rate,
} from '../../../src/api/http/token-bucket.js';

const rates = fc.record({
  per_minute: fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 1, max: 1e12 })),
  burst: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1e12 })),
});
/** Mostly short times; some that stand still, and some of days. */
const pauses = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 1e9 }));

/** What has come back, in parts of a sixty-thousandth of a token, without a limit to whole numbers. */
const partsOf = ({ tokens, parts }: Bucket): bigint => BigInt(tokens) * 60_000n + BigInt(parts);

describe('a bucket', () => {
  it('never lets through more than its burst and what has come back, in any stretch of time', () => {
    const requests = fc.array(fc.record({ pause: pauses, count: fc.integer({ min: 1, max: 50 }) }), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(rates, requests, (rate, sequence) => {
        let bucket = fullBucket(rate, 0);
        let now = 0;
        const admitted: { at: number; count: number }[] = [];
        for (const { pause, count } of sequence) {
          now += pause;
          bucket = refilled(bucket, rate, now);
          if (bucket.tokens < count) continue;
          bucket = drawn(bucket, count);
          admitted.push({ at: now, count });
        }
        admitted.forEach((first, i) => {
          let sum = 0n;
          for (const { at, count } of admitted.slice(i)) {
            sum += BigInt(count);
            const allowed = BigInt(rate.burst) * 60_000n + BigInt(rate.per_minute) * BigInt(at - first.at);
            expect(sum * 60_000n <= allowed).toBe(true);
          }
        });
      }),
    );
  });

  it('gets back exactly what its rate says, however often it is looked at', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 2e12 }), fc.array(pauses), (rate, taken, looks) => {
        let bucket = drawn(fullBucket(rate, 0), taken);
        let now = 0;
        for (const pause of looks) {
          now += pause;
          bucket = refilled(bucket, rate, now);
        }
        const exact = (BigInt(rate.burst) - BigInt(taken)) * 60_000n + BigInt(now) * BigInt(rate.per_minute);
        const limit = BigInt(rate.burst) * 60_000n;
        expect(partsOf(bucket)).toBe(exact < limit ? exact : limit);
      }),
    );
  });

  it('is unmoved by a clock that stands still or goes back', () => {
    fc.assert(
      fc.property(
        rates,
        fc.integer({ min: 0, max: 1e9 }),
        fc.integer({ min: 0, max: 1e9 }),
        (rate, at, back) => {
          const bucket = drawn(fullBucket(rate, at), 1);
          const before = refilled(bucket, rate, at - back);
          expect(before).toEqual(bucket);
          expect(refilled(before, rate, at + 60_000)).toEqual(refilled(bucket, rate, at + 60_000));
        },
      ),
    );
  });

  it('has the tokens after the time that it says, and not a millisecond before', () => {
    const small: fc.Arbitrary<Rate> = fc.record({
      per_minute: fc.integer({ min: 1, max: 1e6 }),
      burst: fc.integer({ min: 1, max: 1e6 }),
    });
    fc.assert(
      fc.property(small, fc.integer({ min: 1, max: 2e6 }), (rate, taken) => {
        const bucket = drawn(fullBucket(rate, 0), taken);
        const wait = timeUntil(bucket, rate, 1);
        expect(refilled(bucket, rate, wait).tokens).toBeGreaterThanOrEqual(1);
        if (wait > 0) expect(refilled(bucket, rate, wait - 1).tokens).toBeLessThan(1);
      }),
    );
  });
});
