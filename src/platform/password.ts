import { ThreadPool } from './thread-pool.js';

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

/** What the thread is asked. */
export interface PasswordTask {
  readonly password: string;
  /** Absent: hash it. Null: check it against nothing. */
  readonly against?: string | null;
}

/**
 * Passwords in a thread of their own, one after another: bcrypt's own threads are libuv's, which the disk needs too,
 * and sixteen sign-ins at once would hold up every write of the log.
 */
export class PasswordWorker implements PasswordHasher {
  readonly #thread: ThreadPool;
  #waiting = 0;

  /** `program` is the compiled password-worker.js. */
  constructor(program = new URL('./password-worker.js', import.meta.url)) {
    this.#thread = new ThreadPool(program, 1);
  }

  async hash(password: string): Promise<string | undefined> {
    const result = await this.#ask({ password });
    return typeof result === 'string' ? result : undefined;
  }

  async check(password: string, hash: string | undefined): Promise<boolean | undefined> {
    const result = await this.#ask({ password, against: hash ?? null });
    return typeof result === 'boolean' ? result : undefined;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async #ask(task: PasswordTask): Promise<string | boolean | undefined> {
    if (this.#waiting >= QUEUE) return undefined;
    this.#waiting += 1;
    try {
      return await this.#thread.run<string | boolean>(task);
    } finally {
      this.#waiting -= 1;
    }
  }
}
