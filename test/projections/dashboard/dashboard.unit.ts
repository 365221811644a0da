import { describe, expect, it } from '@jest/globals';
import type { TenantId } from '../../../src/domain/ids.js';
import { toPosition } from '../../../src/eventstore/event-store.js';
import { eventsStream } from '../../../src/projections/dashboard/events-stream.js';
import { overview } from '../../../src/projections/dashboard/overview.js';
import { parseWindow, realTimeMetrics } from '../../../src/projections/dashboard/real-time.js';
import { chunkOf, NOW, tenant, testModels } from '../../support/telemetry.js';

const MINUTE = 60_000;
const call = (minutes_ago: number, more: object = {}) => ({
  ...{ type: 'api_call', service: 'web', method: 'GET', route: '/fast', status_code: 200, duration_ms: 10 },
  timestamp: NOW - minutes_ago * MINUTE,
  ...more,
});
const calls = [
  call(0),
  call(1),
  call(1, { status_code: 404 }),
  call(30, { route: '/slow', duration_ms: 2000 }),
  call(30, { route: '/bad', status_code: 500, duration_ms: 30 }),
  call(59, { service: 'api', route: '/bad', status_code: 503, duration_ms: undefined }),
  call(60),
];
const models = testModels(() => [chunkOf(calls)]);

describe('the overview', () => {
  it('sums the last hour up, the running minute included and no more', async () => {
    const { totals, window_seconds, position, generated_at } = await overview(models, tenant, NOW + 30_000);
    expect(totals).toMatchObject({
      requests: 6,
      errors: 2,
      client_errors: 1,
      error_rate: 2 / 6,
      per_second: 6 / 3600,
    });
    expect(totals.p99_ms).toBeCloseTo(2000, -2);
    expect([window_seconds, position, generated_at]).toEqual([
      3600,
      toPosition(1),
      '2026-03-01T12:00:30.000Z',
    ]);
  });

  it('has a point for every minute, also for those without events', async () => {
    const { series } = await overview(models, tenant, NOW + 30_000);
    expect(series).toHaveLength(60);
    expect(series[59]).toMatchObject({ time: '2026-03-01T12:00:00.000Z', requests: 1, p50_ms: 10 });
    expect(series[58]).toMatchObject({ requests: 2, errors: 0, client_errors: 1 });
    expect(series[57]).toMatchObject({ requests: 0, p50_ms: null });
    expect(series[0]).toMatchObject({
      time: '2026-03-01T11:01:00.000Z',
      requests: 1,
      errors: 1,
      p95_ms: null,
    });
  });

  it('names the slowest and the most failing routes', async () => {
    const { slowest_routes, failing_routes, services, status } = await overview(models, tenant, NOW);
    expect(slowest_routes.map(({ route }) => route)).toEqual(['/slow', '/bad', '/fast']);
    expect(failing_routes.map(({ service, route, error_rate }) => [service, route, error_rate])).toEqual([
      ['api', '/bad', 1],
      ['web', '/bad', 1],
    ]);
    expect(services.map(({ service, requests, errors }) => [service, requests, errors])).toEqual([
      ['web', 5, 1],
      ['api', 1, 1],
    ]);
    expect(status).toEqual({ 200: 3, 404: 1, 500: 1, 503: 1 });
  });

  it('says when the newest event happened, however long ago', async () => {
    expect((await overview(models, tenant, NOW + 400 * 86_400_000)).newest).toBe('2026-03-01T12:00:00.000Z');
    expect(
      await overview(
        testModels(() => []),
        tenant,
        NOW,
      ),
    ).not.toHaveProperty('newest');
  });

  it('of another tenant knows nothing', async () => {
    const { totals, services } = await overview(models, 'ten_other' as TenantId, NOW);
    expect([totals.requests, totals.avg_ms, services]).toEqual([0, null, []]);
  });
});

