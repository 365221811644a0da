import { epochDays } from '../time.js';

/**
 * Texts that are numbers in disguise, each with the number that it is and the way back. `parse` gives undefined
 * unless writing the number gives the very same text.
 */

/** The most digits that a number may have: every whole number below is exact. */
const MAX_DIGITS = 15;
export const MAX_SCALE = 9;
/** Differences of differences of numbers up to here are safe integers. */
const GREATEST = 2 ** 51;

const NOT_THERE = undefined;
const DOT = 0x2e;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Powers of ten up to those that a scale may ask for. */
export const POWERS: readonly number[] = Array.from({ length: MAX_DIGITS + 1 }, (_, i) => 10 ** i);

/** How many digits a decimal has after its point; undefined where the text from `from` up to `to` is no plain decimal. */
export const scaleOf = (text: string, from: number, to: number): number | undefined => {
  const start = text.charCodeAt(from) === MINUS ? from + 1 : from;
  let point = -1;
  for (let at = start; at < to; at += 1) {
    const code = text.charCodeAt(at);
    if (code === DOT && point < 0) point = at;
    else if (code < ZERO || code > ZERO + 9) return NOT_THERE;
  }
  const whole = (point < 0 ? to : point) - start;
  const scale = point < 0 ? 0 : to - point - 1;
  const leading = whole > 1 && text.charCodeAt(start) === ZERO;
  const trailing = point >= 0 && (scale === 0 || text.charCodeAt(to - 1) === ZERO);
  const minus_zero = start > from && whole === 1 && scale === 0 && text.charCodeAt(start) === ZERO;
  if (whole === 0 || leading || trailing || minus_zero || whole + scale > MAX_DIGITS) return NOT_THERE;
  return scale;
};

/**
 * A decimal that {@link scaleOf} lets through, of at most `scale` digits after its point, times 10^scale; undefined
 * where that is too large.
 */
export const scaledDecimal = (text: string, from: number, to: number, scale: number): number | undefined => {
  const negative = text.charCodeAt(from) === MINUS;
  let value = 0;
  let digits = -1;
  for (let at = negative ? from + 1 : from; at < to; at += 1) {
    const code = text.charCodeAt(at);
    if (code === DOT) digits = 0;
    else {
      value = value * 10 + (code - ZERO);
      if (digits >= 0) digits += 1;
    }
  }
  const scaled = value * (POWERS[scale - Math.max(0, digits)] ?? 1);
  if (scaled > GREATEST) return NOT_THERE;
  return negative ? -scaled : scaled;
};

/** `2015-05-17T10:05:03`, then a point and digits where `fraction` is not 0. */
export const TIME_LENGTH = 19;
export const MAX_FRACTION = 6;

/** How many characters a time takes with so many digits after the second. */
export const timeLength = (fraction: number): number => TIME_LENGTH + (fraction === 0 ? 0 : fraction + 1);

const twoDigits = (text: string, at: number): number => {
  const tens = text.charCodeAt(at) - ZERO;
  const ones = text.charCodeAt(at + 1) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN;
};

/** The date so many days after 1970-01-01. */
export const dateOf = (days: number): { year: number; month: number; day: number } => {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const day_of_era = shifted - era * 146_097;
  const year_of_era = Math.floor(
    (day_of_era -
      Math.floor(day_of_era / 1460) +
      Math.floor(day_of_era / 36_524) -
      Math.floor(day_of_era / 146_096)) /
      365,
  );
  const day_of_year =
    day_of_era - (365 * year_of_era + Math.floor(year_of_era / 4) - Math.floor(year_of_era / 100));
  const shifted_month = Math.floor((5 * day_of_year + 2) / 153);
  const month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {
    year: year_of_era + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: day_of_year - Math.floor((153 * shifted_month + 2) / 5) + 1,
  };
};

/** A time with so many digits after the second, in units of the last of them since 1970, its zone left aside. */
export const scaledTime = (text: string, fraction: number): number | undefined => {
  if (text.length < timeLength(fraction)) return NOT_THERE;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  const punctuation =
    text.charCodeAt(4) === MINUS &&
    text.charCodeAt(7) === MINUS &&
    text.charCodeAt(10) === 0x54 &&
    text.charCodeAt(13) === 0x3a &&
    text.charCodeAt(16) === 0x3a &&
    (fraction === 0 || text.charCodeAt(19) === DOT);
  // A number that is not there is NaN, and no comparison with NaN holds.
  if (!punctuation || !(year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31)) return NOT_THERE;
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return NOT_THERE;
  const days = epochDays(year, month, day);
  const back = dateOf(days);
  if (back.month !== month || back.day !== day) return NOT_THERE;
  let value = days * 86_400 + (hour * 60 + minute) * 60 + second;
  for (let at = TIME_LENGTH + 1; at < timeLength(fraction); at += 1) {
    const digit = text.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return NOT_THERE;
    value = value * 10 + digit;
  }
  return value <= GREATEST ? value : NOT_THERE;
};
