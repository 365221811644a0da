import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import type { LogIndex } from '../../src/eventstore/embedded/log-index.js';
import type { EmbeddedOptions } from '../../src/eventstore/embedded/options.js';
import { START, type RecordedEvent } from '../../src/eventstore/event-store.js';
import type { Clock } from '../../src/platform/clock.js';
import { FaultyFiles } from './faulty-files.js';
import { ManualClock } from './manual-clock.js';
import { MemoryLogIndex } from './memory-log-index.js';

/** Where a simulated log is on its disk. */
export const DIRECTORY = '/data';

/** A log on a disk in memory, with time that stands still: the same at each run. */
export const simulated = (
  files: FaultyFiles,
  {
    index = new MemoryLogIndex(),
    clock = new ManualClock(),
    ...sizes
  }: {
    index?: LogIndex;
    clock?: Clock;
    segmentBytes?: number;
    maxAppendBytes?: number;
    roomBytes?: number;
    directBytes?: number;
    unsealedSegments?: number;
    treeCommits?: number;
  } = {},
): EmbeddedOptions => ({
  files,
  clock,
  index,
  random: { bytes: (length) => Buffer.alloc(length, 0x5a) },
  lock: { free: () => Promise.resolve() },
  segmentBytes: 24 * 1024,
  maxAppendBytes: 8 * 1024,
  roomBytes: 2 * 1024,
  directBytes: 0,
  ...sizes,
});

/** A new log on a disk in memory. */
export const newSimulatedLog = async ({
  direct = 'taken',
  ...options
}: Parameters<typeof simulated>[1] & { direct?: FaultyFiles['direct'] } = {}): Promise<{
  files: FaultyFiles;
  log: EmbeddedEventStore;
}> => {
  const files = new FaultyFiles();
  files.direct = direct;
  await EmbeddedEventStore.initialise(DIRECTORY, simulated(files, options));
  return { files, log: await EmbeddedEventStore.open(DIRECTORY, simulated(files, options)) };
};

export const allEvents = async (log: EmbeddedEventStore): Promise<RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of log.readAll(START)) events.push(...batch.events);
  return events;
};
