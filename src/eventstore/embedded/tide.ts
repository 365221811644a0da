import type { Clock } from '../../platform/clock.js';

/** How long small rises that follow another wait to be told of. */
const BEAT_MS = 20;
/** Of so much is told at once. */
const MUCH_BYTES = 256 * 1024;

/**
 * How far the log is durable; wakes those who wait for it to grow. To follow it costs each of them the same for a few
 * events as for many, so of small rises close behind one another they are told together: of the first at once, of
 * those after it in beats.
 */
export class Tide {
  #level: number;
  /** Up to here those who wait were told. */
  #told: number;
  /** Bytes that they were not told of. */
  #untold = 0;
  #beating = false;
  readonly #waiting = new Set<() => void>();
  readonly #ending = new AbortController();

  constructor(
    level: number,
    private readonly clock: Pick<Clock, 'sleep'>,
  ) {
    this.#level = this.#told = level;
  }

  get level(): number {
    return this.#level;
  }

  get ended(): boolean {
    return this.#ending.signal.aborted;
  }

  /** The log has grown, by so many bytes that may wait a moment to be told of; Infinity where they may not. */
  rise(level: number, bytes: number): void {
    this.#level = level;
    this.#untold += bytes;
    if (this.#beating && this.#untold < MUCH_BYTES) return;
    this.#tell();
    if (!this.#beating) void this.#beat();
  }

  /** It will not rise any more. */
  end(): void {
    this.#ending.abort();
    this.#tell();
  }

  /** Resolves when it was told that the level is above, the signal aborts or the tide ended. */
  async above(level: number, signal: AbortSignal): Promise<void> {
    while (this.#told <= level && !signal.aborted && !this.ended)
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener('abort', wake);
      });
  }

  /** Tells in beats, until one brings nothing new. */
  async #beat(): Promise<void> {
    this.#beating = true;
    for (let told = -1; told < this.#told && !this.ended;) {
      told = this.#told;
      await this.clock.sleep(BEAT_MS, this.#ending.signal);
      if (this.#level > this.#told) this.#tell();
    }
    this.#beating = false;
  }

  #tell(): void {
    this.#told = this.#level;
    this.#untold = 0;
    for (const wake of [...this.#waiting]) wake();
  }
}
