import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TenantId } from '../../../src/domain/ids.js';
import { cover } from '../../../src/projections/metrics/buckets.js';
import { resolutionMs } from '../../../src/projections/metrics/projection.js';
import {
  statistics,
  type StatisticsQuery,
  type StatisticsRow,
} from '../../../src/projections/metrics/statistics.js';
import { chunkOf, NOW, tenant, testModels } from '../../support/telemetry.js';

const MINUTE = 60_000;

describe('covering a span', () => {
  it('uses every minute once, and the coarsest buckets that fit', () => {
    const minute = fc.integer({ min: 0, max: 10_000 }).map((n) => n * MINUTE);
    fc.assert(
      fc.property(minute, minute, (one, other) => {
        const span = { from: Math.min(one, other), to: Math.max(one, other) };
        const parts = cover(span);
        let at = span.from;
        for (const part of parts) {
          expect(part.from).toBe(at);
          expect(part.from % resolutionMs[part.resolution]).toBe(0);
          expect(part.to % resolutionMs[part.resolution]).toBe(0);
          at = part.to;
        }
        expect(at).toBe(span.to);
        const count = (resolution: '1m' | '1h') =>
          parts
            .filter((part) => part.resolution === resolution)
            .reduce((sum, { from, to }) => sum + (to - from) / resolutionMs[resolution], 0);
        expect(count('1m')).toBeLessThan(120);
        expect(count('1h')).toBeLessThan(48);
      }),
      { seed: 1 },
    );
  });
});

describe('statistics of more groups than an answer has room for', () => {
  it('are refused instead of growing without bound', async () => {
    const events = Array.from({ length: 21_000 }, (_, n) => ({
      type: 'a',
      route: `/${n % 900}`,
      timestamp: NOW + Math.floor(n / 900) * MINUTE,
    }));
    const models = testModels(() => [chunkOf(events)]);
    const query = { from: NOW, to: NOW + 60 * MINUTE, group_by: ['route'] } as const;
    expect(await statistics(models, tenant, { ...query, interval_ms: MINUTE })).toMatchObject({
      ok: false,
      code: 'too_many_rows',
    });
    expect(await statistics(models, tenant, query)).toMatchObject({ ok: true });
  });
});

