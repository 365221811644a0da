import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { setImmediate as others } from 'node:timers/promises';
import { until } from '../../support/until.js';
import { accounted, call, drained, droppedOf, world } from './world.js';

const problem = (status: number, code: string, headers: Record<string, string> = {}) => ({
  status,
  headers,
  body: JSON.stringify({ code }),
});

describe('sending events', () => {
  it('happens in batches: after the interval, or at once where a batch is full', async () => {
    const { client, api, runtime } = world({ batch: { events: 3 } });
    for (let n = 0; n < 4; n += 1) client.record(call(n));
    await until(() => client.stats().sent === 3);
    expect(api.requests.map(({ lines }) => lines.length)).toEqual([3]);
    await until(() => runtime.timers.size === 1);
    runtime.advance(1_000);
    await until(() => client.stats().sent === 4);
    expect(api.stored.map((line) => (JSON.parse(line) as { path: string }).path)).toEqual(
      [0, 1, 2, 3].map((n) => `/orders/${String(n)}`),
    );
  });

  it('fills a batch up to its bytes, and sends an event alone that is larger', async () => {
    const it = world({ batch: { bytes: 400 } });
    for (const size of [100, 100, 1000, 100]) it.client.record({ type: 'note', message: 'x'.repeat(size) });
    await drained(it);
    expect(it.api.requests.map(({ lines }) => lines.length)).toEqual([2, 1, 1]);
  });

  it('compresses what is large, and names service, environment and time', async () => {
    const it = world({ environment: 'production', gzipAboveBytes: 200 });
    it.client.record(call());
    await drained(it);
    for (let n = 0; n < 10; n += 1) it.client.record(call(n));
    await drained(it);
    const [small, large] = it.api.requests;
    expect(small?.request.headers).not.toHaveProperty('content-encoding');
    expect(large?.request.headers['content-encoding']).toBe('gzip');
    expect(large?.request.url.pathname).toBe('/api/v1/ingestion/events/batch');
    expect(JSON.parse(small?.lines[0] ?? '')).toMatchObject({
      service: 'shop',
      environment: 'production',
      timestamp: Date.UTC(2025, 0, 1),
    });
  });

  it('says with each attempt what the clock shows by then', async () => {
    const it = world({ batch: { events: 1 } });
    it.api.reply = (_, attempt) => (attempt < 3 ? { status: 503, headers: { 'retry-after': '7' } } : 'store');
    it.client.record(call());
    await drained(it);
    const times = it.api.requests.map(({ request }) => Number(request.headers['x-pulsestream-sent-at']));
    expect(times).toHaveLength(3);
    expect(times[0]).toBeGreaterThanOrEqual(Date.UTC(2025, 0, 1));
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(7_000);
    expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(7_000);
  });

  it('has one request on its way at a time', async () => {
    const it = world({ batch: { events: 1 } });
    it.api.hanging = true;
    for (let n = 0; n < 5; n += 1) it.client.record(call(n));
    await until(() => it.api.requests.length === 1);
    await others();
    expect(it.api.requests).toHaveLength(1);
    it.api.release();
    await drained(it);
    expect(it.api.stored).toHaveLength(5);
  });

  it('is never begun within record', () => {
    const { client, api } = world({ batch: { events: 1 } });
    client.record(call());
    expect(api.requests).toHaveLength(0);
  });
});

describe('a full queue', () => {
  it.each([
    ['events', { events: 3 }],
    ['bytes', { bytes: 300 }],
  ])('drops the newest and counts them: %s', async (_, queue) => {
    const it = world({ queue });
    it.api.hanging = true;
    for (let n = 0; n < 100; n += 1) it.client.record(call(n));
    const { queued, dropped } = it.client.stats();
    expect(queued).toBe(3);
    expect(dropped).toEqual({ queue_full: 97 });
    it.api.release();
    await drained(it);
    expect(it.api.stored[0]).toContain('/orders/0');
    it.client.record(call(100));
    await drained(it);
    expect(it.client.stats()).toMatchObject({ sent: 4, queued: 0, queued_bytes: 0 });
  });
});

