import { Type } from 'typebox';
import { EARLIEST_TIME, LATEST_TIME, parseTime } from './time.js';

/** What a sender's clock said when it sent a request. */
export const SentAt = Type.Union(
  [
    Type.String({ maxLength: 40, description: 'RFC 3339.' }),
    Type.Number({ minimum: 0, maximum: LATEST_TIME, description: 'Milliseconds since 1970, UTC.' }),
  ],
  {
    description:
      'What the sender’s clock said when it sent the request: the times of the events are corrected by the ' +
      'difference to when the request came, to the nearest second.',
  },
);

/** When a request came, and when its sender says that it was sent. Epoch milliseconds, each by its own clock. */
export interface Arrival {
  readonly received_at: number;
  readonly sent_at?: number | undefined;
}

/** A sender's time as epoch milliseconds; NaN where it is none. */
export const readSentAt = (value: unknown): number => {
  const time = typeof value === 'string' ? parseTime(value) : typeof value === 'number' ? value : NaN;
  const earliest = typeof value === 'string' ? EARLIEST_TIME : 0;
  return time >= earliest && time <= LATEST_TIME ? Math.floor(time) : NaN;
};

/**
 * Corrections are whole seconds. So the time that a request is under way moves nothing, as long as it is less than half
 * of one, and requests of one sender are corrected alike, which lets them share a chunk.
 */
const STEP_MS = 1_000;

/** By how many milliseconds a sender's clock is behind ours. */
export const clockOffset = (sent_at: number, received_at: number): number =>
  Math.round((received_at - sent_at) / STEP_MS) * STEP_MS || 0;
