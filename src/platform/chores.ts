/** Something that the server does by itself, again and again. No chore appends to the log. */
export interface Chore {
  readonly name: string;
  readonly every_ms: number;
  run(): Promise<void>;
  /** Done once more when the server stops. */
  readonly at_stop?: true;
}

/** Does chores, each in its own time and never twice at once; one that fails is tried again when it is due. */
export const startChores = (
  chores: readonly Chore[],
  onTrouble: (chore: string, error: unknown) => void,
): { stop(): Promise<void> } => {
  const underWay = new Map<Chore, Promise<void>>();
  const perform = (chore: Chore): void => {
    if (underWay.has(chore)) return;
    const running = chore
      .run()
      .catch((error: unknown) => {
        onTrouble(chore.name, error);
      })
      .finally(() => underWay.delete(chore));
    underWay.set(chore, running);
  };
  const timers = chores.map((chore) =>
    setInterval(() => {
      perform(chore);
    }, chore.every_ms),
  );
  return {
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(underWay.values());
      for (const chore of chores) if (chore.at_stop) await chore.run();
    },
  };
};
