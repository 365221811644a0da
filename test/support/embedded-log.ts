import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { MemoryPool } from '../../src/eventstore/embedded/lent-memory.js';
import type { EmbeddedOptions } from '../../src/eventstore/embedded/options.js';
import { systemClock } from '../../src/platform/clock.js';
import { systemFiles, type Files } from '../../src/platform/files.js';
import { systemRandom } from '../../src/platform/random.js';

/** Small segments, so that a test's log is quickly made and rolls often. Memory that is given back is spoilt. */
export const smallLog = {
  files: systemFiles,
  clock: systemClock,
  random: systemRandom,
  segmentBytes: 4 * 1024 * 1024,
  maxAppendBytes: 2 * 1024 * 1024,
  memory: new MemoryPool({ givenBack: (bytes) => bytes.fill(0xff) }),
} satisfies EmbeddedOptions;

/** The operating system's files where it has no way past the page cache. */
export const cachedFiles: Files = {
  ...systemFiles,
  open: (path, mode) => {
    if (mode === 'direct') return Promise.reject(Object.assign(new Error('EINVAL'), { code: 'EINVAL' }));
    return systemFiles.open(path, mode === 'scan' ? 'read' : mode);
  },
};

export const temporaryDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'pulsestream-log-'));

export const removeDirectory = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

/** An open log in a new directory. */
export const newLog = async (
  options: EmbeddedOptions = smallLog,
): Promise<{ directory: string; log: EmbeddedEventStore }> => {
  const directory = await temporaryDirectory();
  await EmbeddedEventStore.initialise(directory, options);
  return { directory, log: await EmbeddedEventStore.open(directory, options) };
};