describe('statistics', () => {
  const at = (day: number, hour: number, minute: number) => Date.UTC(2026, 1, day, hour, minute);
  const call = (timestamp: number, status_code: number, more: object = {}) => ({
    ...{ type: 'api_call', service: 'web', route: '/r', method: 'GET' },
    ...{ timestamp, status_code, duration_ms: 10, ...more },
  });
  const events = [
    call(at(1, 10, 5), 200),
    call(at(1, 10, 6), 201, { duration_ms: 20 }),
    call(at(1, 11, 0), 404, { route: '/s' }),
    call(at(2, 0, 0), 500, { service: 'api', duration_ms: 1000 }),
    { type: 'error', timestamp: at(3, 23, 59) },
  ];
  const models = testModels(() => [chunkOf(events.slice(0, 2)), chunkOf(events.slice(2), { number: 2 })]);
  const ask = async (query: StatisticsQuery, of = tenant) => {
    const outcome = await statistics(models, of, query);
    if (!outcome.ok) throw new Error(outcome.code);
    return outcome;
  };

  it('of everything there is', async () => {
    const { totals, status, from, to, data, position } = await ask({});
    expect(totals).toMatchObject({ requests: 5, errors: 2, client_errors: 1, error_rate: 0.4, avg_ms: 260 });
    expect(status).toEqual({ 0: 1, 200: 1, 201: 1, 404: 1, 500: 1 });
    expect([from, to]).toEqual(['2026-02-01T00:00:00.000Z', '2026-02-04T00:00:00.000Z']);
    expect(data).toEqual([]);
    expect(position).toBe('0000000000000002');
  });

  it('of a stretch of time are exact to the minute', async () => {
    const requests = async (from: number, to: number) => (await ask({ from, to })).totals.requests;
    expect(await requests(at(1, 10, 5), at(1, 10, 6))).toBe(1);
    expect(await requests(at(1, 10, 6), at(2, 0, 0))).toBe(2);
    expect(await requests(at(1, 10, 6), at(2, 0, 1))).toBe(3);
    expect(await requests(at(1, 0, 0), at(4, 0, 0))).toBe(5);
    expect(await requests(at(5, 0, 0), at(6, 0, 0))).toBe(0);
  });

  it('by interval', async () => {
    const { data } = await ask({ from: at(1, 0, 0), to: at(2, 0, 0), interval_ms: 60 * MINUTE });
    expect(data.map(({ time, requests, p50_ms }) => [time, requests, p50_ms])).toEqual([
      ['2026-02-01T10:00:00.000Z', 2, expect.closeTo(10, 0)],
      ['2026-02-01T11:00:00.000Z', 1, 10],
    ]);
  });

  it('by service and route', async () => {
    const { data } = await ask({ group_by: ['service', 'route'] });
    expect(
      data.map(({ service, route, requests, error_rate }) => [service, route, requests, error_rate]),
    ).toEqual(
      expect.arrayContaining([
        ['web', '/r', 2, 0],
        ['web', '/s', 1, 0],
        ['api', '/r', 1, 1],
        ['', '', 1, 1],
      ]),
    );
    expect(data[0]).not.toHaveProperty('time');
  });

  it('by exact status, with durations where a status is alone in its class', async () => {
    const { data } = await ask({ group_by: ['status'] });
    const rows: Record<string, StatisticsRow> = {};
    for (const row of data) rows[row.status ?? 'none'] = row;
    expect(Object.keys(rows).sort()).toEqual(['', '200', '201', '404', '500']);
    expect(rows['500']).toMatchObject({ requests: 1, errors: 1, p99_ms: 1000 });
    expect(rows['404']).toMatchObject({ requests: 1, errors: 0, client_errors: 1 });
    expect(rows['']).toMatchObject({ errors: 1, p50_ms: null });
  });

  it('by any interval and fields are what adding the events up gives', async () => {
    const samples = fc.array(
      fc.record({
        timestamp: fc.integer({ min: at(1, 0, 0), max: at(3, 0, 0) - 1 }),
        status_code: fc.constantFrom(200, 204, 404, 500),
        service: fc.constantFrom('a', 'b'),
        method: fc.constantFrom('GET', 'POST'),
      }),
      { minLength: 1, maxLength: 40 },
    );
    const fields = fc.uniqueArray(fc.constantFrom('service', 'method', 'status_class'), { maxLength: 3 });
    const minutes = fc.constantFrom(1, 5, 7, 15, 60, 90, 360, 1440, 2880);
    await fc.assert(
      fc.asyncProperty(samples, fields, minutes, async (calls, group_by, length) => {
        const interval_ms = length * MINUTE;
        const outcome = await statistics(
          testModels(() => [chunkOf(calls.map((sample) => ({ type: 'a', ...sample })))]),
          tenant,
          { from: at(2, 3, 0), to: at(2, 12, 0), interval_ms, group_by },
        );
        if (!outcome.ok) throw new Error(outcome.code);
        const begin = Math.floor(at(2, 3, 0) / interval_ms) * interval_ms;
        const end = Math.ceil(at(2, 12, 0) / interval_ms) * interval_ms;
        const sums: Record<string, number> = {};
        for (const { timestamp, status_code, ...names } of calls) {
          if (timestamp < begin || timestamp >= end) continue;
          const all = { ...names, status_class: `${String(status_code)[0]!}xx` };
          const time = new Date(Math.floor(timestamp / interval_ms) * interval_ms).toISOString();
          const key = [time, ...group_by.map((field) => all[field])].join(' ');
          sums[key] = (sums[key] ?? 0) + 1;
        }
        const rows = outcome.data.map((row) => [
          [row.time, ...group_by.map((field) => row[field])].join(' '),
          row.requests,
        ]);
        expect(Object.fromEntries(rows)).toEqual(sums);
        expect(rows).toHaveLength(Object.keys(sums).length);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('of a tenant without events are empty, and another tenant’s stay its own', async () => {
    const { totals, data, from } = await ask({ group_by: ['service'] }, 'ten_other' as TenantId);
    expect([totals.requests, totals.p50_ms, data, from]).toEqual([0, null, [], null]);
  });

  it.each([
    [{ from: NOW, to: NOW - MINUTE }, 'invalid_range'],
    [{ from: NOW - 86_400_000 * 30, to: NOW, interval_ms: MINUTE }, 'too_many_intervals'],
    [{ from: NOW - 86_400_000 * 30, to: NOW, interval_ms: 1439 * MINUTE }, 'too_many_intervals'],
  ] as const)('refuse what cannot be answered', async (query, code) =>
    expect(await statistics(models, tenant, query)).toMatchObject({ ok: false, code }),
  );
});
