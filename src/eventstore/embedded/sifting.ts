import { availableParallelism } from 'node:os';
import type { Sought } from '../../domain/telemetry/query/sift.js';
import type { Files } from '../../platform/files.js';
import { ThreadPool } from '../../platform/thread-pool.js';
import type { SiftedChunk } from '../event-store.js';
import { siftSegment, type PlacedChunk, type SiftTask } from './sift-segment.js';
import type { Segment } from './segments.js';

/** The compiled program of the threads that look through chunks. */
export const siftingProgram = new URL('./sift-worker.js', import.meta.url);

/** Looks through chunks; one task at a time or several. */
export interface Sifter {
  /** How many tasks are worked on at once. */
  readonly atOnce: number;
  sift(task: SiftTask): Promise<readonly (SiftedChunk | undefined)[]>;
  close(): Promise<void>;
}

/** Does it in this thread. */
export const sifterHere = (files: Files): Sifter => ({
  atOnce: 1,
  sift: (task) => siftSegment(files, task),
  close: () => Promise.resolve(),
});

/** More would search faster than anybody reads, and leave less to others. */
const MOST_THREADS = 4;

/** How long threads that have nothing to do stay: who searches searches again, and a thread takes memory. */
const LINGER_MS = 60_000;

/** In threads of their own, started by the first search. Files are the operating system's. */
export const sifterInThreads = (program: URL): Sifter => {
  const atOnce = Math.min(MOST_THREADS, availableParallelism());
  let threads: ThreadPool | undefined;
  let tasks = 0;
  let rest: NodeJS.Timeout | undefined;
  const close = async (): Promise<void> => {
    const ended = threads;
    threads = undefined;
    await ended?.close();
  };
  return {
    atOnce,
    sift: async (task) => {
      clearTimeout(rest);
      tasks += 1;
      try {
        threads ??= new ThreadPool(program, atOnce);
        return await threads.run(task);
      } finally {
        tasks -= 1;
        if (tasks === 0) rest = setTimeout(() => void close(), LINGER_MS).unref();
      }
    },
    close: () => {
      clearTimeout(rest);
      return close();
    },
  };
};

/** A chunk with the segment that holds it; undefined where the log does not show it. */
export type FoundChunk = (PlacedChunk & { readonly segment: Segment }) | undefined;

/** Has chunks looked through, in tasks of one segment each; as many at once as the sifter works on. */
export const siftAll = async (
  sifter: Sifter,
  chunks: readonly FoundChunk[],
  sought: Sought,
): Promise<readonly (SiftedChunk | undefined)[]> => {
  const sifted: (SiftedChunk | undefined)[] = chunks.map(() => undefined);
  await Promise.all(
    tasksOf(chunks, Math.ceil(chunks.length / sifter.atOnce)).map(async ({ segment, members }) => {
      const task: SiftTask = {
        segment,
        chunks: members.map(({ number, run, chunk, without }) => ({
          ...{ number, run, chunk },
          ...(without && { without }),
        })),
        sought,
      };
      const found = await sifter.sift(task);
      members.forEach(({ at }, i) => (sifted[at] = found[i]));
    }),
  );
  return sifted;
};

interface TaskMembers {
  readonly segment: Segment;
  readonly members: (PlacedChunk & { readonly at: number })[];
}

/** Chunks that follow each other and lie in one segment, at most so many in a task. */
const tasksOf = (chunks: readonly FoundChunk[], most: number): readonly TaskMembers[] => {
  const tasks: TaskMembers[] = [];
  chunks.forEach((chunk, at) => {
    if (!chunk) return;
    const last = tasks.at(-1);
    if (last && last.segment === chunk.segment && last.members.length < most)
      last.members.push({ ...chunk, at });
    else tasks.push({ segment: chunk.segment, members: [{ ...chunk, at }] });
  });
  return tasks;
};
