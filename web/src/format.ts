const numbers = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumFractionDigits: 1 });

export const amount = (value: number): string =>
  value < 10_000 ? numbers.format(value) : compact.format(value);

export const percent = (ratio: number): string => `${numbers.format(ratio * 100)} %`;

/** A duration in milliseconds, in the unit that reads best; a dash where there is none. */
export const duration = (ms: number | null | undefined): string => {
  if (ms === null || ms === undefined) return '–';
  if (ms >= 10_000) return `${numbers.format(ms / 1000)} s`;
  return `${ms < 10 ? numbers.format(ms) : Math.round(ms)} ms`;
};

export const clockTime = (time: string): string =>
  new Date(time).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** A time as people tell it: the clock's where it is today, else the day as well. */
export const when = (time: string): string => {
  const date = new Date(time);
  return date.toDateString() === new Date().toDateString()
    ? clockTime(time)
    : `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })} ${clockTime(time)}`;
};
