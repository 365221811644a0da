import type { IndexRange } from '../index-ranges.js';
import type { StoredChunk } from '../telemetry/stored-chunk.js';
import { headerOf, numberIn, withoutLines } from '../telemetry/stored-chunk.js';
import { Held, heldBy, joinHeld, type Aside } from './held.js';
import type { Quarantines } from './quarantine.js';

/** What is set aside of a tenant's records. */
export type SetAside = Held;

/** Nothing is set aside. */
export const NOTHING: SetAside = new Held({}, new Map());

interface Place {
  readonly stream: string;
  readonly revision: number;
}

const known = new WeakMap<Quarantines, SetAside>();

/** What a tenant's quarantines set aside: whatever at least one of them does that is approved and not released. */
export const setAsideBy = (quarantines: Quarantines): SetAside => {
  if (quarantines.size === 0) return NOTHING;
  const before = known.get(quarantines);
  if (before) return before;
  const approved = [...quarantines.values()].filter(({ status }) => status === 'approved');
  const aside = joinHeld(approved.map(({ records, released }) => heldBy(records, released)));
  known.set(quarantines, aside);
  return aside;
};

/**
 * A record as it is without what is set aside: itself, undefined where nothing of it is left, or a chunk without some
 * of its events.
 */
export const withoutAside = <E extends StoredChunk & Place>(record: E, aside: SetAside): E | undefined => {
  const numbers = aside.at(record);
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
export const asideAt = (aside: SetAside, place: Place): Aside | undefined => aside.at(place);

/** Whether all that is named of a record is set aside; where it is not said which of its events, so many first ones. */
export const isAllAside = (
  aside: SetAside,
  {
    count,
    indexes = [[0, count - 1]],
    ...place
  }: Place & { readonly count: number; readonly indexes?: readonly IndexRange[] },
): boolean => {
  const numbers = aside.at(place);
  if (numbers === undefined || numbers === 'all') return numbers === 'all';
  return indexes.every(([first, last]) => {
    for (let number = first; number <= last; number += 1) if (!numbers.has(number)) return false;
    return true;
  });
};
