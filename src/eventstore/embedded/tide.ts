/** How far the log is durable; wakes those who wait for it to grow. */
export class Tide {
  #level: number;
  #ended = false;
  readonly #waiting = new Set<() => void>();

  constructor(level: number) {
    this.#level = level;
  }

  get level(): number {
    return this.#level;
  }

  get ended(): boolean {
    return this.#ended;
  }

  rise(level: number): void {
    this.#level = level;
    this.#wake();
  }

  /** It will not rise any more. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Resolves when the level is above, the signal aborts or the tide ended. */
  async above(level: number, signal: AbortSignal): Promise<void> {
    while (this.#level <= level && !signal.aborted && !this.#ended)
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

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
