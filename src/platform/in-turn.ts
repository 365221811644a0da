/** Does what it is given one after another, in the order it was given, whether or not what came before failed. */
export class InTurn {
  #last: Promise<unknown> = Promise.resolve();

  /** Settles as `work` does, which begins once all that was given before has ended. */
  do<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves once all that was given so far has ended, well or not. */
  async ended(): Promise<void> {
    await this.#last;
  }
}
