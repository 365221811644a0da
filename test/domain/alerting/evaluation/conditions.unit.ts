import { describe, expect, it } from '@jest/globals';
import type { Condition, Metric } from '../../../../src/domain/alerting/rule.js';
import type { TelemetryEvent } from '../../../../src/domain/telemetry/event.js';
import { aRule, Evaluating, failed, ok, times } from '../../../support/alert-evaluation.js';

/** Whether a rule on a condition is firing after some events, watched for longer than its window. */
const fires = (condition: Condition, events: readonly TelemetryEvent[], watched = 100): boolean => {
  const evaluating = new Evaluating().watching(1, aRule({ condition }));
  if (events.length > 0) evaluating.receiving(watched, events);
  return evaluating.passing(watched + 5).decided.at(-1)?.kind === 'fired';
};

const valueOf = (metric: Metric, events: readonly TelemetryEvent[]): number => {
  const condition = { metric, operator: '>=', threshold: -1 } as const;
  const [transition] = new Evaluating()
    .watching(6, aRule({ condition }))
    .receiving(7, events)
    .passing(10).decided;
  if (transition?.kind !== 'fired') throw new Error(`${metric} has no value`);
  return transition.value;
};

const timed = (...durations: readonly number[]) => durations.map((duration_ms) => ok({ duration_ms }));

describe('a metric', () => {
  const mixed = [...times(6, ok()), ...times(3, failed()), ok({ status_code: 404 }), { type: 'error' }];

  it.each<[Metric, readonly TelemetryEvent[], number]>([
    ['request_count', mixed, 11],
    ['error_count', mixed, 4],
    ['error_rate', mixed, 4 / 11],
    ['latency_avg', timed(10, 20, 60), 30],
    ['latency_max', timed(10, 20.5, 3), 20.5],
    ['apdex', timed(500, 501, 2_000, 2_001), (1 + 2 / 2) / 4],
    ['unique_users', ['a', 'b', 'a', 'c'].map((user_id) => ok({ user_id })), 3],
  ])('%s is what its events come to', (metric, events, expected) => {
    expect(valueOf(metric, events)).toBeCloseTo(expected, 9);
  });

  const [few, many] = [
    { status_code: 500, durations: { values: [300, 700, 2_500], counts: [3, 2, 1] }, user_id: 'a' },
    { status_code: 200, weight: 40, duration_ms: 20 },
  ];

  it.each<Metric>([
    'request_count',
    'error_count',
    'error_rate',
    'latency_avg',
    'latency_p50',
    'latency_p95',
    'latency_p99',
    'latency_max',
    'apdex',
    'unique_users',
  ])('%s of events that stand for many requests is that of the requests', (metric) => {
    const plain = [
      ...[300, 300, 300, 700, 700, 2_500].map((duration_ms) => failed({ duration_ms, user_id: 'a' })),
      ...times(40, ok({ duration_ms: 20 })),
    ];
    expect(valueOf(metric, [ok(few), ok(many)])).toBe(valueOf(metric, plain));
  });

  it.each<[Metric, number]>([
    ['latency_p50', 500],
    ['latency_p95', 950],
    ['latency_p99', 990],
  ])('%s is right within a percent', (metric, expected) => {
    const value = valueOf(metric, timed(...Array.from({ length: 1_000 }, (_, i) => i + 1)));
    expect(Math.abs(value - expected) / expected).toBeLessThan(0.01);
  });

  it('counts users beyond what it keeps within a few percent', () => {
    const users = Array.from({ length: 15_000 }, (_, i) => ok({ user_id: `user-${String(i)}` }));
    expect(Math.abs(valueOf('unique_users', users) - 15_000) / 15_000).toBeLessThan(0.05);
  });

  it('is taken of the events that its filter means, and of no others', () => {
    const events = [
      ...times(3, failed({ service: 'cart', region: 'eu', consumer: 'app', environment: 'live' })),
      ...times(9, failed({ service: 'cart', region: 'us' })),
      ...times(9, failed({ service: 'pay', region: 'eu' })),
    ];
    const over = (threshold: number): Condition => ({
      ...{ metric: 'error_count', operator: '>', threshold },
      filter: { service: 'cart', region: 'eu', consumer: 'app', environment: 'live', status_class: 5 },
    });
    expect(fires(over(2), events)).toBe(true);
    expect(fires(over(3), events)).toBe(false);
  });
});

describe('a comparison', () => {
  const count = (operator: '>' | '>=' | '<' | '<=' | '==' | '!=', threshold: number): Condition => ({
    ...{ metric: 'request_count', operator, threshold },
  });
  const three = times(3, ok());

  it.each([
    ['>', [true, false, false]],
    ['>=', [true, true, false]],
    ['<', [false, false, true]],
    ['<=', [false, true, true]],
    ['==', [false, true, false]],
    ['!=', [true, false, true]],
  ] as const)('by %s is what it says', (operator, expected) => {
    expect([2, 3, 4].map((threshold) => fires(count(operator, threshold), three))).toEqual(expected);
  });

  it('with too little is not made before a whole window was watched', () => {
    const evaluating = new Evaluating().watching(1, aRule({ condition: count('<', 10) })).passing(300);
    expect(evaluating.story).toEqual(['fired@65']);
  });

  it('with too little is known to be false as soon as there is enough', () => {
    expect(fires({ not: count('<', 3) }, three, 7)).toBe(true);
  });
});

describe('no data', () => {
  const nothing: readonly TelemetryEvent[] = [];

  it('is zero for counts', () => {
    expect(fires({ metric: 'request_count', operator: '<=', threshold: 0 }, nothing)).toBe(true);
    expect(fires({ metric: 'error_count', operator: '==', threshold: 0 }, nothing)).toBe(true);
  });

  it.each<Metric>(['error_rate', 'latency_avg', 'latency_p99', 'latency_max', 'apdex'])(
    'is no value of %s, neither too much nor too little',
    (metric) => {
      const low: Condition = { metric, operator: '<', threshold: 1_000 };
      expect(fires(low, nothing)).toBe(false);
      expect(fires({ not: low }, nothing)).toBe(false);
    },
  );
});

describe('a combination', () => {
  const many: Condition = { metric: 'request_count', operator: '>', threshold: 2 };
  const slow: Condition = { metric: 'latency_max', operator: '>', threshold: 100 };
  const both = timed(200, 200, 200);
  const only_many = timed(1, 1, 1);

  it('of all holds where each of them does', () => {
    expect([both, only_many].map((events) => fires({ all: [many, slow] }, events))).toEqual([true, false]);
  });

  it('of any holds where one of them does', () => {
    expect([timed(200), only_many, timed(1)].map((events) => fires({ any: [many, slow] }, events))).toEqual([
      ...[true, true, false],
    ]);
  });

  it('is decided by what is known, where that is enough', () => {
    const unknown: Condition = { metric: 'apdex', operator: '<', threshold: 2 };
    const without_durations = times(3, ok());
    expect(fires({ any: [unknown, many] }, without_durations)).toBe(true);
    expect(fires({ all: [unknown, many] }, without_durations)).toBe(false);
    expect(fires({ not: { all: [unknown, { not: many }] } }, without_durations)).toBe(true);
  });

  it('says by which of its parts it holds', () => {
    const [fired] = new Evaluating()
      .watching(1, aRule({ condition: { any: [many, slow] } }))
      .receiving(7, timed(200))
      .passing(10).decided;
    expect(fired).toMatchObject({ metric: 'latency_max', threshold: 100, value: 200 });
  });
});
