import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { WrittenEvent } from './event.js';
import { Queue, type Limits } from './queue.js';
import { judge, waitBefore, type BackOff, type DropReason, type Verdict } from './retry.js';
import type { Runtime, Timer } from './runtime.js';
import type { Transport } from './transport.js';

const compress = promisify(gzip);
/** Half the work of the usual level for a tenth more bytes: the host's time is dearer than its network. */
const LEVEL = constants.Z_BEST_SPEED;

export interface SenderOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** What may wait, the batch on its way included. */
  readonly queue: Limits;
  readonly batch: Limits;
  /** How long the first event of a batch waits for others. */
  readonly interval_ms: number;
  readonly gzip_above_bytes: number;
  readonly timeout_ms: number;
  readonly back_off: BackOff;
  /** How long a batch is tried before it is given up. */
  readonly retry_for_ms: number;
}

/** Events that go together; whatever happens to them, every attempt has the same key and the same bytes. */
interface Batch {
  readonly key: string;
  readonly events: readonly WrittenEvent[];
  /** On the runtime's monotonic clock; undefined before the first attempt. */
  deadline?: number;
}

export interface SenderStats {
  readonly queued: number;
  readonly queued_bytes: number;
  readonly sent: number;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  readonly retries: number;
  readonly last_error?: { readonly at: number; readonly message: string };
}

/**
 * Sends events in batches, one batch at a time, in the order of their recording. Every event that was added ends as
 * sent or as dropped, and stands in the counts as queued until then, as the recorded events that it is made of.
 */
export class Sender {
  readonly #queue = new Queue();
  /** Parts of batches that come before everything in the queue. */
  readonly #parts: Batch[] = [];
  readonly #dropped = new Map<DropReason, number>();
  readonly #stopping = new AbortController();
  #held: Limits & { readonly recorded: number } = { events: 0, bytes: 0, recorded: 0 };
  #added = 0;
  #sent = 0;
  #retries = 0;
  #last_error: SenderStats['last_error'];
  /** Up to which added event none waits for its batch to become full. */
  #due = 0;
  #running = false;
  #lingering: Timer | undefined;
  #pausing: { readonly timer: Timer; readonly end: () => void } | undefined;
  #waiting: { readonly until: number; readonly done: () => void }[] = [];

  constructor(
    private readonly options: SenderOptions,
    private readonly transport: Transport,
    private readonly runtime: Runtime,
  ) {}

