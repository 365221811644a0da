import {
  addToBucket,
  addToBuckets,
  emptyHistogram,
  type Histogram,
} from '../../domain/telemetry/histogram.js';
import {
  nameKey,
  numberOf,
  NUMBERS,
  startOf,
  type ChunkPartials,
  type SeriesName,
  type StatusCount,
} from './partials.js';

/** A series of a bucket. Everything adds up, so that series of any buckets can be merged. */
export interface Series extends SeriesName {
  /** Requests: each event as many as it stands for, in multiples of `COUNT_UNIT`. */
  readonly count: number;
  readonly errors: number;
  readonly client_errors: number;
  readonly timed: number;
  readonly sum_us: number;
  /** Of durations; undefined where no event had one. */
  readonly min_ms: number | undefined;
  readonly max_ms: number | undefined;
  readonly statuses: readonly StatusCount[];
  readonly latency: Histogram;
}

/**
 * Series as a document holds them: numbers in columns, which are written as they are and read without a parser. Stored
 * format; all numbers are little endian.
 */
export interface SeriesColumns {
  /** The texts of all names, each once. */
  readonly texts: readonly string[];
  /** Of each series five 16-bit numbers: its type, service, route and method among the texts; status class and flag. */
  readonly names: Uint8Array;
  /** Of each series seven doubles: count, errors, client errors, timed, µs in all, the least and the most ms. */
  readonly numbers: Uint8Array;
  /** For each status code of a series three doubles: the series, the code, how often. */
  readonly statuses: Uint8Array;
  readonly latencies: readonly Histogram[];
}

const NAME = 5;
const STATUS = 3;
/** In a name's last number, beside the status class: the route was made from paths. */
const MADE = 0x100;

interface Numbers<A> {
  new (length: number): A;
  readonly BYTES_PER_ELEMENT: number;
}

/** Stored numbers, at an address of their own that they can be read from. */
const numbersIn = <A extends Uint16Array | Float64Array>(Kind: Numbers<A>, stored: Uint8Array): A => {
  const numbers = new Kind(stored.length / Kind.BYTES_PER_ELEMENT);
  new Uint8Array(numbers.buffer).set(stored);
  return numbers;
};

/** Numbers in a row that grow in place, and their bytes as a document holds them. */
class Row<A extends Uint16Array | Float64Array> {
  items: A;
  length: number;
  #bytes: Uint8Array | undefined;

  constructor(
    private readonly Kind: Numbers<A>,
    stored: Uint8Array,
  ) {
    this.items = numbersIn(Kind, stored);
    this.length = this.items.length;
  }

  /** Adds numbers at the end and says where they begin. */
  push(...numbers: readonly number[]): number {
    const at = this.length;
    this.length += numbers.length;
    if (this.length > this.items.length) {
      const grown = new this.Kind(Math.max(64, 2 * this.length));
      grown.set(this.items);
      this.items = grown;
    }
    this.items.set(numbers, at);
    this.#bytes = undefined;
    return at;
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= new Uint8Array(this.items.buffer, 0, this.length * this.Kind.BYTES_PER_ELEMENT));
  }
}

const NOTHING = new Uint8Array(0);

/** The series of a document that is being folded. */
export class SeriesTable {
  readonly #texts: string[];
  readonly #text_numbers = new Map<string, number>();
  readonly #names: Row<Uint16Array>;
  readonly #numbers: Row<Float64Array>;
  readonly #statuses: Row<Float64Array>;
  readonly #latencies: Histogram[];
  /** By name: the series' number. */
  readonly #by_name = new Map<string, number>();
  /** By series and code: where in the statuses it stands. */
  readonly #by_code = new Map<number, number>();
  #columns: SeriesColumns | undefined;

