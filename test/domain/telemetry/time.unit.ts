import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseTime } from '../../../src/domain/telemetry/time.js';

const pad = (value: number, length = 2): string => String(value).padStart(length, '0');

describe('reading a time', () => {
  it('gives back every moment that it is given', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (time) => {
        expect(parseTime(new Date(time).toISOString())).toBe(time);
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  it('takes offsets and fractions as Date.parse does', () => {
    const part = (max: number) => fc.integer({ min: 0, max });
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('9998-01-01'), noInvalidDate: true }),
        fc.constantFrom('+', '-'),
        part(23),
        part(59),
        fc.stringMatching(/^\d{1,3}$/),
        (date, sign, hours, minutes, fraction) => {
          const text = `${date.toISOString().slice(0, 19)}.${fraction}${sign}${pad(hours)}:${pad(minutes)}`;
          expect(parseTime(text)).toBe(Date.parse(text));
        },
      ),
      { seed: 2, numRuns: 2000 },
    );
  });

  it.each([
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['2024-02-29t23:59:59.9999999z', Date.UTC(2024, 1, 29, 23, 59, 59, 999)],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
    ['2000-02-29T00:00:00-00:00', Date.UTC(2000, 1, 29)],
  ])('takes %s', (text, time) => expect(parseTime(text)).toBe(time));

  it.each([
    '',
    'yesterday',
    '2024-02-30T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2024-13-01T00:00:00Z',
    '2024-00-01T00:00:00Z',
    '2024-01-00T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T00:60:00Z',
    '2024-01-01T00:00:61Z',
    '2024-01-01 00:00:00Z',
    '2024-01-01T00:00:00',
    '2024-01-01T00:00:00.Z',
    '2024-01-01T00:00:00+01',
    '2024-01-01T00:00:00+0100',
    '2024-01-01T00:00:00+24:00',
    '2024-01-01T00:00:00ZZ',
    '2024-1-01T00:00:00.0Z',
    '1714564800000000000000',
  ])('refuses %s', (text) => expect(parseTime(text)).toBeNaN());
});
