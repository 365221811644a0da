import type { TimedEvent } from '../../src/domain/detection/content.js';
import type { TelemetryEvent } from '../../src/domain/telemetry/event.js';

/** Numbers below 1, the same for the same seed (mulberry32). */
export const randomOf = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};

type Random = () => number;
const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
const number = (random: Random, below: number): number => Math.floor(random() * below);
const names = ['ana', 'li', 'omar', 'ines', 'tomasz', 'grace', 'contessa', 'detester', 'seedorf', 'samples'];
const user = (random: Random): string => `${pick(random, names)}${number(random, 4000)}`;

/** Twelve kinds of what a shop's programs send: each with its own fields, and some that look odd and are not. */
const kinds: readonly ((random: Random) => TelemetryEvent)[] = [
  (r) => ({
    type: 'api_call',
    service: 'checkout',
    method: 'POST',
    route: '/orders',
    status_code: pick(r, [201, 201, 201, 422, 500]),
    duration_ms: 20 + r() * 300,
    user_id: user(r),
  }),
  (r) => ({
    type: 'api_call',
    service: 'catalogue',
    method: 'GET',
    path: `/products/${number(r, 90_000)}`,
    status_code: pick(r, [200, 200, 304, 404]),
    duration_ms: r() * 80,
  }),
  (r) => ({
    type: 'api_call',
    service: 'search',
    method: 'GET',
    route: '/search',
    status_code: 200,
    duration_ms: r() * 500,
    attributes: { results: number(r, 500) },
  }),
  () => ({ type: 'api_call', service: 'health', method: 'GET', route: '/health', status_code: 200 }),
  (r) => ({
    type: 'error',
    service: 'checkout',
    severity: 'error',
    message: pick(r, ['card declined', 'latest price is gone', 'the contest is over', 'attestation failed']),
    trace_id: number(r, 1e9).toString(16),
  }),
  (r) => ({
    type: 'user_action',
    service: 'web',
    user_id: user(r),
    attributes: { button: pick(r, ['buy', 'like', 'share']), page: number(r, 40) },
  }),
  (r) => ({
    type: 'job_finished',
    service: 'worker',
    duration_ms: number(r, 50) * 100,
    attributes: { queue: pick(r, ['mail', 'invoice', 'export']) },
  }),
  (r) => ({
    type: 'payment',
    service: 'billing',
    duration_ms: r() * 900,
    consumer: pick(r, ['web', 'ios', 'android']),
    attributes: { cents: number(r, 90_000), currency: pick(r, ['EUR', 'USD']) },
  }),
  (r) => ({ type: 'cache_miss', service: 'catalogue', attributes: { key: `p:${number(r, 90_000)}` } }),
  (r) => ({
    type: 'mail_sent',
    service: 'mail',
    user_id: user(r),
    attributes: { template: pick(r, ['receipt', 'reset', 'welcome']) },
  }),
  (r) => ({
    type: 'webhook',
    service: 'partners',
    status_code: pick(r, [200, 200, 503]),
    duration_ms: r() * 2000,
    attributes: { attempt: 1 + number(r, 3) },
  }),
  (r) => ({
    type: 'log',
    service: 'auth',
    severity: pick(r, ['info', 'warn']),
    message: `signed in from 10.1.${number(r, 200)}.${number(r, 200)}`,
  }),
];

/** What clients send in a stretch of time: with retries, small bursts, and now and then a route nobody asked for before. */
export const legitimate = (random: Random, count: number, from: number, span: number): TimedEvent[] => {
  const events: TimedEvent[] = [];
  while (events.length < count) {
    const time = from + random() * span;
    const event = pick(random, kinds)(random);
    const rare = random() < 0.01 && event.path !== undefined;
    const sent = rare ? { ...event, path: `/pages/${user(random)}` } : event;
    const times = random() < 0.03 ? 2 + number(random, 2) : 1;
    for (let n = 0; n < times && events.length < count; n += 1)
      events.push({ event: sent, time: time + n * 40 });
  }
  return events.sort((one, other) => one.time - other.time);
};

/** What start-up code, seeding and forgotten tests write; every fiftieth looks in every way like a client's. */
export const planted = (random: Random, count: number, from: number, span: number): TimedEvent[] => {
  const same = {
    type: 'api_call',
    service: 'checkout',
    method: 'POST',
    route: '/orders',
    status_code: 201,
    duration_ms: 100,
    user_id: user(random),
  };
  const burst = from + random() * span;
  const ways: readonly (() => TimedEvent)[] = [
    () => ({
      event: { ...pick(random, kinds)(random), user_id: `test-user-${number(random, 50)}` },
      time: from + random() * span,
    }),
    () => ({
      event: {
        ...pick(random, kinds)(random),
        message: pick(random, ['Lorem ipsum dolor', 'dummy entry', 'this is a test']),
      },
      time: from + random() * span,
    }),
    () => ({
      event: { ...pick(random, kinds)(random), user_id: `john.doe${number(random, 9)}@example.com` },
      time: from + random() * span,
    }),
    () => ({ event: same, time: from + random() * span }),
    () => ({
      event: {
        type: 'seed_applied',
        service: 'migrations',
        attributes: { table: pick(random, ['orders', 'users']) },
      },
      time: from + random() * span,
    }),
    () => ({
      event: {
        type: 'payment',
        service: 'billing-next',
        duration_ms: random() * 900,
        attributes: { cents: number(random, 900), batch_no: number(random, 9) },
      },
      time: from + random() * span,
    }),
    () => ({
      event: {
        type: 'user_action',
        service: 'backfill',
        user_id: user(random),
        attributes: { button: 'buy', page: number(random, 40) },
      },
      time: burst + number(random, 900),
    }),
  ];
  return Array.from({ length: count }, (_, n) =>
    n % 50 === 49
      ? { event: pick(random, kinds)(random), time: from + random() * span }
      : pick(random, ways)(),
  );
};
