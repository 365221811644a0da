import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { amount, axisTimes, bytes, dayOf, duration, measured, percent, when } from '../../web/src/format.js';

/** A moment of the local day, as texts are made in the reader's own time zone. */
const at = (day: number, hour: number, minute = 0, second = 0): Date =>
  new Date(2026, 2, day, hour, minute, second);
const seconds = (date: Date): number => date.getTime() / 1000;

describe('numbers on the page', () => {
  it('are whole up to ten thousand and short beyond', () => {
    expect([amount(0), amount(0.34), amount(9999), amount(1_234_567)]).toEqual(['0', '0.3', '9,999', '1.2M']);
  });

  it('never show a share that is there as nothing', () => {
    expect([percent(0), percent(0.0004), percent(0.0005), percent(1)]).toEqual([
      '0 %',
      '< 0.1 %',
      '0.1 %',
      '100 %',
    ]);
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1, noNaN: true }), (share) => percent(share) !== '0 %'),
    );
  });

  it('of bytes have the unit that reads best', () => {
    expect([0, 999, 1000, 1_550_000, 999_999_999, 1e9, 2.5e18].map(bytes)).toEqual([
      '0 bytes',
      '999 bytes',
      '1 kB',
      '1.6 MB',
      '1 GB',
      '1 GB',
      '2,500 PB',
    ]);
  });

  it('have the unit that reads best', () => {
    expect([duration(undefined), duration(null), duration(0.25), duration(12.7), duration(999.4)]).toEqual([
      '–',
      '–',
      '0.3 ms',
      '13 ms',
      '999 ms',
    ]);
    expect([duration(1234), duration(65_000)]).toEqual(['1.23 s', '65 s']);
  });

  it('of an alert have the unit of what its rule measures', () => {
    expect([
      measured('error_rate', 0.25),
      measured('latency_p95', 1500),
      measured('error_count', 50),
    ]).toEqual(['25 %', '1.5 s', '50']);
  });
});

describe('times on the page', () => {
  it('are the clock’s today, and have their day otherwise', () => {
    const now = at(5, 14);
    expect(when(at(5, 0, 7, 9).toISOString(), now)).toBe('00:07:09');
    expect(when(at(4, 23, 59, 59).toISOString(), now)).toBe('4 Mar 2026, 23:59:59');
    expect(dayOf(at(4, 23).toISOString())).toBe('4 Mar 2026');
  });

  it('run from 0 to 24 on an axis, without a day where all is today', () => {
    const ticks = [at(5, 0), at(5, 12), at(5, 13, 30)].map(seconds);
    expect(axisTimes(ticks, at(5, 14))).toEqual(['00:00', '12:00', '13:30']);
  });

  it('say the day at its first label and where it changes', () => {
    const ticks = [at(4, 18), at(4, 23), at(5, 4), at(5, 9)].map(seconds);
    expect(axisTimes(ticks, at(5, 14))).toEqual(['18:00\n4 Mar', '23:00', '04:00\n5 Mar', '09:00']);
  });
});
