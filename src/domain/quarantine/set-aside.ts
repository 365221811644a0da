import type { IndexRange } from '../index-ranges.js';
import type { StoredChunk } from '../telemetry/chunk.js';
import { headerOf, numberIn, withoutLines } from '../telemetry/chunk.js';
import type { QuarantinedRecord, Quarantines } from './quarantine.js';

/** Which numbers of a chunk's events are set aside; `all` of a whole record. */
export type Aside = 'all' | ReadonlySet<number>;

/** A tenant's records that are set aside, by their place. */
export type SetAside = ReadonlyMap<string, Aside>;

/** Nothing is set aside. */
export const NOTHING: SetAside = new Map();

interface Place {
  readonly stream: string;
  readonly revision: number;
}

const placeKey = ({ stream, revision }: Place): string => `${stream}@${revision}`;

const known = new WeakMap<Quarantines, SetAside>();

/** What a tenant's quarantines set aside: whatever at least one of them does that is approved and not released. */
export const setAsideBy = (quarantines: Quarantines): SetAside => {
  if (quarantines.size === 0) return NOTHING;
  const before = known.get(quarantines);
  if (before) return before;
  const aside = new Map<string, Aside>();
  for (const { status, records } of quarantines.values())
    if (status === 'approved') for (const record of records) add(aside, record);
  known.set(quarantines, aside);
  return aside;
};

const add = (aside: Map<string, Aside>, record: QuarantinedRecord): void => {
  const key = placeKey(record);
  const found = aside.get(key);
  if (found === 'all') return;
  if (!record.indexes) {
    aside.set(key, 'all');
    return;
  }
  const numbers = new Set(found);
  for (const [first, last] of record.indexes)
    for (let number = first; number <= last; number += 1) numbers.add(number);
  aside.set(key, numbers);
};

/**
 * A record as it is without what is set aside: itself, undefined where nothing of it is left, or a chunk without some
 * of its events.
 */
export const withoutAside = <E extends StoredChunk & Place>(record: E, aside: SetAside): E | undefined => {
  if (aside.size === 0) return record;
  const numbers = aside.get(placeKey(record));
  if (numbers === undefined) return record;
  return numbers === 'all' ? undefined : withoutLines(record, numbers);
};

/** What one sees of a record and the other does not; undefined: nothing. Each sees all of it, a part, or none. */
export const seenOnlyBy = <E extends StoredChunk>(
  one: E | undefined,
  other: E | undefined,
): E | undefined => {
  if (!one || !other) return one;
  if (!one.metadata.chunk || (!one.kept && !other.kept)) return undefined;
  const { count } = headerOf(other);
  return withoutLines(one, new Set(Array.from({ length: count }, (_, n) => numberIn(other, n))));
};

/** What of a record is set aside; undefined: nothing. */
export const asideAt = (aside: SetAside, place: Place): Aside | undefined => aside.get(placeKey(place));

/** Whether all that is named of a record is set aside; where it is not said which of its events, so many first ones. */
export const isAllAside = (
  aside: SetAside,
  {
    count,
    indexes = [[0, count - 1]],
    ...place
  }: Place & { readonly count: number; readonly indexes?: readonly IndexRange[] },
): boolean => {
  const numbers = aside.get(placeKey(place));
  if (numbers === undefined || numbers === 'all') return numbers === 'all';
  return indexes.every(([first, last]) => {
    for (let number = first; number <= last; number += 1) if (!numbers.has(number)) return false;
    return true;
  });
};