describe('an answer that is passing', () => {
  it.each([408, 409, 429, 502, 503, 504, 507])('is tried again: %d', async (status) => {
    const it = world();
    it.api.reply = (_, attempt) => (attempt < 4 ? { status } : 'store');
    it.client.record(call());
    await drained(it);
    expect(it.client.stats()).toMatchObject({ sent: 1, dropped: {}, retries: 3 });
    expect(new Set(it.api.requests.map(({ key }) => key)).size).toBe(1);
    expect(new Set(it.api.requests.map(({ lines }) => lines.join())).size).toBe(1);
  });

  it('is given the time that it asks for', async () => {
    const it = world();
    it.api.reply = (_, attempt) => (attempt === 1 ? problem(429, 'busy', { 'retry-after': '7' }) : 'store');
    it.client.record(call());
    it.runtime.advance(1_000);
    await until(() => it.runtime.timers.size === 1);
    it.runtime.advance(6_999);
    await others();
    expect(it.api.requests).toHaveLength(1);
    it.runtime.advance(1_000);
    await until(() => it.client.stats().sent === 1);
  });

  it('waits for a deployment to end, whose refusal says when to come again', async () => {
    const it = world();
    it.api.reply = (_, attempt) =>
      attempt === 1 ? problem(403, 'deployment_in_progress', { 'retry-after': '30' }) : 'store';
    it.client.record(call());
    await drained(it);
    expect(it.client.stats()).toMatchObject({ sent: 1, dropped: {} });
  });

  it('is waited for longer and longer, within bounds', async () => {
    const it = world({ retryForMs: 300_000 });
    const times: number[] = [];
    it.api.reply = () => {
      times.push(it.runtime.now());
      return new Error('connect ECONNREFUSED');
    };
    it.client.record(call());
    await until(() => {
      if (it.runtime.timers.size > 0) it.runtime.advance(250);
      return it.client.stats().queued === 0;
    });
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(waits.slice(0, 3)).toEqual([250, 500, 1_000]);
    expect(Math.max(...waits)).toBe(30_000);
    expect(it.client.stats()).toMatchObject({ sent: 0, dropped: { expired: 1 } });
    expect(it.client.stats().last_error?.message).toBe('connect ECONNREFUSED');
  });

  it('is also one that something else gave in the place of PulseStream', async () => {
    const it = world();
    it.api.reply = (_, attempt) => (attempt === 1 ? { status: 200, body: '<html>sign in</html>' } : 'store');
    it.client.record(call());
    await drained(it);
    expect(it.client.stats()).toMatchObject({ sent: 1, retries: 1 });
  });
});

describe('an answer that is final', () => {
  it.each([
    [400, 'rejected'],
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [413, 'too_large'],
    [422, 'rejected'],
    [500, 'failed'],
    [301, 'failed'],
  ])('drops the event and is not tried again: %d', async (status, reason) => {
    const it = world();
    it.api.reply = () => problem(status, 'no');
    it.client.record(call());
    await drained(it);
    expect(it.client.stats()).toMatchObject({ sent: 0, dropped: { [reason]: 1 }, retries: 0 });
    expect(it.api.requests).toHaveLength(1);
    expect(it.client.stats().last_error?.message).toBe(`${String(status)} no`);
  });

  it('splits a batch that is too large until its parts are not, in order', async () => {
    const it = world();
    it.api.reply = ({ lines }) => (lines.length > 3 ? { status: 413 } : 'store');
    for (let n = 0; n < 10; n += 1) it.client.record(call(n));
    await drained(it);
    expect(it.client.stats()).toMatchObject({ sent: 10, dropped: {} });
    expect(it.api.stored.map((line) => (JSON.parse(line) as { path: string }).path)).toEqual(
      Array.from({ length: 10 }, (_, n) => `/orders/${String(n)}`),
    );
    const stored = it.api.requests.filter(({ lines }) => lines.length <= 3);
    expect(new Set(stored.map(({ key }) => key)).size).toBe(stored.length);
  });

  it('says which events were not taken: they are counted, or sent again where that can help', async () => {
    const it = world();
    it.api.reply = (_, attempt) =>
      attempt === 1
        ? accounted({
            accepted: 2,
            rejected: 2,
            errors: [
              { index: 1, retryable: false },
              { index: 3, retryable: true },
            ],
          })
        : 'store';
    for (let n = 0; n < 4; n += 1) it.client.record(call(n));
    await drained(it);
    expect(it.client.stats()).toMatchObject({ sent: 3, dropped: { rejected: 1 } });
    expect(it.api.requests[1]?.lines[0]).toContain('/orders/3');
  });
});