  get stats(): SenderStats {
    return {
      queued: this.#held.recorded,
      queued_bytes: this.#held.bytes,
      sent: this.#sent,
      dropped: Object.fromEntries(this.#dropped),
      retries: this.#retries,
      ...(this.#last_error && { last_error: this.#last_error }),
    };
  }

  /** Takes an event in, or drops it where there is no room. Nothing is sent before the caller has gone on. */
  add(event: WrittenEvent): void {
    if (this.#stopping.signal.aborted) {
      this.drop('closed', event.recorded);
      return;
    }
    const { events, bytes, recorded } = this.#held;
    if (events >= this.options.queue.events || bytes + event.bytes > this.options.queue.bytes) {
      this.drop('queue_full', event.recorded);
      return;
    }
    this.#queue.add(event);
    this.#held = { events: events + 1, bytes: bytes + event.bytes, recorded: recorded + event.recorded };
    this.#added += 1;
    if (this.#running) return;
    if (this.#isFull()) this.#start();
    else
      this.#lingering ??= this.runtime.timer(this.options.interval_ms, () => {
        this.#due = this.#added;
        this.#start();
      });
  }

  drop(reason: DropReason, count = 1): void {
    if (count > 0) this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + count);
  }

  note(message: string): void {
    this.#last_error = { at: this.runtime.now(), message };
  }

  /** Resolves once every event added so far is sent or dropped, or after so many milliseconds. */
  flush(within_ms: number): Promise<void> {
    if (this.#held.events === 0) return Promise.resolve();
    this.#due = this.#added;
    return new Promise((resolve) => {
      const done = (): void => {
        limit.cancel();
        this.#waiting = this.#waiting.filter((waiter) => waiter !== waiting);
        this.#pausing?.timer.hold(this.#waiting.length > 0);
        resolve();
      };
      const limit = this.runtime.timer(within_ms, done);
      limit.hold(true);
      const waiting = { until: this.#added, done };
      this.#waiting.push(waiting);
      this.#pausing?.timer.hold(true);
      this.#start();
    });
  }

  /** Gives up what is left, the request on its way too. */
  stop(): void {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    this.#lingering?.cancel();
    this.#pausing?.end();
    this.transport.close();
    if (!this.#running) this.#abandon();
  }

  #isFull(): boolean {
    const { events, bytes } = this.options.batch;
    return this.#queue.length >= events || this.#queue.bytes >= bytes;
  }

  #start(): void {
    this.#lingering?.cancel();
    this.#lingering = undefined;
    if (this.#running) return;
    this.#running = true;
    // In a later turn: whoever records an event pays for its line and for nothing else.
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    for (let batch = this.#next(); batch; batch = this.#next()) {
      try {
        await this.#deliver(batch);
      } catch (error) {
        // Whatever a transport or a runtime does that nobody thought of, the host must not hear of it.
        this.note(messageOf(error));
        this.#settle(batch.events, 'failed');
      }
    }
    this.#running = false;
    if (this.#stopping.signal.aborted) this.#abandon();
    else if (this.#queue.length > 0)
      this.#lingering = this.runtime.timer(this.options.interval_ms, () => {
        this.#due = this.#added;
        this.#start();
      });
  }

  #next(): Batch | undefined {
    if (this.#stopping.signal.aborted) return undefined;
    const part = this.#parts.shift();
    if (part) return part;
    const taken_before = this.#added - this.#queue.length;
    if (this.#queue.length === 0 || (taken_before >= this.#due && !this.#isFull())) return undefined;
    return { key: this.runtime.id(), events: this.#queue.take(this.options.batch) };
  }

  /** Tries a batch until the API has decided about it or its time is over. */
  async #deliver(batch: Batch): Promise<void> {
    const { back_off, retry_for_ms } = this.options;
    batch.deadline ??= this.runtime.monotonic() + retry_for_ms;
    const { body, headers } = await this.#encode(batch);
    for (let attempt = 0; ; attempt += 1) {
      const verdict = await this.#attempt(batch, body, headers);
      if (this.#stopping.signal.aborted && verdict.kind !== 'stored') {
        this.#settle(batch.events, 'closed');
        return;
      }
      if (verdict.kind !== 'retry') {
        this.#conclude(batch, verdict);
        return;
      }
      this.note(verdict.why);
      const wait = waitBefore(attempt, verdict.after_ms, back_off, this.runtime.random());
      if (this.runtime.monotonic() + wait > batch.deadline) {
        this.#settle(batch.events, 'expired');
        return;
      }
      this.#retries += 1;
      await this.#pause(wait);
    }
  }

  async #encode({
    key,
    events,
  }: Batch): Promise<{ readonly body: Buffer; readonly headers: Readonly<Record<string, string>> }> {
    const plain = Buffer.from(events.map(({ line }) => line).join('\n'));
    const zipped = plain.length > this.options.gzip_above_bytes;
    return {
      body: zipped ? await compress(plain, { level: LEVEL }) : plain,
      headers: {
        ...this.options.headers,
        'content-type': 'application/x-ndjson',
        'idempotency-key': key,
        ...(zipped && { 'content-encoding': 'gzip' }),
      },
    };
  }

  async #attempt(batch: Batch, body: Buffer, same: Readonly<Record<string, string>>): Promise<Verdict> {
    const { url, timeout_ms } = this.options;
    const { signal } = this.#stopping;
    if (signal.aborted) return { kind: 'retry', why: 'closed' };
    // By the clock that the events' times are by: where it is wrong, the server corrects them.
    const headers = { ...same, 'x-pulsestream-sent-at': String(this.runtime.now()) };
    try {
      const answer = await this.transport.send({ method: 'POST', url, headers, body, timeout_ms, signal });
      return judge(answer, batch.events.length, this.runtime.now());
    } catch (error) {
      return { kind: 'retry', why: messageOf(error) };
    }
  }

  #conclude(batch: Batch, verdict: Exclude<Verdict, { kind: 'retry' }>): void {
    const { events, deadline } = batch;
    const part = (some: readonly WrittenEvent[]): Batch => ({
      key: this.runtime.id(),
      events: some,
      ...(deadline !== undefined && { deadline }),
    });
    switch (verdict.kind) {
      case 'stored': {
        const { refused, again } = verdict;
        if (again.size > 0) this.#parts.unshift(part(events.filter((_, index) => again.has(index))));
        const stored = events.filter((_, index) => !refused.has(index) && !again.has(index));
        this.#sent += recordedIn(stored);
        this.#release(stored);
        this.#settle(
          events.filter((_, index) => refused.has(index)),
          'rejected',
        );
        return;
      }
      case 'split': {
        this.note(verdict.why);
        const middle = Math.ceil(events.length / 2);
        this.#parts.unshift(part(events.slice(0, middle)), part(events.slice(middle)));
        return;
      }
      case 'drop':
        this.note(verdict.why);
        this.#settle(events, verdict.reason);
    }
  }

  #settle(events: readonly WrittenEvent[], reason: DropReason): void {
    this.drop(reason, recordedIn(events));
    this.#release(events);
  }

  /** Events that nothing more happens to; who waited for them goes on. */
  #release(events: readonly WrittenEvent[]): void {
    const { events: held, bytes, recorded } = this.#held;
    this.#held = {
      events: held - events.length,
      bytes: bytes - events.reduce((sum, event) => sum + event.bytes, 0),
      recorded: recorded - recordedIn(events),
    };
    const gone = this.#added - this.#held.events;
    for (const { until, done } of this.#waiting) if (gone >= until) done();
  }

  #abandon(): void {
    for (const { events } of this.#parts.splice(0)) this.#settle(events, 'closed');
    this.#settle(this.#queue.take({ events: Infinity, bytes: Infinity }), 'closed');
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#pausing = undefined;
        resolve();
      };
      const timer = this.runtime.timer(milliseconds, end);
      timer.hold(this.#waiting.length > 0);
      this.#pausing = { timer, end };
    });
  }
}

const recordedIn = (events: readonly WrittenEvent[]): number =>
  events.reduce((sum, { recorded }) => sum + recorded, 0);

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : 'An error without a text.';
