interface Errand {
  readonly run: () => Promise<void>;
  readonly fail: (error: unknown) => void;
}

/** What has to be done between two batches, in the order in which it was asked for. */
export class Errands {
  #queue: Errand[] = [];
  #wake: (() => void) | undefined;
  #ended: Error | undefined;

  /** Has the loop do something between two batches; rejects where the loop has ended. */
  add<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      this.#queue.push({ run: () => work().then(resolve, reject), fail: reject });
      this.wake();
    });
  }

  /** Resolves once there is something to do, or somebody wakes the loop. */
  arrived(): Promise<undefined> {
    if (this.#queue.length > 0) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#wake = () => resolve(undefined);
    });
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  get waiting(): boolean {
    return this.#queue.length > 0;
  }

  async run(): Promise<void> {
    for (let errand = this.#queue.shift(); errand; errand = this.#queue.shift()) await errand.run();
  }

  /** Refuses what waits and what is still to come. */
  end(reason: Error): void {
    this.#ended = reason;
    for (const errand of this.#queue) errand.fail(reason);
    this.#queue = [];
  }
}
