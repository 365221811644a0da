import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Quotas } from '../../../src/commands/ingest/quotas.js';
import type { TenantId } from '../../../src/domain/ids.js';
import { textBytesOf } from '../../../src/domain/telemetry/stored-chunk.js';
import { limitsOf } from '../../../src/domain/tenancy/limits.js';
import type { Quota, Usage } from '../../../src/domain/tenancy/usage.js';
import { EventStoreUnavailable } from '../../../src/eventstore/event-store.js';
import { serverLimits } from '../../support/limits.js';
import { ingestBench, NOW, request, tenant, TestClock, TestLog, usageIn } from '../../support/telemetry.js';

const DAY = 86_400_000;
const quota: Quota = { events_per_day: 20, bytes_per_day: 600 };

/** What the log holds of each day, counted from it alone. */
const stored = ({ events }: TestLog, of: TenantId = tenant): Map<string, Usage> => {
  const days = new Map<string, Usage>();
  for (const event of events) {
    const { recorded_at, chunk, tenant_id } = event.metadata;
    if (tenant_id !== of) continue;
    const day = recorded_at.slice(0, 10);
    const before = days.get(day) ?? { events: 0, bytes: 0 };
    const bytes = before.bytes + textBytesOf(event);
    days.set(day, { events: before.events + (chunk?.count ?? 0), bytes });
  }
  return days;
};

/** Ingest whose read model may stay behind the log; starting it again forgets what it knew. */
class Bench {
  readonly log = new TestLog();
  readonly clock = new TestClock();
  shown = 0;
  #ingest = this.#start();

  #start() {
    const seen = (): Pick<TestLog, 'events'> => ({ events: this.log.events.slice(0, this.shown) });
    const counted = {
      read: (of: TenantId, day: string) => usageIn(seen()).read(of, day),
      caughtUp: () => {
        this.shown = this.log.events.length;
        return Promise.resolve(true);
      },
    };
    return ingestBench({}, { log: this.log, clock: this.clock, counted }).ingest;
  }

  restart(): void {
    this.#ingest = this.#start();
  }

  /** Sends events with these ids, and answers with how it went. */
  async send(ids: readonly number[], more: { readonly key?: string; readonly of?: Quota } = {}) {
    const events = ids.map((id) => ({ type: 'tick', id: `e${id}`, message: 'x'.repeat(id % 7) }));
    const { key, of = quota } = more;
    const result = await this.#ingest.batch(
      Buffer.from(JSON.stringify(events)),
      'json',
      request({ limits: limitsOf(of, serverLimits), ...(key !== undefined && { idempotency_key: key }) }),
    );
    return result.ok ? 'stored' : result.refusal.code;
  }

  get today(): Usage {
    return (
      stored(this.log).get(new Date(this.clock.time).toISOString().slice(0, 10)) ?? { events: 0, bytes: 0 }
    );
  }
}

type Step =
  | { readonly do: 'send'; readonly count: number; readonly repeat: boolean; readonly fails: boolean }
  | { readonly do: 'together'; readonly counts: readonly number[] }
  | { readonly do: 'show' | 'restart' }
  | { readonly do: 'pass'; readonly time: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      count: fc.integer({ min: 1, max: 9 }),
      repeat: fc.boolean(),
      fails: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('together' as const),
      counts: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('show' as const, 'restart' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), time: fc.constantFrom(10, 1_500, DAY / 2) }),
  },
);

