import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readTime, timeZone, UTC, type TimeZone } from '../../../../src/domain/telemetry/access-log/times.js';

const zoneOf = (name: string): TimeZone => {
  const zone = timeZone(name);
  if (!zone) throw new Error(`No zone ${name}`);
  return zone;
};
const berlin = zoneOf('Europe/Berlin');
const iso = (time: number): string => new Date(time).toISOString();

describe('the time of a log line', () => {
  it.each([
    ['2024-02-29T12:34:56.789Z', '2024-02-29T12:34:56.789Z'],
    ['2024-02-29T12:34:56.789123+02:00', '2024-02-29T10:34:56.789Z'],
    ['2024-02-29T12:34:56.789+0200', '2024-02-29T10:34:56.789Z'],
    ['2024-02-29 12:34:56', '2024-02-29T12:34:56.000Z'],
    ['2024/02/29 12:34:56.5', '2024-02-29T12:34:56.500Z'],
    ['29/Feb/2024:12:34:56 -0130', '2024-02-29T14:04:56.000Z'],
    ['29/Feb/2024:12:34:56', '2024-02-29T12:34:56.000Z'],
    ['1709210096.789', '2024-02-29T12:34:56.789Z'],
    [1709210096.789, '2024-02-29T12:34:56.789Z'],
    [1709210096789, '2024-02-29T12:34:56.789Z'],
    [1709210096789000, '2024-02-29T12:34:56.789Z'],
    [1709210096789000000, '2024-02-29T12:34:56.789Z'],
  ])('%s is read', (value, expected) => expect(iso(readTime(value, UTC))).toBe(expected));

  it.each([
    '',
    '-',
    'now',
    '30/Feb/2024:12:34:56 +0000',
    '29/Feb/2023:00:00:00',
    '29/Feb/2024:24:00:00',
    -1,
    NaN,
  ])('%s is none', (value) => expect(readTime(value, UTC)).toBeNaN());

  it('is in the given zone where it names none', () => {
    expect(iso(readTime('2024-07-01 12:00:00', berlin))).toBe('2024-07-01T10:00:00.000Z');
    expect(iso(readTime('2024-01-01 12:00:00', berlin))).toBe('2024-01-01T11:00:00.000Z');
    expect(iso(readTime('2024-01-01 12:00:00', zoneOf('-03:30')))).toBe('2024-01-01T15:30:00.000Z');
    expect(iso(readTime('2024-01-01T12:00:00Z', berlin))).toBe('2024-01-01T12:00:00.000Z');
  });

  it('that occurs twice is the first, one that is left out is counted on from before', () => {
    expect(iso(readTime('2024-10-27 02:30:00', berlin))).toBe('2024-10-27T00:30:00.000Z');
    expect(iso(readTime('2024-03-31 02:30:00', berlin))).toBe('2024-03-31T01:30:00.000Z');
  });

  it('there is no zone of a wrong name', () => {
    for (const name of ['', 'Europe/Nowhere', '+25:00', '+01:60']) expect(timeZone(name)).toBeUndefined();
  });

  it('what a wall clock shows leads back to the time, but for the hour that occurs twice', () => {
    const zones = [
      'Europe/Berlin',
      'America/New_York',
      'Asia/Kolkata',
      'Australia/Lord_Howe',
      'Pacific/Apia',
      'UTC',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.date({ min: new Date('1971-01-01'), max: new Date('2037-01-01'), noInvalidDate: true }),
        (name, date) => {
          const time = Math.floor(date.getTime() / 1000) * 1000;
          const shown = new Intl.DateTimeFormat('sv-SE', {
            timeZone: name,
            dateStyle: 'short',
            timeStyle: 'medium',
          });
          const read = readTime(shown.format(time), zoneOf(name));
          expect(shown.format(read)).toBe(shown.format(time));
          expect([0, 1_800_000, 3_600_000]).toContain(time - read);
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });
});
