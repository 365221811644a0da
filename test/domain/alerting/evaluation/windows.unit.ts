import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  addDistinct,
  countDistinct,
  emptyDistinct,
  mergeDistinct,
} from '../../../../src/domain/alerting/evaluation/distinct.js';
import {
  boundaryAt,
  bucketFor,
  oldestBucket,
  shapeOf,
} from '../../../../src/domain/alerting/evaluation/grid.js';
import {
  restoreEvaluation,
  saveEvaluation,
  type SavedEvaluation,
} from '../../../../src/domain/alerting/evaluation/saved.js';
import { aRule, at, Evaluating, failed, ok } from '../../../support/alert-evaluation.js';

const grids = fc.integer({ min: 1, max: 60 }).map((seconds) => seconds * 1000);
const windows = fc.integer({ min: 60, max: 86_400 });
const instants = fc.integer({ min: at(0), max: at(10_000) });

describe('a window', () => {
  it('holds an event in every boundary that is less than its length away, and in none beyond', () => {
    fc.assert(
      fc.property(grids, fc.integer({ min: 60, max: 600 }), instants, (grid_ms, seconds, time) => {
        const shape = shapeOf(seconds, grid_ms);
        const bucket = bucketFor(time, time, boundaryAt(time, grid_ms) + grid_ms, shape) ?? NaN;
        for (let ahead = 0; ahead < 3; ahead += 1) {
          const boundary = boundaryAt(time + ahead * seconds * 500, grid_ms) + grid_ms;
          const inside = time > boundary - shape.window_ms;
          // Wider buckets let a long window reach back a little further than it says.
          const almost = time > boundary - shape.window_ms - shape.bucket_ms;
          if (inside) expect(bucket).toBeGreaterThanOrEqual(oldestBucket(boundary, shape));
          if (!almost) expect(bucket).toBeLessThan(oldestBucket(boundary, shape));
        }
      }),
      { seed: 1 },
    );
  });

  it('shows every event that was young enough when it came to at least one boundary', () => {
    fc.assert(
      fc.property(
        grids,
        windows,
        instants,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (grid_ms, seconds, arrival, age) => {
          const shape = shapeOf(seconds, grid_ms);
          const next = boundaryAt(arrival, grid_ms) + grid_ms;
          const bucket = bucketFor(Math.ceil(arrival - age * shape.window_ms), arrival, next, shape);
          expect(bucket).toBeGreaterThanOrEqual(oldestBucket(next, shape));
        },
      ),
      { seed: 2 },
    );
  });

  it('is cut into few buckets however long it is, and exactly where it is short', () => {
    fc.assert(
      fc.property(grids, windows, (grid_ms, seconds) => {
        const { window_ms, bucket_ms } = shapeOf(seconds, grid_ms);
        expect(window_ms / bucket_ms).toBeLessThanOrEqual(120);
        expect(window_ms).toBe(Math.max(seconds * 1000, grid_ms));
      }),
      { seed: 3 },
    );
    expect(shapeOf(600, 5_000)).toEqual({ window_ms: 600_000, bucket_ms: 5_000 });
    expect(shapeOf(63, 5_000)).toEqual({ window_ms: 63_000, bucket_ms: 1_000 });
  });
});

describe('a count of different texts', () => {
  const of = (texts: readonly string[]) => {
    const distinct = emptyDistinct();
    for (const text of texts) addDistinct(distinct, text);
    return distinct;
  };

  it('merges to the same as counting everything in one', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string())), (lists) => {
        const merged = emptyDistinct();
        for (const list of lists) mergeDistinct(merged, of(list));
        expect(countDistinct(merged)).toBe(new Set(lists.flat()).size);
        expect(merged).toEqual(of(lists.flat()));
      }),
      { seed: 4 },
    );
  });

  it('merges estimates, too, to the same', () => {
    const texts = Array.from({ length: 9_000 }, (_, i) => `user-${String(i)}`);
    const merged = of(texts.slice(0, 5_000));
    mergeDistinct(merged, of(texts.slice(4_000)));
    expect(merged).toEqual(of(texts));
    expect(Math.abs(countDistinct(merged) - 9_000) / 9_000).toBeLessThan(0.05);
  });
});

describe('a saved evaluation', () => {
  const busy = () =>
    new Evaluating()
      .watching(
        1,
        aRule({
          group_by: ['service'],
          for_seconds: 20,
          condition: { metric: 'unique_users', operator: '>', threshold: 1 },
        }),
      )
      .receiving(
        7,
        ['a', 'b'].map((user_id) => failed({ user_id, service: 'cart', duration_ms: 12.5 })),
      )
      .receiving(12, [ok({ service: 'pay' })])
      .unwatching(13, aRule().rule_id)
      .watching(14, aRule({ condition: { metric: 'latency_p95', operator: '>', threshold: 1 } }))
      .receiving(15, [ok({ duration_ms: 3 }), failed({ duration_ms: 900 })]);

  it('goes on as the one that was saved', () => {
    const original = busy();
    const text = JSON.stringify(saveEvaluation(original.evaluation));
    const restored = restoreEvaluation(JSON.parse(text) as SavedEvaluation, original.evaluation.options);

    expect(restored && JSON.stringify(saveEvaluation(restored))).toBe(text);
    expect(restored?.passed(at(200))).toEqual(original.evaluation.passed(at(200)));
  });

  it('is gone on with where it is of the release before, and not where it is of one to come', () => {
    const { evaluation } = busy();
    const saved = saveEvaluation(evaluation);
    const before = restoreEvaluation({ ...saved, version: saved.version - 1 }, evaluation.options);
    expect(before && saveEvaluation(before)).toEqual(saved);
    expect(restoreEvaluation({ ...saved, version: saved.version + 1 }, evaluation.options)).toBeUndefined();
  });

  it('keeps parts of requests', () => {
    const original = new Evaluating()
      .watching(1, aRule({ condition: { metric: 'latency_p95', operator: '>', threshold: 1e9 } }))
      .receiving(2, [ok({ weight: 2.5, duration_ms: 3 }), ok({ weight: 1 / 3, duration_ms: 900 })]);
    const text = JSON.stringify(saveEvaluation(original.evaluation));
    const restored = restoreEvaluation(JSON.parse(text) as SavedEvaluation, original.evaluation.options);
    expect(restored && JSON.stringify(saveEvaluation(restored))).toBe(text);
  });

  it('is of no use on another grid', () => {
    const { evaluation } = busy();
    expect(
      restoreEvaluation(saveEvaluation(evaluation), { ...evaluation.options, grid_ms: 10_000 }),
    ).toBeUndefined();
  });
});
