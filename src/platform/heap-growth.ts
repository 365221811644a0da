import { getHeapStatistics, setFlagsFromString } from 'node:v8';

/** Up to so much in use the heap may grow to a multiple of it before it is marked. */
const SMALL_BYTES = 96 * 1024 * 1024;
/** By how much, in percent; 0: what the engine thinks best. */
const GROWTH = 300;
const INTERVAL_MS = 2_000;

/**
 * Has a small heap marked less often. The engine marks all of it whenever what was allocated since the last time comes
 * to about as much as lives, with the memory of buffers counted in; a server that takes in hundreds of megabytes a
 * second and keeps thirty would be marked ten times a second. A heap that is large for once is collected as always.
 * The flag is read by each collection, so it may change while the program runs.
 */
export const letHeapGrow = (): void => {
  let growth = 0;
  const set = (): void => {
    const wanted = getHeapStatistics().used_heap_size <= SMALL_BYTES ? GROWTH : 0;
    if (wanted !== growth) setFlagsFromString(`--heap-growing-percent=${String(wanted)}`);
    growth = wanted;
  };
  set();
  setInterval(set, INTERVAL_MS).unref();
};
