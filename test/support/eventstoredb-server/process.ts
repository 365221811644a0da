import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Reply, Request } from './program.js';

/** Imitation servers in another process, so that client and server do not share one thread. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (url: string) => void>();
  #asked = 0;

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'program.ts'), {
      execArgv: ['--import', join(import.meta.dirname, '..', 'typescript.mjs')],
      env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
    });
    this.#child.on('message', ({ id, url }: Reply) => this.#waiting.get(id)?.(url));
  }

  /** Begins a server with an empty database; gives its connection string. */
  begin(): Promise<string> {
    return this.#ask('begin');
  }

  /** Kills the server at that address and starts it again on the same data. */
  async interrupt(url: string): Promise<void> {
    await this.#ask('interrupt', url);
  }

  async end(url: string): Promise<void> {
    await this.#ask('end', url);
  }

  close(): void {
    this.#child.disconnect();
  }

  #ask(wanted: Request['wanted'], url?: string): Promise<string> {
    this.#asked += 1;
    const request: Request = { id: this.#asked, wanted, ...(url !== undefined && { url }) };
    return new Promise((resolve) => {
      this.#waiting.set(request.id, resolve);
      this.#child.send(request);
    });
  }
}
