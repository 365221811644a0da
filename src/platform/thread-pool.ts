import { parentPort, Worker, type Transferable } from 'node:worker_threads';

interface Task {
  readonly id: number;
  readonly task: unknown;
}
type Answer = { readonly id: number } & ({ readonly result: unknown } | { readonly error: unknown });

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread and what it has been asked. */
interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
}

/**
 * Threads that work on tasks, each on its own in the order in which it got them. A thread is started where all others
 * are at work, up to `size`; one that died fails what it was asked and is replaced by the next task. None of them
 * keeps the process alive.
 */
export class ThreadPool {
  #threads: Thread[] = [];
  #tasks = 0;

  /** `program` is the compiled file that calls {@link serveTasks}. */
  constructor(
    private readonly program: URL,
    private readonly size: number,
  ) {}

  /** Has a task done. What is in `transfer` belongs to the thread from here on. */
  run<Result>(task: unknown, transfer: readonly Transferable[] = []): Promise<Result> {
    const { worker, waiting } = this.#leastBusy();
    this.#tasks += 1;
    const id = this.#tasks;
    return new Promise<Result>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, task } satisfies Task, transfer);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #leastBusy(): Thread {
    const [least, ...others] = this.#threads;
    if (!least) return this.#start();
    const thread = others.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a), least);
    return thread.waiting.size > 0 && this.#threads.length < this.size ? this.#start() : thread;
  }

  #start(): Thread {
    const worker = new Worker(this.program);
    const thread: Thread = { worker, waiting: new Map() };
    worker.unref();
    worker.on('message', (answer: Answer) => {
      const waiting = thread.waiting.get(answer.id);
      thread.waiting.delete(answer.id);
      if ('result' in answer) waiting?.resolve(answer.result as never);
      else waiting?.reject(answer.error);
    });
    // An `error` is followed by the `exit`, which says the rest.
    let cause: unknown;
    worker.on('error', (error: unknown) => {
      cause = error;
    });
    worker.on('exit', () => {
      this.#threads = this.#threads.filter((other) => other !== thread);
      const ended = new Error('A thread ended before it was done.', { cause });
      for (const { reject } of thread.waiting.values()) reject(ended);
      thread.waiting.clear();
    });
    this.#threads.push(thread);
    return thread;
  }
}

/** A result, and what of it is handed over instead of copied. */
export interface Done {
  readonly result: unknown;
  readonly transfer?: readonly Transferable[];
}

/** The other side of a {@link ThreadPool}: works on what comes, and sends back the result or the error. */
export const serveTasks = (work: (task: never) => Done | Promise<Done>): void => {
  parentPort?.on('message', ({ id, task }: Task) => {
    void (async () => work(task as never))().then(
      ({ result, transfer }) => parentPort?.postMessage({ id, result } satisfies Answer, transfer),
      (error: unknown) => parentPort?.postMessage({ id, error } satisfies Answer),
    );
  });
};
