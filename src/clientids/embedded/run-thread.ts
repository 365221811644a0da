import { ThreadPool } from '../../platform/thread-pool.js';
import type { NewRun, RunFiles, RunInMemory } from './run-files.js';

/** The compiled program of the thread. */
export const runProgram = new URL('./run-worker.js', import.meta.url);

/** What the thread is asked. */
export type RunTask = { readonly make: NewRun } | { readonly read: string };

/** Makes and reads runs in a thread of its own, which is started by the first of them. */
export class RunThread implements RunFiles {
  readonly #thread: ThreadPool;

  constructor(program: URL) {
    this.#thread = new ThreadPool(program, 1);
  }

  make(run: NewRun): Promise<RunInMemory> {
    return this.#thread.run({ make: run } satisfies RunTask);
  }

  read(path: string): Promise<RunInMemory | undefined> {
    return this.#thread.run({ read: path } satisfies RunTask);
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}