describe('flush and close', () => {
  it('resolve once everything recorded before is sent, without waiting for the interval', async () => {
    const { client } = world();
    for (let n = 0; n < 2_500; n += 1) client.record(call(n));
    await client.flush();
    expect(client.stats()).toMatchObject({ sent: 2_500, queued: 0 });
    await client.flush();
  });

  it('resolve after their time where the server is away, and hold the process no longer', async () => {
    const it = world();
    it.api.reply = () => new Error('away');
    it.client.record(call());
    let resolved = false;
    const flushing = it.client.flush(5_000).then(() => {
      resolved = true;
    });
    await until(() => [...it.runtime.timers].filter(({ held }) => held).length === 2);
    it.runtime.advance(4_999);
    await others();
    expect(resolved).toBe(false);
    it.runtime.advance(1);
    await flushing;
    expect([...it.runtime.timers].filter(({ held }) => held)).toEqual([]);
    expect(it.client.stats().queued).toBe(1);
  });

  it('give up what is left when closing, the request on its way too, and take nothing more', async () => {
    const it = world({ batch: { events: 2 } });
    it.api.hanging = true;
    for (let n = 0; n < 5; n += 1) it.client.record(call(n));
    await until(() => it.api.requests.length === 1);
    const closing = it.client.close(1_000);
    it.runtime.advance(1_000);
    await closing;
    it.client.record(call());
    await until(() => it.client.stats().queued === 0);
    expect(it.client.stats()).toMatchObject({ sent: 0, dropped: { closed: 6 } });
    expect(it.api.closed).toBe(true);
  });
});

describe('whatever the network does', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ record: fc.integer({ min: 1, max: 20 }) }) },
    { weight: 2, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 5_000 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        reply: fc.constantFrom('store', 'lose', 'away', '503', '413', '400', 'nonsense'),
      }),
    },
  );

  it('stores nothing twice, and counts every event once', () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const it = world({ batch: { events: 7 }, queue: { events: 60 }, retryForMs: 20_000 });
        let recorded = 0;
        for (const action of steps) {
          if ('record' in action)
            for (let n = 0; n < action.record; n += 1) {
              it.client.record(call(recorded));
              recorded += 1;
            }
          else if ('advance' in action) it.runtime.advance(action.advance);
          else
            it.api.reply = ({ lines }) => {
              switch (action.reply) {
                case 'store':
                  return 'store';
                case 'lose':
                  return 'store and lose the answer';
                case 'away':
                  return new Error('away');
                case '503':
                  return { status: 503, headers: { 'retry-after': '2' } };
                case '413':
                  return lines.length > 2 ? { status: 413 } : 'store';
                case '400':
                  return { status: 400 };
                default:
                  return { status: 200, body: '[]' };
              }
            };
          await others();
          const { sent, queued } = it.client.stats();
          expect(sent + queued + droppedOf(it.client)).toBe(recorded);
          expect(queued).toBeLessThanOrEqual(60);
        }
        it.api.reply = () => 'store';
        await drained(it);
        const { sent, queued_bytes } = it.client.stats();
        expect(new Set(it.api.stored).size).toBe(it.api.stored.length);
        expect(sent + droppedOf(it.client)).toBe(recorded);
        expect(sent).toBeLessThanOrEqual(it.api.stored.length);
        expect(queued_bytes).toBe(0);
      }),
      { numRuns: 60, seed: 7 },
    ));
});
