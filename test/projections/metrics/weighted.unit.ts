import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HistogramSum } from '../../../src/domain/telemetry/histogram.js';
import { overview } from '../../../src/projections/dashboard/overview.js';
import { metrics, type MetricsBucket } from '../../../src/projections/metrics/projection.js';
import { seriesOf } from '../../../src/projections/metrics/series-table.js';
import { statistics } from '../../../src/projections/metrics/statistics.js';
import { chunkOf, foldAll, NOW, tenant, testModels } from '../../support/telemetry.js';

const duration = fc.oneof(fc.double({ min: 0, max: 1e5, noNaN: true }), fc.constantFrom(0, 1, 12.5));
/** Durations with how many requests took each. */
const timings = fc.array(fc.tuple(duration, fc.integer({ min: 1, max: 300 })), {
  minLength: 1,
  maxLength: 20,
});
const common = fc.record(
  {
    type: fc.constantFrom('api_call', 'error'),
    timestamp: fc.integer({ min: NOW - 7_200_000, max: NOW }),
    route: fc.constantFrom('/x', '/y'),
    status_code: fc.constantFrom(200, 201, 404, 500, 503),
  },
  { requiredKeys: ['type', 'timestamp'] },
);
type Timings = readonly (readonly [number, number])[];

const durationsOf = (all: Timings) => ({
  values: all.map(([value]) => value),
  counts: all.map(([, count]) => count),
});

/** Every document without the place where its series stand, which is that of their first events; bytes as text. */
const sorted = (documents: Map<string, MetricsBucket>) =>
  [...documents.values()]
    .map(({ id, time, series }) => ({
      ...{ id, time },
      series: seriesOf(series)
        .map((one) => ({ ...one, latency: Buffer.from(one.latency).toString('base64') }))
        .map((one) => ({ one, name: JSON.stringify(one) }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ one }) => one),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));

describe('an event that stands for many requests', () => {
  it('counts as the plain events that it stands for, to the last bucket of the histogram', () => {
    const aggregated = fc.array(fc.tuple(common, timings, fc.nat({ max: 50 })), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(aggregated, (all) => {
        const folded = foldAll(metrics, [
          chunkOf(
            all.map(([event, its, untimed]) => ({
              ...event,
              ...(untimed > 0 && { weight: its.reduce((sum, [, count]) => sum + count, untimed) }),
              durations: durationsOf(its),
            })),
          ),
        ]);
        const plain = foldAll(metrics, [
          chunkOf(
            all.flatMap(([event, its, untimed]) => [
              ...its.flatMap(([duration_ms, count]) =>
                Array.from({ length: count }, () => ({ ...event, duration_ms })),
              ),
              ...Array.from({ length: untimed }, () => event),
            ]),
          ),
        ]);
        expect(sorted(folded)).toEqual(sorted(plain));
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  it('with one duration counts as that many of its kind', () => {
    const event = { type: 'api_call', status_code: 503, duration_ms: 7.3 };
    const [weighted, sampled] = [{ weight: 1000 }, { sample_rate: 0.001 }].map((more) =>
      foldAll(metrics, [chunkOf([{ ...event, ...more }])]),
    );
    const plain = foldAll(metrics, [chunkOf(Array.from({ length: 1000 }, () => event))]);
    expect(weighted).toEqual(plain);
    expect(sampled).toEqual(plain);
  });

  const weight = fc.oneof(fc.integer({ min: 1, max: 1e6 }), fc.double({ min: 0.001, max: 100, noNaN: true }));
  const weighted = fc.tuple(
    common,
    fc.oneof(
      fc.constant({}),
      fc.record({ weight, duration_ms: duration }),
      fc.record({ duration_ms: duration }),
      fc.record({ weight }),
      timings.map((all) => ({ durations: durationsOf(all) })),
    ),
  );
  const chunks = fc.array(fc.array(weighted, { minLength: 1, maxLength: 12 }), {
    minLength: 1,
    maxLength: 4,
  });
  const recorded = (parts: readonly (readonly (readonly [object, object])[])[]) =>
    parts.map((part, i) =>
      chunkOf(
        part.map(([event, more]) => ({ ...event, ...more })),
        { number: i + 1 },
      ),
    );

  it('comes to the same in any order and in any packing, whole or not', () => {
    fc.assert(
      fc.property(chunks, (parts) => {
        const here = sorted(foldAll(metrics, recorded(parts)));
        expect(sorted(foldAll(metrics, recorded(parts.toReversed())))).toEqual(here);
        expect(sorted(foldAll(metrics, recorded([parts.flat().toReversed()])))).toEqual(here);
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  it('counts the same in minutes, hours and days, and as often in the histogram as it has durations', () => {
    fc.assert(
      fc.property(chunks, (parts) => {
        const totals = new Map<string, { count: number; timed: number; counted: number }>();
        for (const { resolution, series } of foldAll(metrics, recorded(parts)).values())
          for (const { count, timed, latency } of seriesOf(series)) {
            const total = totals.get(resolution) ?? { count: 0, timed: 0, counted: 0 };
            total.count += count;
            total.timed += timed;
            total.counted += new HistogramSum().add(latency).total;
            totals.set(resolution, total);
          }
        const [minutes, hours, days] = [...totals.values()];
        expect(hours).toEqual(minutes);
        expect(days).toEqual(minutes);
        expect(minutes?.counted).toBe(minutes?.timed);
      }),
      { seed: 3, numRuns: 100 },
    );
  });
});

describe('what is read of sampled events', () => {
  const models = testModels(() => [
    chunkOf([
      { type: 'api_call', route: '/a', status_code: 200, duration_ms: 10, sample_rate: 0.3 },
      { type: 'api_call', route: '/a', status_code: 200, duration_ms: 20, sample_rate: 0.3 },
      { type: 'api_call', route: '/a', status_code: 500, duration_ms: 400, weight: 2.25 },
    ]),
  ]);
  // Three and a third is 3 + 341/1024 to the nearest unit.
  const all = 2 * (3 + 341 / 1024) + 2.25;

  it('is in whole requests, with rates of the exact sums', async () => {
    const found = await statistics(models, tenant, { group_by: ['status'] });
    expect(found).toMatchObject({
      totals: { requests: 9, errors: 2, error_rate: 2.25 / all, p50_ms: expect.closeTo(20, 0) },
      status: { '200': 7, '500': 2 },
      data: [
        { status: '200', requests: 7, errors: 0 },
        { status: '500', requests: 2, errors: 2 },
      ],
    });
  });

  it('is the same on the dashboard', async () => {
    const { totals, status, slowest_routes } = await overview(models, tenant, NOW);
    expect(totals).toMatchObject({ requests: 9, errors: 2, error_rate: 2.25 / all, per_second: all / 3600 });
    expect(status).toEqual({ '200': 7, '500': 2 });
    expect(slowest_routes).toMatchObject([{ route: '/a', requests: 9, errors: 2 }]);
  });
});
