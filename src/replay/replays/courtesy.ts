import { setImmediate as otherWork } from 'node:timers/promises';
import type { Clock } from '../../platform/clock.js';

/** Rests this many times as long as the others took: of a busy process a replay then takes a fifth at most. */
const REST = 4;
const LONGEST_REST_MS = 100;
/** Others that take less have nothing to do. */
const IDLE_MS = 1;

/** Lets live traffic go first: everything that waits runs once, and a rest follows in proportion to what it took. */
export const giveWay = async (
  clock: Pick<Clock, 'monotonic' | 'sleep'>,
  signal: AbortSignal,
): Promise<void> => {
  const asked = clock.monotonic();
  await otherWork();
  const others = clock.monotonic() - asked;
  if (others >= IDLE_MS) await clock.sleep(Math.min(LONGEST_REST_MS, REST * others), signal);
};
