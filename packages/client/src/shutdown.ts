interface Flushing {
  flush(withinMs: number): Promise<void>;
  stats(): { readonly queued: number };
}

/** Flushes before the process exits by itself and at signals. Returns what takes that back. */
export const flushAtTheEnd = (
  client: Flushing,
  signals: readonly NodeJS.Signals[],
  within_ms: number,
): (() => void) => {
  let given_up = false;
  // Node says it again whenever there was something left to do: with the server away that would never end.
  const beforeExit = (): void => {
    if (given_up || client.stats().queued === 0) return;
    given_up = true;
    void client.flush(within_ms);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    void client.flush(within_ms).then(() => {
      const others = process.listenerCount(signal) - 1;
      forget();
      // To listen to a signal is to take its meaning away; where nobody else wanted that, it is given back.
      if (others === 0) process.kill(process.pid, signal);
    });
  };
  const forget = (): void => {
    process.off('beforeExit', beforeExit);
    for (const signal of signals) process.off(signal, onSignal);
  };
  process.on('beforeExit', beforeExit);
  for (const signal of signals) process.on(signal, onSignal);
  return forget;
};
