import { telemetryId } from '../address.js';
import { candidatesIn } from '../column-codec/find.js';
import {
  bytesOf,
  headerOf,
  numberIn,
  pickLines,
  receiptOf,
  startsOf,
  type StoredChunk,
} from '../stored-chunk.js';
import { chunkAt, chunkOfLines, decodeChunk, type TelemetryChunk } from '../chunk.js';
import { UNKNOWN_ROUTES } from '../routes/shown.js';
import { bindQuery, hasColumn, type ChunkTest } from './match.js';
import type { Condition, Query } from './query.js';
import { needlesOf, NeedleScanner } from './scan.js';

/** A place in the order of time and id, the newest first: what comes after it is older. */
export interface Place {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly id: string;
}

export const newestFirst = (one: Place, other: Place): number =>
  other.time - one.time || (one.id < other.id ? 1 : one.id > other.id ? -1 : 0);

/** What is looked for in chunks, as plain data. */
export interface Sought {
  readonly query?: Query;
  /** Epoch milliseconds, both included; infinite where there is no bound. */
  readonly from: number;
  readonly to: number;
  /** Only what comes after this is meant. */
  readonly after?: Place;
  /** How many events are wanted, the newest first. */
  readonly limit: number;
}

/** The events of a chunk that may be meant: all that are, but for those behind the newest of so many. */
export interface Sifted {
  /** Their lines' numbers in the chunk, in ascending order. */
  readonly numbers: readonly number[];
  /** Their JSON texts. */
  readonly texts: readonly string[];
  /** What it took, in events parsed. */
  readonly price: number;
}

/** Events whose columns are looked at, or that are looked through as bytes, for the price of one that is parsed. */
const DECODED_FOR_ONE = 4;
const SCANNED_FOR_ONE = 16;
/** What finding and reading a chunk takes, in events parsed. */
const PRICE_OF_READING = 200;
/** Of how many events at least one must be a candidate for the columns of all to be looked at. */
const SPARSE = 4;

/**
 * Finds in chunks what a query may mean, in the order of what it costs: text that must stand there, then columns, and
 * the events themselves only of what is left. Routes that are made of paths are not known here: what depends on one
 * may be meant.
 */
export class Sieve {
  readonly #scanner: NeedleScanner | undefined;
  /** Whether columns can tell anything of what is sought. */
  readonly #asksForColumns: boolean;

  constructor(private readonly sought: Sought) {
    const needles = sought.query && needlesOf(sought.query);
    this.#scanner = needles && new NeedleScanner(needles);
    this.#asksForColumns =
      sought.after !== undefined ||
      Number.isFinite(sought.from) ||
      Number.isFinite(sought.to) ||
      (sought.query !== undefined && conditionsOf(sought.query).some(isOfColumns));
  }