describe('daily quotas', () => {
  it('let through exactly what fits, whatever fails, repeats, starts again or is shown late', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const bench = new Bench();
        let next = 0;
        const fresh = (count: number) => Array.from({ length: count }, () => next++);
        for (const one of steps) {
          switch (one.do) {
            case 'send': {
              const before = bench.today;
              // The first of them was sent before.
              const ids = one.repeat && next > 0 ? [next - 1, ...fresh(one.count)] : fresh(one.count);
              if (one.fails)
                bench.log.before = () => {
                  throw new EventStoreUnavailable('disk_full', 'full');
                };
              const outcome = await bench.send(ids);
              bench.log.before = () => Promise.resolve(undefined);
              const { events, bytes } = bench.today;
              if (one.fails) expect({ events, bytes }).toEqual(before);
              else if (outcome === 'stored') expect(events).toBeGreaterThan(before.events);
              else {
                expect(outcome).toBe('quota_exceeded');
                const line = (id: number) =>
                  `{"type":"tick","id":"e${id}","message":"${'x'.repeat(id % 7)}"}`;
                const wanted = ids.map((id) => line(id).length).reduce((sum, length) => sum + length, 0);
                const fits =
                  before.events + ids.length <= (quota.events_per_day ?? 0) &&
                  before.bytes + wanted <= (quota.bytes_per_day ?? 0);
                expect(fits).toBe(false);
              }
              break;
            }
            case 'together':
              await Promise.all(one.counts.map((count) => bench.send(fresh(count))));
              break;
            case 'show':
              bench.shown = bench.log.events.length;
              break;
            case 'restart':
              bench.restart();
              break;
            case 'pass':
              bench.clock.time += one.time;
          }
          for (const { events, bytes } of stored(bench.log).values()) {
            expect(events).toBeLessThanOrEqual(20);
            expect(bytes).toBeLessThanOrEqual(600);
          }
        }
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  it('are full until the next day begins, and a smaller request may still fit', async () => {
    const bench = new Bench();
    bench.clock.time = NOW + 11 * 3_600_000;
    const of = { events_per_day: 5 };
    expect(await bench.send([1, 2, 3], { of })).toBe('stored');
    expect(await bench.send([4, 5, 6], { of })).toBe('quota_exceeded');
    expect(await bench.send([4, 5], { of })).toBe('stored');
    expect(await bench.send([6], { of })).toBe('quota_exceeded');
    bench.clock.time += 3_600_000;
    expect(await bench.send([6], { of })).toBe('stored');
  });

  it('count neither repeated events nor a repeated request', async () => {
    const bench = new Bench();
    const of = { events_per_day: 4 };
    expect(await bench.send([1, 2], { of, key: 'k' })).toBe('stored');
    expect(await bench.send([1, 2], { of, key: 'k' })).toBe('stored');
    expect(await bench.send([1, 2], { of })).toBe('stored');
    expect(await bench.send([1, 2, 3, 4], { of })).toBe('stored');
    expect(await bench.send([5], { of })).toBe('quota_exceeded');
  });

  it('are not had again by what was stored today being retired or set aside', async () => {
    const bench = new Bench();
    const of = { events_per_day: 5 };
    expect(await bench.send([1, 2, 3], { of })).toBe('stored');
    expect(await bench.send([4], { of })).toBe('stored');
    const [gone] = bench.log.events;
    if (!gone) throw new Error('Nothing was stored.');
    // The read model no longer has it; its place in the log stays taken.
    bench.log.events[0] = { ...gone, metadata: { ...gone.metadata, tenant_id: 'ten_other' as TenantId } };
    for (const time of [1_500, 1_500]) {
      bench.shown = bench.log.events.length;
      bench.clock.time += time;
      expect(await bench.send([5, 6], { of })).toBe('quota_exceeded');
      // What is known is read beside the answer.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(gone.metadata.chunk?.count).toBe(3);
    expect(await bench.send([5], { of })).toBe('stored');
    expect(await bench.send([6], { of })).toBe('quota_exceeded');
  });

  it('say to come back at once where room may still come free', async () => {
    const log = new TestLog();
    const quotas = new Quotas(usageIn(log), new TestClock());
    const piece = { received: {} as never, from: 0, to: 3, bytes: 33 };
    let fail = (): void => undefined;
    const first = quotas.within(tenant, { events_per_day: 5 }, [piece], () => {
      return new Promise((_, reject) => (fail = () => reject(new Error('lost'))));
    });
    await new Promise((resolve) => setImmediate(resolve));
    const second = await quotas.within(tenant, { events_per_day: 5 }, [piece], () => Promise.resolve([]));
    expect(second).toMatchObject([{ ok: false, refusal: { kind: 'busy', retry_after_seconds: 1 } }]);
    fail();
    await expect(first).rejects.toThrow('lost');
    expect(quotas.standing(tenant, { events_per_day: 5 })).toMatchObject({ left: { events: 5 } });
  });

  it('refuse what cannot be counted yet, and hold nobody up who has none', async () => {
    const bench = ingestBench(
      {},
      {
        counted: {
          read: () => Promise.reject(new Error('not to be asked')),
          caughtUp: () => Promise.resolve(false),
        },
      },
    );
    const body = Buffer.from('{"type":"tick"}');
    const with_quota = request({ limits: limitsOf(quota, serverLimits) });
    expect(await bench.ingest.one(body, with_quota)).toMatchObject({
      ok: false,
      refusal: { kind: 'unavailable', code: 'usage_unknown', retry_after_seconds: 1 },
    });
    expect((await bench.ingest.one(body, request())).ok).toBe(true);
  });
});
