import type { EventLog, Position } from '../eventstore/event-store.js';
import type { Clock } from '../platform/clock.js';
import { distance } from '../projections/runner/status.js';

/** How far a replay has got. */
export interface Progress {
  readonly projections: readonly string[];
  /** Since it was started or resumed; telemetry counted by record. */
  readonly events: number;
  readonly position: Position;
  /** Where the log ended when the replay began. */
  readonly head: Position;
  /** From 0 to 1. */
  readonly share: number;
  readonly events_per_second: number;
  /** Absent as long as nothing can be said of it. */
  readonly seconds_left?: number;
}

/** Measures a replay from where it starts to the log's head at that time. */
export const measureProgress = async (
  log: Pick<EventLog, 'head'>,
  clock: Pick<Clock, 'monotonic'>,
  projections: readonly string[],
  from: Position,
  onProgress: ((progress: Progress) => void) | undefined,
): Promise<(events: number, position: Position) => void> => {
  const head = await log.head();
  const whole = distance(from, head);
  const begun = clock.monotonic();
  let events = 0;
  return (more, position) => {
    events += more;
    const seconds = (clock.monotonic() - begun) / 1000;
    const share = whole === 0 ? 1 : Math.min(1, distance(from, position) / whole);
    onProgress?.({
      projections,
      events,
      position,
      head,
      share,
      events_per_second: seconds > 0 ? events / seconds : 0,
      ...(share > 0 && { seconds_left: (seconds * (1 - share)) / share }),
    });
  };
};
