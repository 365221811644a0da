import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TelemetryEvent } from '../../web/src/shapes.js';
import { requestsOf, tail } from '../../web/src/tail.js';

const event = (number: number): TelemetryEvent => ({
  event_id: `evt_${String(number)}`,
  type: 'api_call',
  timestamp: '2026-03-01T12:00:00Z',
});
const ids = (events: readonly TelemetryEvent[]): readonly string[] => events.map(({ event_id }) => event_id);

describe('an event in the tail', () => {
  it.each<[Partial<TelemetryEvent>, number]>([
    [{}, 1],
    [{ weight: 2.5 }, 2.5],
    [{ sample_rate: 0.01 }, 100],
    [{ durations: { counts: [3, 4] } }, 7],
    [{ weight: 9, durations: { counts: [3, 4] } }, 9],
  ])('stands for as many requests as it says: %j', (more, requests) =>
    expect(requestsOf({ ...event(1), ...more })).toBe(requests),
  );
});

describe('the event tail', () => {
  it('puts what is new on top', () => {
    const shown = tail([event(2), event(1)], { data: [event(4), event(3)] });
    expect(ids(shown)).toEqual(['evt_4', 'evt_3', 'evt_2', 'evt_1']);
  });

  it('shows an event once, however often it comes', () => {
    const shown = tail([event(2), event(1)], { data: [event(3), event(2)] });
    expect(ids(shown)).toEqual(['evt_3', 'evt_2', 'evt_1']);
  });

  it('shows the newest, in order, and at most 50, however they were cut into messages', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 20 }), (sizes) => {
        let sent = 0;
        let shown: readonly TelemetryEvent[] | undefined;
        for (const size of sizes) {
          const data = Array.from({ length: size }, (_, index) => event(sent + size - index));
          sent += size;
          shown = tail(shown, { data });
        }
        const expected = Array.from(
          { length: Math.min(sent, 50) },
          (_, index) => `evt_${String(sent - index)}`,
        );
        expect(ids(shown ?? [])).toEqual(expected);
      }),
      { seed: 1 },
    );
  });
});
