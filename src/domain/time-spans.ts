/** A stretch of time in epoch milliseconds, both ends included. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** The same stretches as few as they can be said in, in their order. */
export const joinSpans = (spans: readonly TimeSpan[]): readonly TimeSpan[] => {
  const joined: { readonly from: number; to: number }[] = [];
  for (const { from, to } of spans.toSorted((one, other) => one.from - other.from)) {
    const last = joined.at(-1);
    if (last && from <= last.to + 1) last.to = Math.max(last.to, to);
    else joined.push({ from, to });
  }
  return joined;
};

/** Whether a stretch shares a moment with one of some joined ones. */
export const meetsSpan = (joined: readonly TimeSpan[], { from, to }: TimeSpan): boolean => {
  let low = 0;
  let high = joined.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((joined[middle]?.to ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  return (joined[low]?.from ?? Infinity) <= to;
};

/** The shortest stretch that holds both; undefined where one is not known. */
export const spanOver = (one: TimeSpan | undefined, other: TimeSpan | undefined): TimeSpan | undefined =>
  one && other && { from: Math.min(one.from, other.from), to: Math.max(one.to, other.to) };
