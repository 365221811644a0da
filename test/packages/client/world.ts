import { gunzipSync } from 'node:zlib';
import {
  createClient,
  type Client,
  type ClientOptions,
  type IncomingAnswer,
  type OutgoingRequest,
  type Runtime,
  type Transport,
} from '../../../packages/client/src/index.js';
import { until } from '../../support/until.js';

/** Time that stands still until a test moves it, and chance that always says the same. */
export class ManualRuntime implements Runtime {
  #now = Date.UTC(2025, 0, 1);
  #ids = 0;
  readonly timers = new Set<{ at: number; run: () => void; held: boolean }>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  random(): number {
    return 1;
  }

  id(): string {
    this.#ids += 1;
    return `key-${String(this.#ids)}`;
  }

  timer(milliseconds: number, run: () => void): ReturnType<Runtime['timer']> {
    const timer = { at: this.#now + milliseconds, run, held: false };
    this.timers.add(timer);
    return {
      cancel: () => void this.timers.delete(timer),
      hold: (keep) => {
        timer.held = keep;
      },
    };
  }

  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#now = Math.max(this.#now, next.at);
      this.timers.delete(next);
      next.run();
    }
    this.#now = end;
  }
}

export interface Sent {
  readonly key: string;
  readonly lines: readonly string[];
  readonly request: OutgoingRequest;
}

type Reply = Partial<IncomingAnswer> | Error | 'store' | 'store and lose the answer';

/** The API's side of batches: what is stored under a key is stored once, whatever becomes of the answers. */
export class FakeApi implements Transport {
  readonly requests: Sent[] = [];
  readonly stored: string[] = [];
  readonly #keys = new Map<string, string>();
  readonly #held: (() => void)[] = [];
  /** How requests are answered from now on. */
  reply: (sent: Sent, attempt: number) => Reply = () => 'store';
  /** While set, no answer comes. */
  hanging = false;
  closed = false;

  async send(request: OutgoingRequest): Promise<IncomingAnswer> {
    const bytes = Buffer.from(request.body ?? '');
    const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
    const sent = { key: request.headers['idempotency-key'] ?? '', lines: text.split('\n'), request };
    this.requests.push(sent);
    if (this.hanging)
      await new Promise<void>((resolve, reject) => {
        this.#held.push(resolve);
        request.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const reply = this.reply(sent, this.requests.length);
    if (reply instanceof Error) throw reply;
    if (typeof reply === 'object') return { status: 503, headers: {}, body: '', ...reply };
    const known = this.#keys.get(sent.key);
    if (known !== undefined && known !== text) return { status: 422, headers: {}, body: '{}' };
    if (known === undefined) this.stored.push(...sent.lines);
    this.#keys.set(sent.key, text);
    if (reply === 'store and lose the answer') throw new Error('socket hang up');
    return accounted({ accepted: sent.lines.length });
  }

  release(): void {
    this.hanging = false;
    for (const go of this.#held.splice(0)) go();
  }

  close(): void {
    this.closed = true;
  }
}

export const accounted = (body: {
  accepted?: number;
  duplicates?: number;
  rejected?: number;
  errors?: readonly object[];
}): IncomingAnswer => ({
  status: 200,
  headers: {},
  body: JSON.stringify({ accepted: 0, duplicates: 0, rejected: 0, errors: [], ...body }),
});

export interface World {
  readonly client: Client;
  readonly api: FakeApi;
  readonly runtime: ManualRuntime;
}

export const world = (options: Partial<ClientOptions> = {}): World => {
  const api = new FakeApi();
  const runtime = new ManualRuntime();
  const client = createClient({
    url: 'http://pulse.example.com',
    apiKey: 'ps_key',
    service: 'shop',
    transport: api,
    runtime,
    ...options,
  });
  return { client, api, runtime };
};

/** Moves time, a second at a time, until nothing is queued any more. */
export const drained = async ({ client, runtime }: World): Promise<void> => {
  await until(() => {
    runtime.advance(1_000);
    return client.stats().queued === 0;
  });
};

export const call = (n = 0): { type: string; path: string; status_code: number } => ({
  type: 'api_call',
  path: `/orders/${String(n)}`,
  status_code: 200,
});

export const droppedOf = (client: Client): number =>
  Object.values(client.stats().dropped).reduce((sum, count) => sum + count, 0);
