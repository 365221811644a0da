import { parseTime } from '../time.js';

/** Turns what a clock on a wall shows (as epoch milliseconds, as if it were UTC) into epoch milliseconds. */
export type TimeZone = (wall: number) => number;

export const UTC: TimeZone = (wall) => wall;

const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
const OFFSET = /^([+-])(\d{2}):?(\d{2})$/;

const offsetMillis = (text: string): number => {
  const [, sign, hours, minutes] = OFFSET.exec(text) ?? [];
  if (hours === undefined || Number(hours) > 23 || Number(minutes) > 59) return NaN;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
};

/**
 * The zone by its IANA name (`Europe/Berlin`) or its offset (`+02:00`); undefined where there is none. An hour that
 * occurs twice is taken for the first, one that is left out as if the clock had not been put forward.
 */
export const timeZone = (name: string): TimeZone | undefined => {
  const fixed = offsetMillis(name);
  if (!Number.isNaN(fixed)) return (wall) => wall - fixed;
  let clock: Intl.DateTimeFormat;
  try {
    clock = new Intl.DateTimeFormat('en-GB', {
      timeZone: name,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  } catch {
    return undefined;
  }
  // Offsets change at quarters of an hour, and asking for one takes microseconds.
  const known = new Map<number, number>();
  const offsetAt = (time: number): number => {
    const quarter = Math.floor(time / QUARTER_MS) * QUARTER_MS;
    let offset = known.get(quarter);
    if (offset === undefined) {
      const parts = Object.fromEntries(clock.formatToParts(quarter).map(({ type, value }) => [type, value]));
      const { year = '', month = '', day = '', hour = '', minute = '', second = '' } = parts;
      offset = parseTime(`${year.padStart(4, '0')}-${month}-${day}T${hour}:${minute}:${second}Z`) - quarter;
      known.set(quarter, offset);
    }
    return offset;
  };
  return (wall) => {
    const before = wall - offsetAt(wall - DAY_MS);
    const after = wall - offsetAt(wall + DAY_MS);
    const fits = [before, after].filter((time) => time + offsetAt(time) === wall);
    return fits.length === 0 ? before : Math.min(...fits);
  };
};

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';
const COMMON =
  /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?: ?([+-]\d{2}:?\d{2}|Z))?$/;
const CALENDAR =
  /^(\d{4})[-/](\d{2})[-/](\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9}))? ?(Z|z|[+-]\d{2}:?\d{2})?$/;

/** A date, a time of day and what is finer, in a zone of its own or in the one given; NaN where it is no time. */
const at = (
  date: string,
  time: string,
  fraction: string | undefined,
  offset: string | undefined,
  zone: TimeZone,
): number => {
  const wall = parseTime(`${date}T${time}${fraction === undefined ? '' : `.${fraction}`}Z`);
  if (offset === undefined) return Number.isNaN(wall) ? NaN : zone(wall);
  return wall - (offset === 'Z' || offset === 'z' ? 0 : offsetMillis(offset));
};

/** The time of Apache's `%t` and nginx's `$time_local`: `17/May/2015:10:05:03 +0200`, a zone missing from some. */
const commonTime = (text: string, zone: TimeZone): number => {
  const [, day = '', name = '', year = '', time = '', fraction, offset] = COMMON.exec(text) ?? [];
  const month = name === '' ? -1 : MONTHS.indexOf(name);
  if (month < 0 || month % 3 !== 0) return NaN;
  return at(`${year}-${String(month / 3 + 1).padStart(2, '0')}-${day}`, time, fraction, offset, zone);
};

/** Seconds, milliseconds, microseconds or nanoseconds since 1970, told by their size: seconds up to the year 5138. */
const epochTime = (value: number): number => {
  if (!(value >= 0)) return NaN;
  if (value < 1e11) return Math.floor(value * 1000 + 1e-4);
  if (value < 1e14) return Math.floor(value);
  return Math.floor(value < 1e17 ? value / 1e3 : value / 1e6);
};

/**
 * Reads a time as access logs write it: RFC 3339 or nearly so (a blank for the `T`, slashes, no colon in the offset),
 * the common log format's, or a number since 1970. Epoch milliseconds; NaN where it is none.
 */
export const readTime = (value: string | number, zone: TimeZone): number => {
  if (typeof value === 'number') return epochTime(value);
  const exact = parseTime(value);
  if (!Number.isNaN(exact)) return exact;
  const [, year, month = '', day = '', time = '', fraction, offset] = CALENDAR.exec(value) ?? [];
  if (year !== undefined) return at(`${year}-${month}-${day}`, time, fraction, offset, zone);
  return /^\d{1,20}(?:\.\d{1,9})?$/.test(value) ? epochTime(Number(value)) : commonTime(value, zone);
};
