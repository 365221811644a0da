import { setImmediate as others } from 'node:timers/promises';

/** Lets everything else run until something holds; fails where it never does. */
export const until = async (holds: () => boolean, turns = 20_000): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1) {
    if (holds()) return;
    await others();
  }
  throw new Error(`It did not come to hold: ${holds.toString()}`);
};
