import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import * as own from '../../../packages/client/src/histogram.js';
import type { ClientOptions, TelemetryEvent } from '../../../packages/client/src/index.js';
import { shapeOf } from '../../../packages/client/src/path.js';
import { readBatch } from '../../../src/commands/ingest/read-events.js';
import * as servers from '../../../src/domain/telemetry/histogram.js';
import { routeOf } from '../../../src/domain/telemetry/route.js';
import { metrics, type MetricsBucket } from '../../../src/projections/metrics/projection.js';
import { seriesOf } from '../../../src/projections/metrics/series-table.js';
import { chunkOf, foldAll } from '../../support/telemetry.js';
import { until } from '../../support/until.js';
import { accounted, call, drained, droppedOf, world, type World } from './world.js';

const START = Date.UTC(2025, 0, 1);

const adding = (options: Partial<ClientOptions> = {}): World =>
  world({ aggregate: { examples: 0 }, ...options });

const linesOf = ({ api }: World): TelemetryEvent[] =>
  api.stored.map((line) => JSON.parse(line) as TelemetryEvent);

/** How many requests an event stands for, as the client sends it. */
const requestsOf = ({ weight, durations }: TelemetryEvent): number =>
  weight ?? durations?.counts.reduce((sum, count) => sum + count, 0) ?? 1;

const request = (more: Partial<TelemetryEvent> = {}): TelemetryEvent => ({
  type: 'api_call',
  timestamp: START,
  method: 'GET',
  route: '/orders/:id',
  status_code: 200,
  duration_ms: 12,
  ...more,
});

describe('durations that are added up', () => {
  it('are in the very buckets that the server counts them in', () => {
    expect(own.BUCKETS).toBe(servers.BUCKETS);
    for (let bucket = 0; bucket < own.BUCKETS; bucket += 1)
      expect(servers.bucketOf(own.valueOf(bucket))).toBe(bucket);
    const duration = fc.oneof(
      fc.double({ min: 0, noNaN: true }),
      fc.double({ min: 0, max: 1e5, noNaN: true }),
    );
    fc.assert(
      fc.property(duration, (value) => {
        expect(own.bucketOf(value)).toBe(servers.bucketOf(value));
      }),
      { seed: 1, numRuns: 2_000 },
    );
  });

  it('are off by at most 0.8 %', () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -10, max: 1e9, noNaN: true }), (value) => {
        expect(Math.abs(own.valueOf(own.bucketOf(value)) - value) / value).toBeLessThanOrEqual(0.008);
      }),
      { seed: 2, numRuns: 2_000 },
    );
  });
});

