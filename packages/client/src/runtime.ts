import { randomUUID } from 'node:crypto';

export interface Timer {
  cancel(): void;
  /** Whether the process stays alive for it; it does not unless told so. */
  hold(keep: boolean): void;
}

/** Time and chance as inputs, so that tests can hand in their own. */
export interface Runtime {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** Milliseconds that only grow, from an arbitrary start. */
  monotonic(): number;
  /** From 0 up to 1. */
  random(): number;
  /** A name that nothing else has. */
  id(): string;
  timer(milliseconds: number, run: () => void): Timer;
}

export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  id: () => randomUUID(),
  timer: (milliseconds, run) => {
    const timer = setTimeout(run, milliseconds);
    timer.unref();
    return {
      cancel: () => clearTimeout(timer),
      hold: (keep) => {
        if (keep) timer.ref();
        else timer.unref();
      },
    };
  },
};
