import { nameKey, type MinutePartial, type SeriesName, type SeriesPartial } from './partials.js';

/** What chunks say by minute and series, as one thread hands it over to another: two buffers, and each name once. */
export interface PackedPartials {
  readonly names: readonly SeriesName[];
  /** Of each chunk what it says, one number after another; see {@link PartialsPacker}. */
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly buckets: Uint16Array<ArrayBuffer>;
  /** Where each chunk's numbers begin. */
  readonly starts: readonly number[];
}

const INITIAL_NUMBERS = 65_536;

/**
 * Packs what chunks say. Of a chunk: its minutes; of a minute: when it is, its series; of a series: its name's number,
 * count, errors, client errors, timed, µs in all, the least and the most ms, where its buckets begin and end, how many
 * status codes, each with its count, how many weighted buckets, each with its times.
 */
export class PartialsPacker {
  readonly #names: SeriesName[] = [];
  readonly #name_numbers = new Map<string, number>();
  readonly #starts: number[] = [];
  #numbers = new Float64Array(INITIAL_NUMBERS);
  #length = 0;
  #buckets = new Uint16Array(INITIAL_NUMBERS);
  #bucket_count = 0;

  /** Adds a chunk; answers its number. */
  add(minutes: readonly MinutePartial[]): number {
    const chunk = this.#starts.push(this.#length) - 1;
    this.#put(minutes.length);
    for (const { minute, series } of minutes) {
      this.#put(minute);
      this.#put(series.length);
      for (const partial of series) this.#series(partial);
    }
    return chunk;
  }

  /** What was packed; nothing is added after it. */
  packed(): PackedPartials {
    return {
      names: this.#names,
      numbers: this.#numbers.subarray(0, this.#length),
      buckets: this.#buckets.subarray(0, this.#bucket_count),
      starts: this.#starts,
    };
  }

  #series(partial: SeriesPartial): void {
    const { buckets, first_bucket, end_bucket, statuses, weighted = [] } = partial;
    const first = this.#bucket_count;
    this.#putBuckets(buckets.subarray(first_bucket, end_bucket));
    this.#put(this.#nameNumber(partial));
    this.#put(partial.count);
    this.#put(partial.errors);
    this.#put(partial.client_errors);
    this.#put(partial.timed);
    this.#put(partial.sum_us);
    this.#put(partial.min_ms);
    this.#put(partial.max_ms);
    this.#put(first);
    this.#put(this.#bucket_count);
    this.#put(statuses.length);
    for (const { status, count } of statuses) {
      this.#put(status);
      this.#put(count);
    }
    this.#put(weighted.length);
    for (const { bucket, times } of weighted) {
      this.#put(bucket);
      this.#put(times);
    }
  }

  #nameNumber({ key, type, service, route, route_made, method, status_class }: SeriesPartial): number {
    let number = this.#name_numbers.get(key);
    if (number === undefined) {
      number = this.#names.push({ type, service, route, route_made, method, status_class }) - 1;
      this.#name_numbers.set(key, number);
    }
    return number;
  }

  #put(number: number): void {
    if (this.#length === this.#numbers.length) {
      const grown = new Float64Array(2 * this.#length);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.#length++] = number;
  }

  #putBuckets(buckets: Uint16Array): void {
    const end = this.#bucket_count + buckets.length;
    if (end > this.#buckets.length) {
      const grown = new Uint16Array(2 * end);
      grown.set(this.#buckets);
      this.#buckets = grown;
    }
    this.#buckets.set(buckets, this.#bucket_count);
    this.#bucket_count = end;
  }
}

/** Makes of packed partials what they were. */
export class PartialsUnpacker {
  readonly #keys: readonly string[];

  constructor(private readonly packed: PackedPartials) {
    // One text for each name: comparing a text with itself is faster than with another that is the same.
    this.#keys = packed.names.map(nameKey);
  }

  /** What one of the chunks says. */
  minutes(chunk: number): readonly MinutePartial[] {
    const { numbers, starts } = this.packed;
    let at = starts[chunk] ?? 0;
    const next = (): number => numbers[at++] ?? 0;
    const times = <T>(make: () => T): T[] => {
      const made: T[] = [];
      for (let left = next(); left > 0; left -= 1) made.push(make());
      return made;
    };
    const status = () => ({ status: next(), count: next() });
    const weight = () => ({ bucket: next(), times: next() });
    const series = (): SeriesPartial => {
      const number = next();
      const { type, service, route, route_made, method, status_class } = this.packed.names[
        number
      ] as SeriesName;
      const partial = {
        key: this.#keys[number] as string,
        type,
        service,
        route,
        route_made,
        method,
        status_class,
        count: next(),
        errors: next(),
        client_errors: next(),
        timed: next(),
        sum_us: next(),
        min_ms: next(),
        max_ms: next(),
        buckets: this.packed.buckets,
        first_bucket: next(),
        end_bucket: next(),
        statuses: times(status),
        weighted: undefined,
      };
      const weighted = times(weight);
      return weighted.length > 0 ? { ...partial, weighted } : partial;
    };
    return times(() => ({ minute: next(), series: times(series) }));
  }
}