  constructor(stored?: SeriesColumns) {
    this.#texts = [...(stored?.texts ?? [])];
    for (const [number, text] of this.#texts.entries()) this.#text_numbers.set(text, number);
    this.#names = new Row(Uint16Array, stored?.names ?? NOTHING);
    this.#numbers = new Row(Float64Array, stored?.numbers ?? NOTHING);
    this.#statuses = new Row(Float64Array, stored?.statuses ?? NOTHING);
    // From the store the bytes may be a view of memory that is not ours to write into.
    this.#latencies = (stored?.latencies ?? []).map((latency) => new Uint8Array(latency));
    for (let series = 0; series < this.size; series += 1)
      this.#by_name.set(nameKey(nameAt(this.#texts, this.#names.items, series)), series);
    for (let at = 0; at < this.#statuses.length; at += STATUS)
      this.#by_code.set(codeKey(this.#statuses.items[at] ?? 0, this.#statuses.items[at + 1] ?? 0), at);
  }

  get size(): number {
    return this.#latencies.length;
  }

  /** The number of the series of a name, and of a new one where it has none and there are fewer than `most`. */
  of(name: SeriesName, key: string, most: number): number | undefined {
    return this.#by_name.get(key) ?? (this.size < most ? this.#begin(name, key) : undefined);
  }

  /** Adds one of a chunk's partials to a series. */
  add(series: number, from: ChunkPartials, partial: number): void {
    const numbers = this.#numbers.items;
    const said = from.numbers;
    const at = series * NUMBERS;
    const its = partial * NUMBERS;
    // Counts, failures, times and their sum add up; what is least and greatest comes after them.
    for (let i = 0; i < numberOf.min_ms; i += 1)
      numbers[at + i] = (numbers[at + i] as number) + (said[its + i] as number);
    for (let i = startOf(from.status_ends, partial); i < (from.status_ends[partial] as number); i += 1)
      this.#count(series, from.statuses[2 * i] as number, from.statuses[2 * i + 1] as number);
    if (said[its + numberOf.timed] === 0) return;
    const [least, most] = [said[its + numberOf.min_ms] as number, said[its + numberOf.max_ms] as number];
    if (least < (numbers[at + numberOf.min_ms] as number)) numbers[at + numberOf.min_ms] = least;
    if (most > (numbers[at + numberOf.max_ms] as number)) numbers[at + numberOf.max_ms] = most;
    const before = this.#latencies[series] ?? emptyHistogram();
    const first = startOf(from.bucket_ends, partial);
    let latency = addToBuckets(before, from.buckets, first, from.bucket_ends[partial] as number);
    if (from.weighted.size > 0)
      for (const { bucket, times } of from.weighted.get(partial) ?? [])
        latency = addToBucket(latency, bucket, times);
    this.#latencies[series] = latency;
  }

  /** Takes in a whole series, of a name that has none yet. */
  put(series: Series): void {
    const { count, errors, client_errors, timed, sum_us, min_ms = Infinity, max_ms = 0 } = series;
    const at = this.#begin(series, nameKey(series));
    this.#numbers.items.set([count, errors, client_errors, timed, sum_us, min_ms, max_ms], at * NUMBERS);
    for (const { status, count: times } of series.statuses) this.#count(at, status, times);
    // Counted into in place from now on.
    this.#latencies[at] = new Uint8Array(series.latency);
  }

  /** What a document holds: views of this table, which change with it. */
  get columns(): SeriesColumns {
    const [names, numbers, statuses] = [this.#names.bytes, this.#numbers.bytes, this.#statuses.bytes];
    const known = this.#columns;
    if (known?.names === names && known.numbers === numbers && known.statuses === statuses) return known;
    return (this.#columns = { texts: this.#texts, names, numbers, statuses, latencies: this.#latencies });
  }

  #begin({ type, service, route, route_made, method, status_class }: SeriesName, key: string): number {
    const series = this.size;
    this.#names.push(
      this.#text(type),
      this.#text(service),
      this.#text(route),
      this.#text(method),
      status_class + (route_made ? MADE : 0),
    );
    this.#numbers.push(0, 0, 0, 0, 0, Infinity, 0);
    this.#latencies.push(emptyHistogram());
    this.#by_name.set(key, series);
    return series;
  }

  #text(text: string): number {
    let number = this.#text_numbers.get(text);
    if (number === undefined) {
      number = this.#texts.push(text) - 1;
      this.#text_numbers.set(text, number);
    }
    return number;
  }

  #count(series: number, code: number, count: number): void {
    const key = codeKey(series, code);
    let at = this.#by_code.get(key);
    if (at === undefined) {
      at = this.#statuses.push(series, code, 0);
      this.#by_code.set(key, at);
    }
    this.#statuses.items[at + 2] = (this.#statuses.items[at + 2] ?? 0) + count;
  }
}

/** Status codes have 16 bits at most. */
const codeKey = (series: number, code: number): number => series * 65_536 + code;

const nameAt = (texts: readonly string[], names: Uint16Array, series: number): SeriesName => {
  const at = series * NAME;
  const last = names[at + 4] ?? 0;
  return {
    type: texts[names[at] ?? 0] ?? '',
    service: texts[names[at + 1] ?? 0] ?? '',
    route: texts[names[at + 2] ?? 0] ?? '',
    method: texts[names[at + 3] ?? 0] ?? '',
    route_made: (last & MADE) !== 0,
    status_class: last & (MADE - 1),
  };
};

/** Series in the order of their names, whatever the order in which they came. */
export const inOrder = <S extends SeriesName>(series: readonly S[]): readonly S[] =>
  series
    .map((one) => ({ one, key: nameKey(one) }))
    .sort((left, right) => (left.key < right.key ? -1 : 1))
    .map(({ one }) => one);

/** A document's series one by one, in the order of their first events. */
export const seriesOf = (stored: SeriesColumns): readonly Series[] => {
  const { texts, latencies } = stored;
  const names = numbersIn(Uint16Array, stored.names);
  const numbers = numbersIn(Float64Array, stored.numbers);
  const codes = numbersIn(Float64Array, stored.statuses);
  const statuses = latencies.map((): StatusCount[] => []);
  for (let at = 0; at < codes.length; at += STATUS) {
    statuses[codes[at] ?? 0]?.push({ status: codes[at + 1] ?? 0, count: codes[at + 2] ?? 0 });
  }
  // In one order, whatever came first.
  for (const its of statuses) if (its.length > 1) its.sort((one, other) => one.status - other.status);
  return latencies.map((latency, series) => {
    const { type, service, route, route_made, method, status_class } = nameAt(texts, names, series);
    const at = series * NUMBERS;
    const timed = numbers[at + 3] ?? 0;
    // Written out field by field: objects made of spreads take several times as long.
    return {
      type,
      service,
      route,
      route_made,
      method,
      status_class,
      count: numbers[at] ?? 0,
      errors: numbers[at + 1] ?? 0,
      client_errors: numbers[at + 2] ?? 0,
      timed,
      sum_us: numbers[at + 4] ?? 0,
      min_ms: timed === 0 ? undefined : numbers[at + 5],
      max_ms: timed === 0 ? undefined : numbers[at + 6],
      statuses: statuses[series] ?? [],
      latency,
    };
  });
};
