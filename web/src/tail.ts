import type { TelemetryEvent } from './shapes.js';

const ROWS = 50;

/** Folds the messages of the `events` topic: newest first, each event once. */
export const tail = (
  state: readonly TelemetryEvent[] | undefined,
  message: { readonly data: readonly TelemetryEvent[] },
): readonly TelemetryEvent[] => {
  const seen = new Set<string>();
  return [...message.data, ...(state ?? [])]
    .filter((event) => !seen.has(event.event_id) && seen.add(event.event_id))
    .slice(0, ROWS);
};

/** How many requests an event stands for. */
export const requestsOf = ({ weight, sample_rate = 1, durations }: TelemetryEvent): number =>
  weight ?? durations?.counts.reduce((sum, count) => sum + count, 0) ?? 1 / sample_rate;
