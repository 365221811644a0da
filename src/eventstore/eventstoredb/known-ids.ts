import type { EventStoreDBClient } from '@eventstore/db-client';
import type { Clock } from '../../platform/clock.js';
import { EventStoreUnavailable, START, type EventBatch } from '../event-store.js';
import { follow } from './following.js';
import type { IdIndex } from './id-index.js';
import { recordAt, readToEnd } from './reading.js';
import { BackOff, closed } from './retrying.js';

const everything = (): boolean => true;

/** Keeps an index of ids up with the log: filled before it is ready, then following, and brought to the end on request. */
export class KnownIds {
  #ready = false;
  #announce: () => void = () => undefined;
  readonly #filled: Promise<void>;
  readonly #following: Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(
    readonly index: IdIndex,
    private readonly client: EventStoreDBClient,
    private readonly clock: Clock,
    private readonly closing: AbortSignal,
  ) {
    this.#filled = new Promise((resolve) => {
      this.#announce = resolve;
    });
    this.#following = this.#follow();
  }

  /** Whether the index has been brought to the end of the log since it was opened. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Resolves when the index is ready, rejects where that takes longer than the time given. */
  async whenReady(milliseconds: number): Promise<void> {
    if (this.#ready) return;
    const waiting = new AbortController();
    const late = this.clock.sleep(milliseconds, AbortSignal.any([waiting.signal, this.closing]));
    await Promise.race([this.#filled, late]);
    waiting.abort();
    if (this.closing.aborted) throw closed();
    if (!this.#isReady())
      throw new EventStoreUnavailable('unreachable', 'EventStoreDB has not been read to its end yet');
  }

  /** Reads the log to an end that is not before the call. */
  async catchUp(): Promise<void> {
    if (!this.#running) {
      this.#running = this.#readOn().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#running.catch(ignore).then(() => {
      this.#next = undefined;
      return this.catchUp();
    });
    return this.#next;
  }

  /** Resolves when nothing of this touches the index any more; after the closing signal. */
  async stopped(): Promise<void> {
    await this.#following;
    await this.#next?.catch(ignore);
    await this.#running?.catch(ignore);
  }

  async #readOn(): Promise<void> {
    const after = this.index.checkpoint()?.position ?? START;
    for await (const batch of readToEnd(this.client, after, everything)) {
      await this.#take(batch);
      if (this.closing.aborted) return;
    }
  }

  async #follow(): Promise<void> {
    const backOff = new BackOff(this.clock);
    while (!this.closing.aborted) {
      try {
        await this.#checkOrigin();
        const after = this.index.checkpoint()?.position ?? START;
        for await (const batch of follow(this.client, after, everything, this.clock, this.closing)) {
          await this.#take(batch);
          if (batch.caught_up && !this.#ready) {
            this.#ready = true;
            this.#announce();
          }
          backOff.reset();
        }
      } catch {
        // The server is away or the index cannot be written: what is missing is read again from the checkpoint.
      }
      await backOff.wait(this.closing);
    }
  }

  /** An index whose last event is not in the log where it was belongs to another log. */
  async #checkOrigin(): Promise<void> {
    const checkpoint = this.index.checkpoint();
    if (!checkpoint) return;
    const found = await recordAt(this.client, checkpoint.position);
    if (found?.id !== checkpoint.id) await this.index.clear();
  }

  async #take({ events }: EventBatch): Promise<void> {
    await this.index.advance(events);
  }

  #isReady(): boolean {
    return this.#ready;
  }
}

const ignore = (): void => undefined;