describe('real-time metrics', () => {
  it.each([
    ['5m', 300],
    ['1h', 3600],
    ['7d', 604_800],
    ['900', 900],
    ['59', undefined],
    ['32d', undefined],
    ['', undefined],
    ['1y', undefined],
    ['-5m', undefined],
  ])('read the window %s', (text, seconds) => expect(parseWindow(text)).toBe(seconds));

  it('cover the window that was asked for', async () => {
    const of = (seconds: number) => realTimeMetrics(models, tenant, seconds, NOW);
    const five = await of(300);
    expect([five.totals.requests, five.series.length, five.resolution_seconds]).toEqual([3, 5, 60]);
    const day = await of(86_400);
    expect([day.totals.requests, day.series.length, day.resolution_seconds]).toEqual([7, 24, 3600]);
    const month = await of(30 * 86_400);
    expect([month.totals.requests, month.series.length, month.resolution_seconds]).toEqual([7, 30, 86_400]);
  });

  it('end where one looks back to', async () => {
    const { totals, series, newest } = await realTimeMetrics(models, tenant, 300, NOW - 30 * MINUTE);
    expect([totals.requests, series.at(-1)?.time]).toEqual([2, '2026-03-01T11:30:00.000Z']);
    expect(newest).toBe('2026-03-01T12:00:00.000Z');
  });

  it('say volume, latency and errors by service and by route', async () => {
    const { by_service, by_route } = await realTimeMetrics(models, tenant, 3600, NOW);
    expect(by_service[0]).toMatchObject({ service: 'web', requests: 5, errors: 1, error_rate: 0.2 });
    expect(by_route[0]).toMatchObject({
      service: 'web',
      method: 'GET',
      route: '/fast',
      requests: 3,
      p95_ms: 10,
    });
  });
});

describe('the event stream', () => {
  const log = Array.from({ length: 5 }, (_, i) =>
    chunkOf(
      [0, 1, 2].map((n) => ({ type: 'a', message: `${i}.${n}` })),
      { number: i + 1, received_at: NOW + i },
    ),
  );
  const messages = async (events: typeof log, limit: number, after?: number) =>
    (
      await eventsStream(
        testModels(() => events),
        tenant,
        {
          limit,
          ...(after !== undefined && { after: toPosition(after) }),
        },
      )
    )?.data.map(({ message }) => message);

  it('is newest first, in the order of recording', async () => {
    expect(await messages(log, 4)).toEqual(['4.2', '4.1', '4.0', '3.2']);
    const { data } = (await eventsStream(
      testModels(() => log),
      tenant,
      { limit: 1 },
    ))!;
    expect(data[0]).toEqual({
      event_id: `evt_${log[4]!.id.replaceAll('-', '').slice(0, -1)}2`,
      type: 'a',
      message: '4.2',
      timestamp: '2026-03-01T12:00:00.004Z',
      recorded_at: '2026-03-01T12:00:00.004Z',
    });
  });

  it('goes on behind a position', async () => {
    expect(await messages(log, 200, 4)).toEqual(['4.2', '4.1', '4.0']);
    expect(await messages(log, 200, 5)).toEqual([]);
  });

  it('says so where it does not reach back to a position', async () => {
    const long = Array.from({ length: 3 }, (_, i) =>
      chunkOf(
        Array.from({ length: 90 }, (_, n) => ({ type: 'a', message: `${i}.${n}` })),
        { number: i + 1 },
      ),
    );
    expect(await messages(long, 1000)).toHaveLength(200);
    expect(await messages(long, 200, 1)).toHaveLength(180);
    expect(await messages(long, 100, 1)).toBeUndefined();
    const longer = [...long, chunkOf([{ type: 'a' }], { number: 4 })];
    expect(await messages(longer, 200, 1)).toHaveLength(181);
    const huge = [
      ...longer,
      chunkOf(
        Array.from({ length: 500 }, () => ({ type: 'a' })),
        { number: 5 },
      ),
    ];
    expect(await messages(huge, 200, 4)).toBeUndefined();
    expect(await messages(huge, 200, 5)).toEqual([]);
    expect(await messages(huge, 200)).toHaveLength(200);
  });

  it('is bounded in bytes, whatever the size of events', async () => {
    const big = Array.from({ length: 10 }, (_, i) =>
      chunkOf([{ type: 'a', message: 'x'.repeat(200_000) }], { number: i + 1 }),
    );
    expect(await messages(big, 200)).toHaveLength(2);
  });
});
