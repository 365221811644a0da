import { ThreadPool } from '../../platform/thread-pool.js';
import { received, type Frames, type SealedFrames } from './frames.js';
import type { Sealer } from './group-commit.js';

/** The compiled program of the log's threads. */
export const logThreads = new URL('./log-worker.js', import.meta.url);

/** What a thread is asked. */
export interface LogTask {
  readonly seal: Frames;
}

/** Seals in a thread of its own. The bytes move there and back; they are not copied. */
export class SealThread implements Sealer {
  readonly #thread: ThreadPool;

  constructor(program: URL) {
    this.#thread = new ThreadPool(program, 1);
  }

  async seal(frames: Frames): Promise<SealedFrames> {
    const task: LogTask = { seal: frames };
    const { leaves, ...sealed } = await this.#thread.run<SealedFrames>(task, [
      frames.bytes.buffer as ArrayBuffer,
    ]);
    return { ...received(sealed), leaves: Buffer.from(leaves) };
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}