describe('paths of one shape', () => {
  const segment = fc.oneof(
    fc.constantFrom('users', 'v2', 'a-b', '', '2024-01-02', 'x@y.z', 'report.pdf', '42.json'),
    fc.nat().map(String),
    fc.uuid(),
    fc.stringMatching(/^[0-9a-f]{1,24}$/),
  );
  const path = fc.array(segment, { maxLength: 20 }).map((segments) => `/${segments.join('/')}`);

  it('are of one route on the server', () => {
    fc.assert(
      fc.property(path, path, (one, other) => {
        const instead = shapeOf(one).replaceAll('{id}', () => '7');
        expect(routeOf(instead)).toBe(routeOf(one));
        if (shapeOf(one) === shapeOf(other)) expect(routeOf(one)).toBe(routeOf(other));
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});

describe('requests that are added up', () => {
  const recorded = fc.array(
    fc.record(
      {
        timestamp: fc.integer({ min: START - 100_000, max: START }),
        method: fc.constantFrom('GET', 'POST'),
        route: fc.constantFrom('/a', '/b/:id'),
        path: fc.constantFrom('/users/7', '/users/8?x=1', '/users/8/cart', '/'),
        status_code: fc.constantFrom(200, 201, 404, 500, 503),
        duration_ms: fc.double({ min: 0, max: 1e5, noNaN: true }),
        consumer: fc.constantFrom('acme', 'globex'),
        environment: fc.constantFrom('live', 'test'),
        region: fc.constantFrom('eu', 'us'),
        service: fc.constantFrom('shop', 'pay'),
      },
      { requiredKeys: ['timestamp'] },
    ),
    { minLength: 1, maxLength: 200 },
  );

  /** What the server makes of events, with its series in one order. */
  const folded = (events: readonly object[]) =>
    [...foldAll(metrics, [chunkOf(events)]).values()]
      .map(({ id, series }: MetricsBucket) => ({
        id,
        series: seriesOf(series)
          .map(({ sum_us, min_ms, max_ms, ...exact }) => ({ exact, near: { sum_us, min_ms, max_ms } }))
          .sort((a, b) => (JSON.stringify(a.exact) < JSON.stringify(b.exact) ? -1 : 1)),
      }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));

  const near = (found = 0, right = 0, counted = 0): void =>
    // Below a microsecond is nothing, and every request is rounded to one.
    expect(Math.abs(found - right)).toBeLessThanOrEqual(right * 0.008 + counted * 2);

  it('are for the server what they are one by one: counts and histograms exactly, times within 0.8 %', async () => {
    await fc.assert(
      fc.asyncProperty(recorded, async (requests) => {
        const it = adding();
        for (const one of requests) it.client.record({ type: 'api_call', ...one });
        await it.client.close();
        const plain = folded(requests.map((one) => ({ type: 'api_call', service: 'shop', ...one })));
        const added = folded(linesOf(it));
        const exact = (all: typeof plain) =>
          all.map(({ id, series }) => ({ id, series: series.map((one) => one.exact) }));
        expect(exact(added)).toEqual(exact(plain));
        for (const [i, { series }] of plain.entries())
          for (const [j, one] of series.entries()) {
            const other = added[i]?.series[j]?.near;
            near(other?.sum_us, one.near.sum_us, one.exact.timed);
            near(other?.min_ms, one.near.min_ms, 0.001);
            near(other?.max_ms, one.near.max_ms, 0.001);
          }
        expect(it.client.stats()).toMatchObject({ sent: requests.length, queued: 0, dropped: {} });
      }),
      { seed: 4, numRuns: 40 },
    );
  });

  it('become one event for each kind, with an id, for consumer, route and status', async () => {
    const it = adding();
    for (const consumer of ['acme', 'globex'])
      for (let n = 0; n < 1000; n += 1) it.client.record(request({ consumer, timestamp: START + n }));
    it.client.record(request({ status_code: 404, duration_ms: -1 }));
    expect(it.client.stats().queued).toBe(2_001);
    await it.client.flush();
    const lines = linesOf(it);
    const durations = { values: [expect.closeTo(12, 0)], counts: [1000] };
    const common = { type: 'api_call', service: 'shop', method: 'GET', route: '/orders/:id' };
    expect(lines).toEqual([
      {
        ...common,
        id: expect.any(String),
        timestamp: START + 999,
        status_code: 200,
        consumer: 'acme',
        durations,
      },
      {
        ...common,
        id: expect.any(String),
        timestamp: START + 999,
        status_code: 200,
        consumer: 'globex',
        durations,
      },
      { ...common, id: expect.any(String), timestamp: START, status_code: 404, weight: 1 },
    ]);
    expect(new Set(lines.map(({ id }) => id)).size).toBe(3);
    expect(it.client.stats()).toMatchObject({ sent: 2_001, queued: 0 });
  });

  it('keep apart what only looks alike', async () => {
    const it = adding();
    it.client.record(request({ consumer: 'a 1:b', route: 'c' }));
    it.client.record(request({ consumer: 'a', route: 'b 1:c' }));
    it.client.record(request({ consumer: '-' }));
    it.client.record(request());
    await it.client.flush();
    expect(it.api.stored).toHaveLength(4);
  });

  it('are sent after the interval, and what comes later after the next', async () => {
    const it = adding({ aggregate: { examples: 0, intervalMs: 5_000 } });
    it.client.record(request());
    it.runtime.advance(4_999);
    expect(it.client.stats().queued).toBe(1);
    expect(it.runtime.timers.size).toBe(1);
    it.client.record(request());
    await drained(it);
    expect(linesOf(it).map(requestsOf)).toEqual([2]);
    it.client.record(request());
    await drained(it);
    expect(linesOf(it).map(requestsOf)).toEqual([2, 1]);
  });

  it('do not keep the process alive while they wait', () => {
    const it = adding();
    it.client.record(request());
    expect([...it.runtime.timers].some(({ held }) => held)).toBe(false);
  });

  it('are one event for each 512 durations, with those without one in the first', async () => {
    const it = adding();
    for (let bucket = 0; bucket < 1_300; bucket += 1)
      it.client.record(request({ duration_ms: own.valueOf(bucket) }));
    it.client.record({
      type: 'api_call',
      timestamp: START,
      method: 'GET',
      route: '/orders/:id',
      status_code: 200,
    });
    await it.client.flush();
    expect(linesOf(it).map(({ weight, durations }) => [weight, durations?.values.length])).toEqual([
      [513, 512],
      [undefined, 512],
      [undefined, 276],
    ]);
  });

  it('are sent before their time where there are very many different durations', async () => {
    const it = adding();
    let recorded_here = 0;
    for (let route = 0; route < 25; route += 1)
      for (let bucket = 0; bucket < 1_000; bucket += 1) {
        it.client.record(request({ route: `/${String(route)}`, duration_ms: own.valueOf(bucket) }));
        recorded_here += 1;
      }
    // Within record nothing is written.
    expect(it.client.stats()).toMatchObject({ queued: recorded_here, queued_bytes: 0 });
    await until(() => it.client.stats().queued_bytes + it.client.stats().sent > 0);
    await it.client.flush();
    expect(it.client.stats()).toMatchObject({ sent: recorded_here, queued: 0 });
  });

  it('are of bounded kinds: the rest is added up by method and status', async () => {
    const it = adding({ aggregate: { examples: 0, maxKeys: 100 } });
    for (let n = 0; n < 5_000; n += 1)
      it.client.record(
        request({
          route: `/r${String(n)}`,
          consumer: `c${String(n)}`,
          status_code: n % 2 ? 200 : 404,
          ...(n % 4 === 0 && { method: 'BREW' }),
        }),
      );
    await it.client.close();
    const lines = linesOf(it);
    expect(lines).toHaveLength(103);
    expect(lines.reduce((sum, line) => sum + requestsOf(line), 0)).toBe(5_000);
    const others = lines.filter(({ route }) => route === '__other__');
    expect(
      others.map(({ consumer, method, status_code, ...line }) => [
        consumer,
        method,
        status_code,
        requestsOf(line),
      ]),
    ).toEqual([
      ['__other__', undefined, 404, 1_225],
      ['__other__', 'GET', 200, 2_450],
      ['__other__', 'GET', 404, 1_225],
    ]);
  });

  it('are of bounded kinds also where their times have no bounds', async () => {
    const it = adding({ aggregate: { examples: 0, maxKeys: 10 }, queue: { events: 50 } });
    for (let n = 0; n < 1_000; n += 1) it.client.record(request({ timestamp: n * 60_000 }));
    await it.client.close();
    const { sent } = it.client.stats();
    expect(linesOf(it).reduce((sum, line) => sum + requestsOf(line), 0)).toBe(sent);
    expect(sent + droppedOf(it.client)).toBe(1_000);
    expect(sent).toBeLessThanOrEqual(50);
  });
});

describe('what is not added up', () => {
  it('are some failures of each interval, which are sent whole', async () => {
    const it = adding({ aggregate: { examples: 2, intervalMs: 1_000 } });
    const fail = (n: number): void => it.client.record(request({ status_code: 503, trace_id: String(n) }));
    for (let n = 0; n < 10; n += 1) fail(n);
    await drained(it);
    expect(linesOf(it).filter(({ trace_id }) => trace_id !== undefined)).toHaveLength(2);
    expect(linesOf(it).reduce((sum, line) => sum + requestsOf(line), 0)).toBe(10);
    for (let n = 10; n < 20; n += 1) fail(n);
    await drained(it);
    expect(linesOf(it).filter(({ trace_id }) => trace_id !== undefined)).toHaveLength(4);
    expect(linesOf(it).reduce((sum, line) => sum + requestsOf(line), 0)).toBe(20);
  });

  it.each<[string, TelemetryEvent]>([
    ['an event of another type', { type: 'user_action' }],
    ['a request with an id', request({ id: 'mine' })],
    ['a request that stands for many', request({ weight: 10 })],
    ['a request with durations', request({ durations: { values: [1], counts: [2] } })],
    ['a request with no status that there is', request({ status_code: 99 })],
  ])('is %s', async (_, event) => {
    const it = adding();
    it.client.record(event);
    it.client.record(event);
    await it.client.flush();
    expect(it.api.stored).toHaveLength(2);
  });
});

describe('an event for many requests on its way', () => {
  it('has the same id at every attempt, and counts for the requests that it stands for', async () => {
    const it = adding();
    it.api.reply = (_, attempt) => (attempt === 1 ? 'store and lose the answer' : 'store');
    for (let n = 0; n < 100; n += 1) it.client.record(request());
    await drained(it);
    expect(it.api.requests.map(({ lines }) => lines)).toEqual([it.api.stored, it.api.stored]);
    expect(it.api.stored).toHaveLength(1);
    expect(it.client.stats()).toMatchObject({ sent: 100, retries: 1, dropped: {} });
  });

  it('is dropped as the requests that it stands for', async () => {
    const it = adding();
    it.api.reply = () => accounted({ accepted: 1, rejected: 1, errors: [{ index: 1, retryable: false }] });
    for (let n = 0; n < 70; n += 1) it.client.record(request());
    for (let n = 0; n < 30; n += 1) it.client.record(request({ status_code: 404 }));
    await it.client.flush();
    expect(it.client.stats()).toMatchObject({ sent: 70, queued: 0, dropped: { rejected: 30 } });
  });

  it('is dropped where the queue is full, and after the client was closed', async () => {
    const it = adding({ queue: { events: 1 } });
    it.api.hanging = true;
    for (let n = 0; n < 10; n += 1) it.client.record(request());
    for (let n = 0; n < 5; n += 1) it.client.record(request({ status_code: 404 }));
    const flushed = it.client.flush();
    expect(it.client.stats()).toMatchObject({ queued: 10, dropped: { queue_full: 5 } });
    it.api.release();
    await flushed;
    await it.client.close();
    it.client.record(request());
    expect(it.client.stats()).toMatchObject({ sent: 10, queued: 0, dropped: { queue_full: 5, closed: 1 } });
  });

  it('is one that the server takes, whatever was recorded, and record never throws', async () => {
    const field = fc.constantFrom('timestamp', 'service', 'method', 'route', 'path', 'consumer', 'region');
    const number = fc.constantFrom('status_code', 'duration_ms');
    const anything = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.double(), fc.anything());
    const hostile = fc.tuple(
      fc.dictionary(field, anything),
      fc.dictionary(number, fc.oneof(anything, fc.integer({ min: 90, max: 610 }))),
      fc.boolean(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(hostile, { maxLength: 20 }), async (events) => {
        const it = adding();
        for (const [texts, numbers, throwing] of events) {
          const event: Record<string, unknown> = { type: 'api_call', ...texts, ...numbers };
          if (typeof event.timestamp === 'number' && event.timestamp > START) delete event.timestamp;
          if (throwing)
            Object.defineProperty(event, 'route', {
              get: () => {
                throw new Error('a getter');
              },
            });
          it.client.record(event as unknown as TelemetryEvent);
        }
        await it.client.close();
        const { sent, queued } = it.client.stats();
        expect(sent + queued + droppedOf(it.client)).toBe(events.length);
        const body = Buffer.from(it.api.stored.join('\n'));
        const reading = readBatch(body, 'ndjson', { events: 100, now: Date.now() });
        expect(reading).toMatchObject({ ok: true, rejected: [] });
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  it('does not throw in the host where its rule for secrets does', async () => {
    const it = adding({
      isSecret: () => {
        throw new Error('a rule');
      },
    });
    it.client.record(request({ route: '/x?token=1' }));
    it.runtime.advance(20_000);
    await it.client.flush();
    expect(it.client.stats()).toMatchObject({ sent: 0, queued: 0, dropped: { invalid: 1 } });
  });
});

describe('without adding up', () => {
  it('every request is an event of its own', async () => {
    const it = world();
    for (let n = 0; n < 3; n += 1) it.client.record(call());
    await it.client.flush();
    expect(it.api.stored).toHaveLength(3);
  });
});
