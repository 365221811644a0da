const numbers = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 1 });
const seconds = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

export const amount = (value: number): string =>
  value < 10_000 ? numbers.format(value) : compact.format(value);

/** A number of bytes, in the unit that reads best: thousands of thousands. */
export const bytes = (value: number): string => {
  let scaled = value;
  let unit = 'bytes';
  for (const larger of ['kB', 'MB', 'GB', 'TB', 'PB']) {
    // What would be rounded to a thousand is one of the next.
    if (scaled < 999.95) break;
    scaled /= 1000;
    unit = larger;
  }
  return `${numbers.format(scaled)} ${unit}`;
};

/** A share; what is there is never shown as nothing. */
export const percent = (ratio: number): string =>
  ratio > 0 && ratio < 0.0005 ? '< 0.1 %' : `${numbers.format(ratio * 100)} %`;

/** A duration in milliseconds, in the unit that reads best; a dash where there is none. */
export const duration = (ms: number | null | undefined): string => {
  if (ms === null || ms === undefined) return '–';
  if (ms >= 1000) return `${seconds.format(ms / 1000)} s`;
  return `${ms < 10 ? numbers.format(ms) : Math.round(ms)} ms`;
};

/** What an alert rule measures, in the unit that its name says. */
export const measured = (metric: string, value: number): string => {
  if (metric.startsWith('latency')) return duration(value);
  return metric.endsWith('rate') ? percent(value) : amount(value);
};

const short = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const exact = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

const isSameDay = (a: Date, b: Date): boolean => a.toDateString() === b.toDateString();

/** A day with its year. */
export const dayOf = (time: string): string => date.format(new Date(time));

/** A time as people tell it: the clock's where it is today, else the day as well. */
export const when = (time: string | number, now = new Date()): string => {
  const then = new Date(time);
  return isSameDay(then, now) ? exact.format(then) : `${date.format(then)}, ${exact.format(then)}`;
};

/**
 * The labels of a time axis, from epoch seconds: the clock's time, and under it the day where it begins to matter:
 * at the first label and wherever the day changes, unless all of it is today.
 */
export const axisTimes = (times: readonly number[], now = new Date()): readonly string[] => {
  const dates = times.map((seconds) => new Date(seconds * 1000));
  const isToday = dates.every((then) => isSameDay(then, now));
  return dates.map((then, index) => {
    const before = dates[index - 1];
    const isNewDay = !before || !isSameDay(before, then);
    return isNewDay && !isToday ? `${short.format(then)}\n${day.format(then)}` : short.format(then);
  });
};