  /** `without`: the numbers of events that count as not there. */
  sift(stored: StoredChunk, without: readonly number[] = []): Sifted {
    const { count } = headerOf(stored);
    const candidates = this.#candidates(stored);
    const gone = new Set(without);
    let lines = (candidates ?? Array.from({ length: count }, (_, line) => line)).filter(
      (line) => !gone.has(numberIn(stored, line)),
    );
    let price = PRICE_OF_READING + count / SCANNED_FOR_ONE;
    const isDense = lines.length * SPARSE > count;
    if (isDense || this.#asksForColumns) {
      price += (isDense ? count : lines.length) / DECODED_FOR_ONE;
      const chunk = isDense
        ? decodeChunk(stored, UNKNOWN_ROUTES)
        : { ...chunkAt(stored, lines, UNKNOWN_ROUTES), events: [] };
      const meant = this.#meant(
        chunk,
        lines.map((line, i) => ({ number: numberIn(stored, line), index: isDense ? line : i })),
        isOfColumns,
      );
      const looked = lines;
      lines = meant.map(({ index }) => (isDense ? index : (looked[index] ?? NaN)));
    }
    if (lines.length === 0) return { numbers: [], texts: [], price };
    const texts = pickLines(stored, lines);
    price += texts.length;
    const meant = this.#meant(
      chunkOfLines(stored.id, texts, receiptOf(stored), UNKNOWN_ROUTES),
      lines.map((line, index) => ({ number: numberIn(stored, line), index })),
      () => true,
    );
    return {
      numbers: meant.map(({ number }) => number),
      texts: meant.map(({ index }) => texts[index] ?? ''),
      price,
    };
  }

  /** The lines of the events that hold a text that they must; undefined where nothing is known of such texts. */
  #candidates(stored: StoredChunk): readonly number[] | undefined {
    const scanner = this.#scanner;
    if (!scanner) return undefined;
    return stored.lines
      ? candidatesIn(stored.lines, scanner)
      : scanner.lines(bytesOf(stored), () => startsOf(stored));
  }

  /** Of some events those that may be meant, as far as the conditions are known; the newest where all of them are. */
  #meant(
    chunk: TelemetryChunk,
    events: readonly EventPlace[],
    isKnown: (condition: Condition) => boolean,
  ): readonly EventPlace[] {
    const { query, from, to, after, limit } = this.sought;
    const test = query && bindLoosely(query, chunk, isKnown, true);
    const timeOf = ({ index }: EventPlace): number => chunk.times[index] ?? NaN;
    const meant = events.filter((event) => {
      const time = timeOf(event);
      if (!(time >= from && time <= to) || test?.(event.index) === false) return false;
      return (
        !after ||
        time < after.time ||
        newestFirst({ time, id: telemetryId(chunk.id, event.number) }, after) > 0
      );
    });
    const isExact = !query || conditionsOf(query).every((one) => isKnown(one) && !isOfMadeRoute(one, chunk));
    if (meant.length <= limit || !isExact) return meant;
    return meant
      .toSorted((one, other) => timeOf(other) - timeOf(one) || other.number - one.number)
      .slice(0, limit)
      .sort((one, other) => one.number - other.number);
  }
}

/** An event by its number in the stored chunk and its index in what was read of it. */
interface EventPlace {
  readonly number: number;
  readonly index: number;
}

const conditionsOf = (query: Query): readonly Condition[] => {
  switch (query.kind) {
    case 'not':
      return conditionsOf(query.of);
    case 'and':
    case 'or':
      return query.of.flatMap(conditionsOf);
    default:
      return [query];
  }
};

/** Whether columns say all that a condition asks for. */
const isOfColumns = (condition: Condition): boolean => {
  if (condition.kind === 'mentions') return false;
  return condition.kind === 'is' ? hasColumn(condition.field) : typeof condition.field === 'string';
};

const isOfMadeRoute = (condition: Condition, { routes }: TelemetryChunk): boolean =>
  condition.kind === 'is' && condition.field === 'route' && routes.made.includes(true);

/** A test that is false only where the query is: what is not known is taken as `unknown`, which a negation turns over. */
const bindLoosely = (
  query: Query,
  chunk: TelemetryChunk,
  isKnown: (condition: Condition) => boolean,
  unknown: boolean,
): ChunkTest => {
  switch (query.kind) {
    case 'not': {
      const test = bindLoosely(query.of, chunk, isKnown, !unknown);
      return (index) => !test(index);
    }
    case 'and': {
      const tests = query.of.map((member) => bindLoosely(member, chunk, isKnown, unknown));
      return (index) => tests.every((test) => test(index));
    }
    case 'or': {
      const tests = query.of.map((member) => bindLoosely(member, chunk, isKnown, unknown));
      return (index) => tests.some((test) => test(index));
    }
    default: {
      if (!isKnown(query)) return () => unknown;
      const test = bindQuery(query, chunk);
      if (!isOfMadeRoute(query, chunk)) return test;
      const { made, ids } = chunk.routes;
      return (index) => (made[ids[index] ?? 0] === true ? unknown : test(index));
    }
  }
};
