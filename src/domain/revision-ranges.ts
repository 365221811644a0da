/**
 * Some records, by their streams and revisions: of each stream stretches of revisions, both ends included, in ascending
 * order and not touching each other. Stored format: records that name many others hold this.
 */
export type RevisionRanges = Readonly<Record<string, readonly RevisionRange[]>>;
export type RevisionRange = readonly [from: number, to: number];

/** Whether a record is among them. */
export const holdsRevision = (ranges: RevisionRanges, stream: string, revision: number): boolean => {
  const list = Object.hasOwn(ranges, stream) ? ranges[stream] : undefined;
  if (!list) return false;
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]?.[0] ?? Infinity) <= revision) low = middle + 1;
    else high = middle;
  }
  return (list[low - 1]?.[1] ?? -1) >= revision;
};

/** Stretches of records that come in any order; one that comes twice counts once. */
export const rangesOf = (
  records: Iterable<{ readonly stream: string; readonly revision: number }>,
): RevisionRanges => {
  const revisions = new Map<string, number[]>();
  for (const { stream, revision } of records) {
    const found = revisions.get(stream);
    if (found) found.push(revision);
    else revisions.set(stream, [revision]);
  }
  return byName([...revisions].map(([stream, found]) => [stream, joined(found.map((at) => [at, at]))]));
};

/** All that any of them holds. */
export const joinRanges = (all: readonly RevisionRanges[]): RevisionRanges => {
  const lists = new Map<string, RevisionRange[]>();
  for (const ranges of all)
    for (const [stream, list] of Object.entries(ranges))
      lists.set(stream, [...(lists.get(stream) ?? []), ...list]);
  return byName([...lists].map(([stream, list]) => [stream, joined(list)]));
};

const byName = (entries: readonly (readonly [string, readonly RevisionRange[]])[]): RevisionRanges =>
  Object.fromEntries(entries.toSorted(([one], [other]) => (one < other ? -1 : 1)));

const joined = (list: readonly RevisionRange[]): readonly RevisionRange[] => {
  const result: [number, number][] = [];
  for (const [from, to] of list.toSorted(([one], [other]) => one - other)) {
    const last = result.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else result.push([from, to]);
  }
  return result;
};
