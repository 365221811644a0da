import { Worker } from 'node:worker_threads';

/** Hashes and checks passwords; undefined where too many wait already. */
export interface PasswordHasher {
  hash(password: string): Promise<string | undefined>;
  /** Without a hash to check against it takes just as long, and says no. */
  check(password: string, hash: string | undefined): Promise<boolean | undefined>;
  close(): Promise<void>;
}

/** bcrypt's cost: 2^12 rounds, about a quarter of a second. */
export const BCRYPT_COST = 12;
/** bcrypt looks at no more bytes of a password than these. */
export const PASSWORD_BYTES = 72;
/** How many may wait: at a quarter of a second each nobody waits longer than a client does. */
const QUEUE = 32;

export interface PasswordTask {
  readonly id: number;
  readonly password: string;
  /** Absent: hash it. Null: check it against nothing. */
  readonly against?: string | null;
}
export type PasswordAnswer = { readonly id: number } & (
  { readonly result: string | boolean } | { readonly error: string }
);

interface Waiting {
  readonly resolve: (result: string | boolean) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Passwords in a thread of their own, one after another: bcrypt's own threads are libuv's, which the disk needs too,
 * and sixteen sign-ins at once would hold up every write of the log. A thread that died is replaced by the next task.
 */
export class PasswordWorker implements PasswordHasher {
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #tasks = 0;

  /** `program` is the compiled password-worker.js. */
  constructor(private readonly program = new URL('./password-worker.js', import.meta.url)) {}

  async hash(password: string): Promise<string | undefined> {
    const result = await this.#ask({ password });
    return typeof result === 'string' ? result : undefined;
  }

  async check(password: string, hash: string | undefined): Promise<boolean | undefined> {
    const result = await this.#ask({ password, against: hash ?? null });
    return typeof result === 'boolean' ? result : undefined;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask(task: Omit<PasswordTask, 'id'>): Promise<string | boolean | undefined> {
    if (this.#waiting.size >= QUEUE) return Promise.resolve(undefined);
    this.#tasks += 1;
    const id = this.#tasks;
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ...task } satisfies PasswordTask);
    });
  }

  #start(): Worker {
    const worker = new Worker(this.program);
    worker.unref();
    worker.on('message', (answer: PasswordAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('result' in answer) waiting?.resolve(answer.result);
      else waiting?.reject(new Error(answer.error));
    });
    // An `error` is followed by the `exit`, which says the rest.
    let cause: unknown;
    worker.on('error', (error: unknown) => {
      cause = error;
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      const ended = new Error('The password thread ended.', { cause });
      for (const { reject } of this.#waiting.values()) reject(ended);
      this.#waiting.clear();
    });
    return worker;
  }
}
