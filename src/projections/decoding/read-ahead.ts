/**
 * Takes items before they are asked for and prepares them meanwhile, up to so many at a time; hands them out in their
 * order. Where it is left early, what was begun is waited for.
 */
export async function* readAhead<T, Prepared>(
  source: AsyncIterable<T>,
  prepare: (item: T) => Promise<Prepared>,
  most: number,
): AsyncGenerator<Prepared, void> {
  const items = source[Symbol.asyncIterator]();
  const take = async (): Promise<IteratorResult<Prepared, undefined>> => {
    const taken = await items.next();
    return taken.done ? { done: true, value: undefined } : { value: await prepare(taken.value) };
  };
  const ahead: Promise<IteratorResult<Prepared, undefined>>[] = [];
  const add = (): void => {
    const taken = take();
    // An item that fails is reported when it is its turn.
    taken.catch(() => undefined);
    ahead.push(taken);
  };
  try {
    while (ahead.length < most) add();
    for (let next = ahead.shift(); next; next = ahead.shift()) {
      const taken = await next;
      if (taken.done) return;
      add();
      yield taken.value;
    }
  } finally {
    await Promise.allSettled(ahead);
    await items.return?.();
  }
}
