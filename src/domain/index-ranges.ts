/** Numbers from the first to the last, both included. */
export type IndexRange = readonly [first: number, last: number];

/** Numbers and ranges, in any order, as ranges in ascending order that neither overlap nor touch. */
export const indexRanges = (indexes: Iterable<number | IndexRange>): readonly IndexRange[] => {
  const sorted = [...indexes]
    .map((one): IndexRange => (typeof one === 'number' ? [one, one] : one))
    .filter(([first, last]) => first <= last)
    .sort(([one], [other]) => one - other);
  const ranges: [number, number][] = [];
  for (const [first, last] of sorted) {
    const before = ranges.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else ranges.push([first, last]);
  }
  return ranges;
};

/** The numbers that ranges hold. */
export const numbersIn = (ranges: readonly IndexRange[]): Set<number> => {
  const numbers = new Set<number>();
  for (const [first, last] of ranges)
    for (let number = first; number <= last; number += 1) numbers.add(number);
  return numbers;
};
