import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { COUNT_UNIT } from '../../../src/domain/telemetry/histogram.js';
import type { TelemetryEvent } from '../../../src/domain/telemetry/event.js';
import { weightFault, weightOf } from '../../../src/domain/telemetry/weight.js';

const call = (more: Partial<TelemetryEvent> = {}): TelemetryEvent => ({ type: 'api_call', ...more });

describe('how many requests an event stands for', () => {
  it.each<[string, Partial<TelemetryEvent>, number]>([
    ['one where it says nothing', {}, 1],
    ['as many as its weight', { weight: 1000 }, 1000],
    ['one in its sampling rate', { sample_rate: 0.01 }, 100],
    ['its weight where both are there', { weight: 3, sample_rate: 0.3333 }, 3],
    ['as many as it has durations', { durations: { values: [1, 2], counts: [3, 4] } }, 7],
    [
      'its weight where not every request has a duration',
      { weight: 9, durations: { values: [1], counts: [3] } },
      9,
    ],
    ['a fraction, exactly where it can be', { weight: 2.5 }, 2.5],
    ['never nothing', { weight: 1e-300 }, COUNT_UNIT],
  ])('is %s', (_, event, weight) => expect(weightOf(call(event))).toBe(weight));

  it('is what was said to within a two thousandth, and its sums are exact in any order', () => {
    const weights = fc.array(fc.double({ min: 0.001, max: 1e9, noNaN: true }), { maxLength: 100 });
    fc.assert(
      fc.property(weights, (given) => {
        const taken = given.map((weight) => weightOf(call({ weight })));
        for (const [i, weight] of taken.entries())
          expect(Math.abs(weight - given[i]!)).toBeLessThanOrEqual(COUNT_UNIT / 2);
        const sum = (all: readonly number[]) => all.reduce((total, weight) => total + weight, 0);
        expect(sum(taken.toReversed())).toBe(sum(taken));
      }),
      { seed: 1 },
    );
  });
});

describe('an event for many requests', () => {
  const durations = { values: [5, 1], counts: [1, 2] };

  it.each<[string, Partial<TelemetryEvent>]>([
    ['a weight', { weight: 0.5 }],
    ['a weight and its sampling rate', { weight: 3.33, sample_rate: 0.3 }],
    ['a weight and one duration, which all of its requests had', { weight: 10, duration_ms: 3 }],
    ['durations of all', { durations, weight: 3 }],
    ['durations of some', { durations, weight: 3.5 }],
  ])('may have %s', (_, event) => expect(weightFault(call(event))).toBeUndefined());

  it.each<[string, Partial<TelemetryEvent>, string, string]>([
    [
      'a weight that is not of its sampling rate',
      { weight: 2, sample_rate: 0.3 },
      '/sample_rate',
      'conflicting_fields',
    ],
    ['one duration and several', { durations, duration_ms: 1 }, '/duration_ms', 'conflicting_fields'],
    ['durations of a sample', { durations, sample_rate: 0.5 }, '/sample_rate', 'conflicting_fields'],
    [
      'more values than counts',
      { durations: { values: [1, 2], counts: [1] } },
      '/durations/counts',
      'unequal_lengths',
    ],
    ['more durations than requests', { durations, weight: 2.999 }, '/durations/counts', 'too_large'],
    [
      'more requests than an event may stand for',
      { durations: { values: [1, 2], counts: [1e9, 1] } },
      '/durations/counts',
      'too_large',
    ],
  ])('may not have %s', (_, event, pointer, code) =>
    expect(weightFault(call(event))).toMatchObject({ pointer, code }),
  );
});
