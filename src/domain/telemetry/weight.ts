import type { TelemetryEvent } from './event.js';
import { MAX_WEIGHT } from './event-limits.js';
import { COUNT_UNIT } from './histogram.js';

/** How long the requests took that one event stands for: `counts[i]` of them `values[i]` milliseconds. */
export interface Durations {
  readonly values: readonly number[];
  readonly counts: readonly number[];
}

/** What is wrong with one field of an event. */
export interface WeightFault {
  /** JSON pointer into the event. */
  readonly pointer: string;
  readonly code: 'conflicting_fields' | 'unequal_lengths' | 'too_large';
  readonly detail: string;
}

/** How far a weight may be from what a sampling rate says, of the weight: senders round one of the two. */
const AGREEMENT = 0.01;

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

/** Whether an event says that it stands for something else than the one request that it describes. */
export const isWeighted = ({ weight, sample_rate, durations }: TelemetryEvent): boolean =>
  weight !== undefined || sample_rate !== undefined || durations !== undefined;

/**
 * How many requests an event stands for: its weight, one in its sampling rate, or as many as it has durations. To the
 * nearest multiple of {@link COUNT_UNIT} and one unit at least, so that sums are exact: they come out the same in
 * whatever order they are made.
 */
export const weightOf = ({ weight, sample_rate, durations }: TelemetryEvent): number => {
  const given =
    weight ?? (sample_rate === undefined ? (durations ? sum(durations.counts) : 1) : 1 / sample_rate);
  return Math.max(1, Math.round(given / COUNT_UNIT)) * COUNT_UNIT;
};

/** What the schema cannot say of the fields that make one event stand for many requests. */
export const weightFault = ({
  weight,
  sample_rate,
  duration_ms,
  durations,
}: TelemetryEvent): WeightFault | undefined => {
  if (weight !== undefined && sample_rate !== undefined && !(Math.abs(weight * sample_rate - 1) <= AGREEMENT))
    return {
      pointer: '/sample_rate',
      code: 'conflicting_fields',
      detail: 'The weight is one in the sampling rate; send either of them.',
    };
  if (!durations) return undefined;
  const { values, counts } = durations;
  if (duration_ms !== undefined)
    return {
      pointer: '/duration_ms',
      code: 'conflicting_fields',
      detail: 'An event has one duration, or durations.',
    };
  if (sample_rate !== undefined)
    return {
      pointer: '/sample_rate',
      code: 'conflicting_fields',
      detail: 'Durations are of requests that were counted, not sampled; send a weight.',
    };
  if (values.length !== counts.length)
    return {
      pointer: '/durations/counts',
      code: 'unequal_lengths',
      detail: 'There is a count for each value.',
    };
  const timed = sum(counts);
  const limit = weight ?? MAX_WEIGHT;
  return timed > limit
    ? {
        pointer: '/durations/counts',
        code: 'too_large',
        detail:
          weight === undefined
            ? `An event may stand for ${String(MAX_WEIGHT)} requests.`
            : `The event stands for ${String(weight)} requests and has ${String(timed)} durations.`,
      }
    : undefined;
};
