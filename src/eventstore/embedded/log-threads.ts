import { availableParallelism } from 'node:os';
import { ThreadPool } from '../../platform/thread-pool.js';
import type { SegmentCheck, SegmentReport } from './check-segment.js';
import { received, type Frames, type SealedFrames } from './frames.js';
import type { Sealer } from './group-commit.js';
import type { Checking } from './verify-log.js';

/** The compiled program of the log's threads. */
export const logThreads = new URL('./log-worker.js', import.meta.url);

/** What a thread is asked. */
export type LogTask = { readonly seal: Frames } | { readonly check: SegmentCheck };

/** What sealing answers: bytes that moved there come back with it. */
export type Sealed = Pick<SealedFrames, 'leaves'> & { readonly moved?: Frames };

/** Seals in a thread of its own. The bytes are shared with it or move there and back; they are not copied. */
export class SealThread implements Sealer {
  readonly #thread: ThreadPool;

  constructor(program: URL) {
    this.#thread = new ThreadPool(program, 1);
  }

  async seal({ memory, ...frames }: Frames): Promise<SealedFrames> {
    const { buffer } = frames.bytes;
    const task: LogTask = { seal: frames };
    const { leaves, moved } = await this.#thread.run<Sealed>(
      task,
      buffer instanceof ArrayBuffer ? [buffer] : [],
    );
    return { ...(moved ? received(moved) : frames), ...(memory && { memory }), leaves: Buffer.from(leaves) };
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}

/** Has a log's segments checked by as many threads as there are processors. Files are the operating system's. */
export const checkInThreads = async <Result>(
  program: URL,
  work: (elsewhere: { readonly check: Checking; readonly atOnce: number }) => Promise<Result>,
): Promise<Result> => {
  const size = availableParallelism();
  const threads = new ThreadPool(program, size);
  try {
    // One more than there are threads: none waits for its next task.
    return await work({
      check: (check) => threads.run<SegmentReport>({ check } satisfies LogTask),
      atOnce: size + 1,
    });
  } finally {
    await threads.close();
  }
};
