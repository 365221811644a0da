import { setImmediate as others } from 'node:timers/promises';

/** Lets everything else run until something holds; fails where it does not come to. */
export const until = async (
  holds: () => boolean | Promise<boolean>,
  milliseconds = 120_000,
): Promise<void> => {
  for (const end = performance.now() + milliseconds; performance.now() < end;) {
    if (await holds()) return;
    await others();
  }
  throw new Error(`It did not come to hold: ${holds.toString()}`);
};
