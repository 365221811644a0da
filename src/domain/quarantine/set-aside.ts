import type { IndexRange } from '../index-ranges.js';
import type { StoredChunk } from '../telemetry/stored-chunk.js';
import { headerOf, numberIn, withoutLines } from '../telemetry/stored-chunk.js';
import { heldBy, joinHeld, type Aside, type Held } from './held.js';
import type { Quarantine, Quarantines } from './quarantine.js';

interface Place {
  readonly stream: string;
  readonly revision: number;
}

/** What is set aside of a tenant's records. */
export class SetAside {
  constructor(private readonly layers: readonly Held[]) {}

  /** What of a record is set aside; undefined: nothing. */
  at(place: Place): Aside | undefined {
    const [first, ...others] = this.layers;
    let found = first?.at(place);
    for (const layer of others) {
      if (found === 'all') return found;
      const more = layer.at(place);
      found = more === 'all' || !found ? (more ?? found) : new Set([...found, ...(more ?? [])]);
    }
    return found;
  }
}

/** Nothing is set aside. */
export const NOTHING = new SetAside([]);

/** What stays one layer whatever comes to it. */
const SMALL = 1_000;

/** Layers with one more, which takes up those that are not much larger: so each record is moved a few times, however many come. */
const withLayer = (layers: readonly Held[], added: Held): readonly Held[] => {
  const last = layers.at(-1);
  if (!last || last.size > Math.max(SMALL, 2 * added.size)) return [...layers, added];
  return withLayer(layers.slice(0, -1), joinHeld([last, added]));
};

/** What was approved when it was last asked, in its order, and what it sets aside. */
interface Grown {
  readonly approved: readonly Quarantine[];
  readonly layers: readonly Held[];
}

const known = new WeakMap<Quarantines, SetAside>();
/** By the records of the first that is approved: a tenant's quarantines come one from another, and mostly grow. */
const grown = new WeakMap<Quarantine['records'], Grown>();

const holdsTheSame = (one: Quarantine, other: Quarantine | undefined): boolean =>
  one.records === other?.records && one.released === other.released;

/** What a tenant's quarantines set aside: whatever at least one of them does that is approved and not released. */
export const setAsideBy = (quarantines: Quarantines): SetAside => {
  if (quarantines.size === 0) return NOTHING;
  const before = known.get(quarantines);
  if (before) return before;
  const approved = [...quarantines.values()].filter(({ status }) => status === 'approved');
  const [first] = approved;
  if (!first) return NOTHING;
  const found = grown.get(first.records);
  const goesOn = found?.approved.every((one, i) => holdsTheSame(one, approved[i])) === true;
  const layers = (goesOn ? approved.slice(found.approved.length) : approved)
    .map(({ records, released }) => heldBy(records, released))
    .reduce(withLayer, goesOn ? found.layers : []);
  grown.set(first.records, { approved, layers });
  const aside = new SetAside(layers);
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
