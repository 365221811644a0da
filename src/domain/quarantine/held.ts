import { numbersIn, type IndexRange } from '../index-ranges.js';
import { holdsRevision, joinRanges, type RevisionRange, type RevisionRanges } from '../revision-ranges.js';

/**
 * A record by its place in the log; with `indexes`, only some of the events of the chunk that it is; with `through`,
 * all that follow it in its stream up to there, too.
 */
export interface QuarantinedRecord {
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  readonly type: string;
  /** In ascending order, without overlap. Absent: the whole record. */
  readonly indexes?: readonly IndexRange[];
  /** Of a chunk of which some events are named: the number behind its last one. */
  readonly count?: number;
  /** The last of a run of records, all of the one type. */
  readonly through?: { readonly revision: number; readonly position: string };
}

/** Which numbers of a chunk's events are set aside; `all` of a whole record. */
export type Aside = 'all' | ReadonlySet<number>;

interface Place {
  readonly stream: string;
  readonly revision: number;
}

const placeKey = ({ stream, revision }: Place): string => `${stream}@${revision}`;

/** Records, and events of chunks, by their places: runs of records take no more room than one of them. */
export class Held {
  #size: number | undefined;

  constructor(
    readonly whole: RevisionRanges,
    readonly some: ReadonlyMap<string, ReadonlySet<number>>,
  ) {}

  /** In how many streams, and of how many chunks. */
  get size(): number {
    this.#size ??= this.some.size + Object.keys(this.whole).length;
    return this.#size;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** What of a record is held; undefined: nothing. */
  at(place: Place): Aside | undefined {
    if (holdsRevision(this.whole, place.stream, place.revision)) return 'all';
    return this.some.size === 0 ? undefined : this.some.get(placeKey(place));
  }
}

/** All that any of them holds. */
export const joinHeld = (all: readonly Held[]): Held => {
  const some = new Map<string, Set<number>>();
  for (const held of all)
    for (const [key, numbers] of held.some) {
      const found = some.get(key);
      if (found) for (const number of numbers) found.add(number);
      else some.set(key, new Set(numbers));
    }
  return new Held(joinRanges(all.map(({ whole }) => whole)), some);
};

/** What some records hold, apart from what was released of them. */
export const heldBy = (
  records: readonly QuarantinedRecord[],
  released: readonly QuarantinedRecord[],
): Held => {
  let whole = rangesIn(records.filter(({ indexes }) => !indexes));
  const some = new Map<string, Set<number>>();
  for (const record of records)
    if (record.indexes)
      some.set(
        placeKey(record),
        new Set([...(some.get(placeKey(record)) ?? []), ...numbersIn(record.indexes)]),
      );
  for (const record of released) {
    const { stream, indexes, count = 0 } = record;
    const key = placeKey(record);
    if (!indexes) {
      const gone = rangesIn([record]);
      whole = lessRanges(whole, stream, runOf(record));
      for (const one of [...some.keys()]) {
        const at = one.lastIndexOf('@');
        if (holdsRevision(gone, one.slice(0, at), Number(one.slice(at + 1)))) some.delete(one);
      }
      continue;
    }
    const held = new Held(whole, some).at(record);
    if (held === undefined) continue;
    const left = held === 'all' ? new Set(Array.from({ length: count }, (_, n) => n)) : new Set(held);
    for (const number of numbersIn(indexes)) left.delete(number);
    whole = lessRanges(whole, stream, [record.revision, record.revision]);
    if (left.size > 0) some.set(key, left);
    else some.delete(key);
  }
  return new Held(whole, some);
};

/** Whether all of a record, or of the events that are named of it, is held. */
export const holdsAll = (held: Held, record: QuarantinedRecord): boolean => {
  const [from, to] = runOf(record);
  for (let revision = from; revision <= to; revision += 1) {
    const found = held.at({ stream: record.stream, revision });
    if (found === undefined) return false;
    if (found === 'all') continue;
    if (!record.indexes || ![...numbersIn(record.indexes)].every((number) => found.has(number))) return false;
  }
  return true;
};

/** Whether something of a record, or of the events that are named of it, is held. */
export const holdsSome = (held: Held, record: QuarantinedRecord): boolean => {
  const [from, to] = runOf(record);
  for (let revision = from; revision <= to; revision += 1) {
    const found = held.at({ stream: record.stream, revision });
    if (found === undefined) continue;
    if (found === 'all' || !record.indexes) return true;
    if ([...numbersIn(record.indexes)].some((number) => found.has(number))) return true;
  }
  return false;
};

/** How many records are named. */
export const countRecords = (records: readonly QuarantinedRecord[]): number =>
  records.reduce((sum, record) => {
    const [from, to] = runOf(record);
    return sum + to - from + 1;
  }, 0);

const runOf = ({ revision, through }: QuarantinedRecord): RevisionRange => [
  revision,
  through?.revision ?? revision,
];

const rangesIn = (records: readonly QuarantinedRecord[]): RevisionRanges => {
  const lists = new Map<string, RevisionRange[]>();
  for (const record of records) {
    const list = lists.get(record.stream);
    if (list) list.push(runOf(record));
    else lists.set(record.stream, [runOf(record)]);
  }
  return joinRanges([Object.fromEntries(lists)]);
};

/** Ranges without a stretch of one stream. */
const lessRanges = (ranges: RevisionRanges, stream: string, [from, to]: RevisionRange): RevisionRanges => {
  const { [stream]: list, ...others } = ranges;
  if (!list) return ranges;
  const left = list.flatMap(([first, last]): RevisionRange[] =>
    last < from || first > to
      ? [[first, last]]
      : [
          ...(first < from ? [[first, from - 1] as const] : []),
          ...(last > to ? [[to + 1, last] as const] : []),
        ],
  );
  return left.length === 0 ? others : { ...others, [stream]: left };
};
