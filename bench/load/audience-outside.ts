import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Received, Seen } from './audience.js';
import type { Seat } from './dashboard.js';
import { programOf } from './outside.js';

/** What the program of an audience is told; it answers a watch with what was seen, and the rest with what came in. */
export type Order =
  | { readonly do: 'sit'; readonly seat: Seat; readonly api_key: string }
  | { readonly do: 'open'; readonly count: number }
  | { readonly do: 'watch'; readonly seconds: number }
  | { readonly do: 'count' };

type Reply = { readonly answer: unknown } | { readonly error: string };

/** Dashboards in a process of their own, whose delays are not those of others. */
export class OutsideAudience {
  private constructor(private readonly child: ChildProcess) {}

  static async start(seat: Seat, api_key: string): Promise<OutsideAudience> {
    const [program = '', ...loader] = programOf('audience-program').toReversed();
    const child = fork(program, { execArgv: loader.toReversed(), serialization: 'json' });
    const audience = new OutsideAudience(child);
    await audience.#tell({ do: 'sit', seat, api_key });
    return audience;
  }

  async open(count: number): Promise<void> {
    await this.#tell({ do: 'open', count });
  }

  async watch(seconds: number): Promise<Seen> {
    return (await this.#tell({ do: 'watch', seconds })) as Seen;
  }

  async received(): Promise<Received> {
    return (await this.#tell({ do: 'count' })) as Received;
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }

  async #tell(order: Order): Promise<unknown> {
    const ended = new AbortController();
    const { signal } = ended;
    try {
      this.child.send(order);
      const [reply] = (await Promise.race([
        once(this.child, 'message', { signal }),
        once(this.child, 'exit', { signal }).then(([code]) => [{ error: `It ended with ${String(code)}.` }]),
      ])) as [Reply];
      if ('error' in reply) throw new Error(`An audience failed: ${reply.error}`);
      return reply.answer;
    } finally {
      ended.abort();
    }
  }
}
