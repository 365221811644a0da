import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { EventMetadata } from '../../../src/eventstore/event-store.js';
import { RouteBook } from '../../../src/domain/telemetry/routes/book.js';
import { quantile } from '../../../src/domain/telemetry/histogram.js';
import {
  bucketId,
  MAX_SERIES,
  metrics,
  OTHER,
  type MetricsBucket,
} from '../../../src/projections/metrics/projection.js';
import { seriesOf, type Series } from '../../../src/projections/metrics/series-table.js';
import { chunkOf, foldAll, NOW } from '../../support/telemetry.js';

const event = fc.record(
  {
    type: fc.constantFrom('api_call', 'error', 'user_action'),
    timestamp: fc.integer({ min: NOW - 3 * 86_400_000, max: NOW }),
    service: fc.constantFrom('a', 'b'),
    route: fc.constantFrom('/x', '/y'),
    method: fc.constantFrom('GET', 'POST'),
    status_code: fc.constantFrom(200, 201, 404, 500, 503),
    duration_ms: fc.double({ min: 0, max: 10_000, noNaN: true }),
  },
  { requiredKeys: ['type', 'timestamp'] },
);
type Sample = typeof event extends fc.Arbitrary<infer T> ? T : never;
const chunks = fc.array(fc.array(event, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 5 });

const recorded = (parts: readonly (readonly object[])[]) =>
  parts.map((events, i) => chunkOf(events, { number: i + 1 }));

const lengths = { '1m': 60_000, '1h': 3_600_000, '1d': 86_400_000 } as const;

/** The same sums by the plainest way: filter and add, for one series of one bucket. */
const expected = (events: readonly Sample[], bucket: MetricsBucket, series: Series) => {
  const inside = events.filter(
    ({ type, timestamp, service = '', route = '', method = '', status_code = 0 }) =>
      timestamp >= bucket.time &&
      timestamp < bucket.time + lengths[bucket.resolution] &&
      type === series.type &&
      service === series.service &&
      route === series.route &&
      method === series.method &&
      Math.floor(status_code / 100) === series.status_class,
  );
  const durations = inside.flatMap(({ duration_ms }) => (duration_ms === undefined ? [] : [duration_ms]));
  const failed = inside.filter(({ type, status_code = 0 }) => type === 'error' || status_code >= 500).length;
  const refused = inside.filter(
    ({ type, status_code = 0 }) => type !== 'error' && status_code >= 400 && status_code < 500,
  ).length;
  const codes = [...new Set(inside.map(({ status_code = 0 }) => status_code))].sort();
  const statuses = codes.map((status) => ({
    status,
    count: inside.filter(({ status_code = 0 }) => status_code === status).length,
  }));
  return {
    count: inside.length,
    errors: failed,
    client_errors: refused,
    timed: durations.length,
    sum_us: durations.reduce((sum, duration) => sum + Math.round(duration * 1000), 0),
    ...(durations.length > 0 && { min_ms: Math.min(...durations), max_ms: Math.max(...durations) }),
    statuses,
  };
};

describe('metrics', () => {
  it('say what adding everything up by hand says, in minutes, hours and days', () => {
    fc.assert(
      fc.property(chunks, (parts) => {
        const all = parts.flat();
        const buckets = [...foldAll(metrics, recorded(parts)).values()];
        for (const bucket of buckets) {
          expect(bucket.id).toBe(bucketId(bucket.resolution, bucket.time));
          for (const series of seriesOf(bucket.series))
            expect(series).toMatchObject(expected(all, bucket, series));
        }
        for (const resolution of ['1m', '1h', '1d'] as const) {
          const its = buckets.filter((bucket) => bucket.resolution === resolution);
          expect(
            its.flatMap(({ series }) => seriesOf(series)).reduce((sum, { count }) => sum + count, 0),
          ).toBe(all.length);
        }
      }),
      { seed: 1 },
    );
  });

  it('know percentiles within 1 %', () => {
    const events = Array.from({ length: 1000 }, (_, n) => ({ type: 'api_call', duration_ms: n + 1 }));
    const [minute] = [...foldAll(metrics, [chunkOf(events)]).values()];
    for (const [q, right] of [
      [0.5, 500],
      [0.95, 950],
      [0.99, 990],
    ] as const)
      expect(Math.abs(quantile(seriesOf(minute!.series)[0]!.latency, q)! - right)).toBeLessThanOrEqual(
        right * 0.01,
      );
  });

  it('are the same however the events were packed into chunks', () => {
    const plain = (documents: Map<string, MetricsBucket>) =>
      [...documents.values()].map(({ position: _position, ...bucket }) => bucket);
    fc.assert(
      fc.property(chunks, (parts) => {
        const one = foldAll(metrics, recorded([parts.flat()]));
        const many = foldAll(metrics, recorded(parts));
        const sorted = (documents: Map<string, MetricsBucket>) =>
          plain(documents)
            .map(({ id, resolution, time, series }) => ({
              ...{ id, resolution, time },
              series: seriesOf(series).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
            }))
            .sort((a, b) => (a.id < b.id ? -1 : 1));
        expect(sorted(many)).toEqual(sorted(one));
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  it('are the same whether a document was kept in memory or came back from a store', () => {
    fc.assert(
      fc.property(chunks, (parts) => {
        const events = recorded(parts);
        const kept = foldAll(metrics, events);
        const reloaded = new Map<string, MetricsBucket>();
        for (const stored of events)
          for (const { id, part } of metrics.parts(stored, RouteBook.EMPTY)) {
            const before = structuredClone(reloaded.get(id));
            reloaded.set(id, metrics.fold(before, part, { id, position: stored.position })!);
          }
        expect(reloaded).toEqual(kept);
      }),
      { seed: 3, numRuns: 50 },
    );
  });

  it('bound how many series a document has, and count the rest by status class', () => {
    const events = Array.from({ length: MAX_SERIES + 500 }, (_, n) => ({
      type: 'api_call',
      route: `/r${n}`,
      status_code: n % 2 ? 200 : 500,
    }));
    for (const bucket of foldAll(metrics, [chunkOf(events), chunkOf(events, { number: 2 })]).values()) {
      const series = seriesOf(bucket.series);
      expect(series).toHaveLength(MAX_SERIES + 2);
      expect(series.reduce((sum, { count }) => sum + count, 0)).toBe(2 * events.length);
      const others = series.filter(({ type }) => type === OTHER);
      expect(others.map(({ status_class, count }) => [status_class, count])).toEqual([
        [5, 500],
        [2, 500],
      ]);
    }
  });

  it('keep nothing of events without a tenant', () => {
    const stored = chunkOf([{ type: 'a' }]);
    const metadata = { ...stored.metadata, tenant_id: undefined } as unknown as EventMetadata;
    expect([...metrics.parts({ ...stored, metadata }, RouteBook.EMPTY)]).toEqual([]);
  });
});
