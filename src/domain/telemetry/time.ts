import type { Receipt } from './chunk-header.js';
import type { TelemetryEvent } from './event.js';

const digits = (text: string, at: number, length: number): number => {
  let value = 0;
  for (let i = at; i < at + length; i += 1) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    value = value * 10 + digit;
  }
  return value;
};

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

/**
 * Days from 1970-01-01 to a date of the Gregorian calendar, its year counted from March so that leap days come last. A
 * date that is none (31 April) counts on from the end of its month.
 */
export const epochDays = (year: number, month: number, day: number): number => {
  const march_year = month > 2 ? year : year - 1;
  const era = Math.floor(march_year / 400);
  const year_of_era = march_year - era * 400;
  const day_of_year = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const day_of_era =
    year_of_era * 365 + Math.floor(year_of_era / 4) - Math.floor(year_of_era / 100) + day_of_year;
  return era * 146_097 + day_of_era - 719_468;
};

/** The first and the last millisecond that RFC 3339 can say, in UTC. */
export const EARLIEST_TIME = -62_167_219_200_000;
export const LATEST_TIME = 253_402_300_799_999;

/**
 * Reads an RFC 3339 time (§5.6) as epoch milliseconds; NaN where the text is none. What is finer than a millisecond
 * is cut off. `Date.parse` takes much more than RFC 3339 allows, differs between engines, and is slower.
 */
export const parseTime = (text: string): number => {
  const length = text.length;
  if (length < 20 || length > 40) return NaN;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  const t = text.charCodeAt(10);
  if (
    text.charCodeAt(4) !== 0x2d ||
    text.charCodeAt(7) !== 0x2d ||
    (t !== 0x54 && t !== 0x74) ||
    text.charCodeAt(13) !== 0x3a ||
    text.charCodeAt(16) !== 0x3a ||
    // A number that is not there is NaN, and no comparison with NaN holds.
    !(month >= 1 && month <= 12 && day >= 1 && hour <= 23 && minute <= 59 && second <= 60 && year >= 0)
  )
    return NaN;
  if (day > (month === 2 && isLeap(year) ? 29 : (MONTH_DAYS[month - 1] ?? 0))) return NaN;

  let at = 19;
  let fraction = 0;
  if (text.charCodeAt(at) === 0x2e) {
    at += 1;
    const start = at;
    for (let digit = digits(text, at, 1); digit >= 0; digit = digits(text, at, 1)) {
      if (at - start < 3) fraction += digit * (at === start ? 100 : at === start + 1 ? 10 : 1);
      at += 1;
    }
    if (at === start) return NaN;
  }

  const zone = zoneMinutes(text, at);
  return (
    epochDays(year, month, day) * 86_400_000 + ((hour * 60 + minute - zone) * 60 + second) * 1000 + fraction
  );
};

/** `Z`, or `+hh:mm` east of it. */
const zoneMinutes = (text: string, at: number): number => {
  const sign = text.charCodeAt(at);
  if (sign === 0x5a || sign === 0x7a) return text.length === at + 1 ? 0 : NaN;
  if ((sign !== 0x2b && sign !== 0x2d) || text.length !== at + 6 || text.charCodeAt(at + 3) !== 0x3a)
    return NaN;
  const hours = digits(text, at + 1, 2);
  const minutes = digits(text, at + 4, 2);
  if (!(hours <= 23 && minutes <= 59)) return NaN;
  return (sign === 0x2b ? 1 : -1) * (hours * 60 + minutes);
};

/**
 * When an event happened, in epoch milliseconds: by its own word, corrected by what its sender's clock is off, else
 * when it was received. NaN: its word is no time.
 */
export const timeOf = (
  timestamp: TelemetryEvent['timestamp'],
  { received_at, time_offset_ms = 0 }: Receipt,
): number => {
  if (timestamp === undefined) return received_at;
  return (typeof timestamp === 'number' ? Math.floor(timestamp) : parseTime(timestamp)) + time_offset_ms;
};
