import { stat } from 'node:fs/promises';
import { ThreadPool } from '../../platform/thread-pool.js';
import { runFiles, type NewRun, type RunFiles, type RunInMemory } from './run-files.js';
import { ENTRY_BYTES } from './run-format.js';

/** The compiled program of the thread. */
export const runProgram = new URL('./run-worker.js', import.meta.url);

/** What the thread is asked. */
export type RunTask = { readonly make: NewRun } | { readonly read: string };

/** A run of fewer ids is as soon made here, and needs no thread: most servers have no ids. */
const FEW = 8_192;

/** Makes and reads runs in a thread of its own, which is started by the first that is worth it. */
export class RunThread implements RunFiles {
  readonly #thread: ThreadPool;

  /** `few`: runs of fewer ids are made and read in the thread that calls. */
  constructor(
    program: URL,
    private readonly few = FEW,
  ) {
    this.#thread = new ThreadPool(program, 1);
  }

  make(run: NewRun): Promise<RunInMemory> {
    if (run.most < this.few) return runFiles.make(run);
    return this.#thread.run({ make: run } satisfies RunTask);
  }

  async read(path: string): Promise<RunInMemory | undefined> {
    if ((await stat(path)).size < this.few * ENTRY_BYTES) return runFiles.read(path);
    return this.#thread.run({ read: path } satisfies RunTask);
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}
