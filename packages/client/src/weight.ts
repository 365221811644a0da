import type { TelemetryEvent } from './event.js';

type Weight = Pick<TelemetryEvent, 'weight' | 'sample_rate' | 'durations'>;

const MAX_WEIGHT = 1e9;
const MAX_DURATION_MS = 1e9;
/** Different durations that the API takes in one event. */
export const MAX_DURATIONS = 512;

const isList = (list: unknown, fits: (value: number) => boolean): list is readonly number[] =>
  Array.isArray(list) &&
  list.length > 0 &&
  list.length <= MAX_DURATIONS &&
  list.every((value: unknown) => typeof value === 'number' && fits(value));

const durationsOf = (given: unknown): Required<Weight>['durations'] | undefined => {
  if (typeof given !== 'object' || given === null) return undefined;
  const { values, counts } = given as Readonly<Record<string, unknown>>;
  const fit =
    isList(values, (value) => value >= 0 && value <= MAX_DURATION_MS) &&
    isList(counts, (count) => Number.isInteger(count) && count >= 1) &&
    values.length === counts.length;
  return fit ? { values: [...values], counts: [...counts] } : undefined;
};

const within = (given: unknown, from: number, to: number): number | undefined =>
  typeof given === 'number' && given >= from && given <= to ? given : undefined;

/**
 * What an event says of how many requests it stands for, as far as the API takes it: a weight rather than a sampling
 * rate, and durations only where there are not more of them than requests.
 */
export const weightOf = (given: TelemetryEvent): Weight => {
  const weight = within(given.weight, Number.MIN_VALUE, MAX_WEIGHT);
  const durations = durationsOf(given.durations);
  const timed = durations?.counts.reduce((sum, count) => sum + count, 0) ?? 0;
  if (durations && timed <= (weight ?? MAX_WEIGHT))
    return { ...(weight !== undefined && { weight }), durations };
  if (weight !== undefined) return { weight };
  const sample_rate = within(given.sample_rate, 1 / MAX_WEIGHT, 1);
  return sample_rate === undefined ? {} : { sample_rate };
};
