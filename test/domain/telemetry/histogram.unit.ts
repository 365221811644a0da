import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  addToBucket,
  addToBuckets,
  bucketOf,
  BUCKETS,
  emptyHistogram,
  HistogramSum,
  merge,
  quantile,
  record,
  takenOut,
  valueOf,
  type Histogram,
} from '../../../src/domain/telemetry/histogram.js';

const of = (values: readonly number[]): Histogram => values.reduce(record, emptyHistogram());

/** Nearest rank, by sorting. */
const exact = (values: readonly number[], q: number): number =>
  values.toSorted((one, other) => one - other)[Math.max(1, Math.ceil(q * values.length)) - 1]!;

const quantiles = [0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1];

const duration = fc.oneof(
  fc.constant(0),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ min: 1, max: 1000, noNaN: true }),
  fc.double({ min: 1000, max: 1e9, noNaN: true }),
  fc.integer({ min: 0, max: 100 }),
);
const durations = fc.array(duration, { maxLength: 200 });
const histograms = durations.map(of);

describe('a histogram', () => {
  it('comes out the same byte for byte, one at a time or many at once', () => {
    const buckets = fc.array(fc.integer({ min: 300, max: 304 }), { maxLength: 600 });
    const times = fc.constantFrom(0, 1, 254, 255, 65_534, 2 ** 32 - 1);
    fc.assert(
      fc.property(buckets, times, (many, before) => {
        const begun = (): Histogram => addToBucket(emptyHistogram(), 302, before);
        const one_by_one = many.reduce((sum, bucket) => addToBucket(sum, bucket, 1), begun());
        expect(addToBuckets(begun(), Uint16Array.from(many), 0, many.length)).toEqual(one_by_one);
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  it('gives every quantile within 1 % of the exact one, from nothing to days', () => {
    fc.assert(
      fc.property(fc.array(duration, { minLength: 1, maxLength: 300 }), (values) => {
        const histogram = of(values);
        for (const q of quantiles) {
          const right = exact(values, q);
          const found = quantile(histogram, q)!;
          // Below a microsecond (1/1024 ms) counts as zero.
          if (right < 2 ** -10) expect(found).toBe(0);
          else expect(Math.abs(found - right) / right).toBeLessThanOrEqual(0.01);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it.each([
    ['the same value a million times', () => 42],
    ['values over nine decades', (u: number) => 10 ** (u * 9)],
    ['a long tail', (u: number) => 5 / (1 - u * 0.99999)],
    ['two modes far apart', (u: number) => (u < 0.9 ? 1 + u : 9000 + u)],
    ['mostly zero', (u: number) => (u < 0.97 ? 0 : u * 100)],
  ])('is within 1 %% for %s', (_, draw) => {
    let state = 12345;
    const values = Array.from({ length: 5_000 }, () => {
      state = (state * 1103515245 + 12345) % 2147483648;
      return draw(state / 2147483648);
    });
    const histogram = of(values);
    for (const q of quantiles) {
      const right = exact(values, q);
      expect(Math.abs(quantile(histogram, q)! - right)).toBeLessThanOrEqual(right * 0.01);
    }
  });

  it('of nothing has no quantile and no bytes', () => {
    expect(quantile(emptyHistogram(), 0.5)).toBeUndefined();
    expect(merge(emptyHistogram(), emptyHistogram())).toHaveLength(0);
  });

  it('keeps buckets in the order of their values', () => {
    for (let bucket = 1; bucket < BUCKETS; bucket += 1) {
      expect(valueOf(bucket)).toBeGreaterThan(valueOf(bucket - 1));
      expect(bucketOf(valueOf(bucket))).toBe(bucket);
    }
  });

  it('counts what is beyond its top in the last bucket', () => {
    expect(bucketOf(1e300)).toBe(BUCKETS - 1);
    expect(bucketOf(Infinity)).toBe(BUCKETS - 1);
    expect(bucketOf(NaN)).toBe(0);
  });

  it('grows its counts as far as numbers are exact', () => {
    let histogram = emptyHistogram();
    let total = 0;
    for (const times of [1, 254, 1, 65_000, 1000, 2 ** 32, 2 ** 50]) {
      histogram = addToBucket(histogram, 700, times);
      total += times;
      expect(new HistogramSum().add(histogram).total).toBe(total);
    }
  });
});

describe('a histogram of counts that are not whole', () => {
  const counted = fc.array(
    fc.tuple(
      fc.integer({ min: 690, max: 710 }),
      fc.oneof(
        fc.integer({ min: 1, max: 70_000 }),
        fc.integer({ min: 1, max: 5_000 }).map((n) => n / 1024),
      ),
    ),
    { maxLength: 30 },
  );
  type Counts = readonly (readonly [number, number])[];
  const build = (counts: Counts): Histogram =>
    counts.reduce((sum, [bucket, count]) => addToBucket(sum, bucket, count), emptyHistogram());

  it('holds them exactly, in one form whatever the order, merged or counted', () => {
    fc.assert(
      fc.property(counted, counted, (one, other) => {
        const whole = build([...one, ...other]);
        expect(build([...one, ...other].toReversed())).toEqual(whole);
        expect(merge(build(one), build(other))).toEqual(whole);
        const total = [...one, ...other].reduce((sum, [, count]) => sum + count, 0);
        expect(new HistogramSum().add(whole).total).toBe(total);
      }),
      { seed: 6, numRuns: 300 },
    );
  });

  it('goes on counting whole ones in the same units', () => {
    fc.assert(
      fc.property(counted, fc.array(fc.integer({ min: 690, max: 710 })), (counts, buckets) => {
        expect(
          addToBuckets(build(counts), Uint16Array.from([9, ...buckets, 9]), 1, buckets.length + 1),
        ).toEqual(build([...counts, ...buckets.map((bucket) => [bucket, 1] as const)]));
      }),
      { seed: 7 },
    );
  });

  it('has the quantiles of its counts, also where there is less than one of everything', () => {
    const [low, high] = [bucketOf(10), bucketOf(1000)];
    const histogram = build([
      [low, 0.25],
      [high, 0.125],
    ]);
    expect(quantile(histogram, 0.5)).toBe(valueOf(low));
    expect(quantile(histogram, 2 / 3)).toBe(valueOf(low));
    expect(quantile(histogram, 0.67)).toBe(valueOf(high));
  });
});

describe('merging histograms', () => {
  it('is the same as counting everything in one', () => {
    fc.assert(
      fc.property(durations, durations, (one, other) => {
        expect(merge(of(one), of(other))).toEqual(of([...one, ...other]));
      }),
      { seed: 2 },
    );
  });

  it('is associative and commutative, and the empty one changes nothing', () => {
    fc.assert(
      fc.property(histograms, histograms, histograms, (a, b, c) => {
        expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)));
        expect(merge(a, b)).toEqual(merge(b, a));
        expect(merge(a, emptyHistogram())).toEqual(a);
      }),
      { seed: 3 },
    );
  });

  it('has one stored form, whatever the order of counting', () => {
    fc.assert(
      fc.property(durations, (values) => {
        expect(of(values)).toEqual(of(values.toReversed()));
      }),
      { seed: 4 },
    );
  });

  it('leaves both as they were', () => {
    const [one, other] = [of([1, 2]), of([3000])];
    merge(one, other);
    expect([one, other]).toEqual([of([1, 2]), of([3000])]);
  });

  it('starts anew after clearing a sum', () => {
    const sum = new HistogramSum().add(of([1, 50, 7000]));
    expect(
      sum
        .clear()
        .add(of([3]))
        .histogram(),
    ).toEqual(of([3]));
  });
});

describe('taking out what was counted', () => {
  const counted = fc.array(duration, { maxLength: 300 });
  const asTaken = (values: readonly number[]) =>
    values.map((value) => ({ bucket: bucketOf(value), times: 1 }));

  it('gives byte for byte what counting the rest gives', () => {
    fc.assert(
      fc.property(counted, counted, (rest, gone) => {
        expect(takenOut(of([...rest, ...gone]), asTaken(gone))).toEqual(of(rest));
      }),
      { seed: 21 },
    );
  });

  it('is refused where it was not counted, or fractions were', () => {
    expect(takenOut(of([1, 2]), asTaken([3]))).toBeUndefined();
    expect(takenOut(of([1]), asTaken([1, 1]))).toBeUndefined();
    expect(takenOut(emptyHistogram(), asTaken([1]))).toBeUndefined();
    expect(takenOut(addToBucket(of([1]), 5, 0.5), asTaken([1]))).toBeUndefined();
  });
});
