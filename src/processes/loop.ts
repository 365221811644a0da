/** Work that goes on until it is stopped; once at a time, however often it is started. */
export class Loop {
  #running: { readonly controller: AbortController; readonly done: Promise<void> } | undefined;

  /** `work` never rejects, and ends soon after the signal aborts. */
  constructor(private readonly work: (signal: AbortSignal) => Promise<void>) {}

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Starts, unless it runs already. */
  start(): void {
    if (this.#running) return;
    const controller = new AbortController();
    this.#running = { controller, done: this.work(controller.signal) };
  }

  /** Tells the work to end, and waits until it has. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    running.controller.abort();
    await running.done;
    this.#running = undefined;
  }
}
