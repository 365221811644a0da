/** What tells one series of a metrics document from another. `''` and class 0: the events have none. */
export interface SeriesName {
  readonly type: string;
  readonly service: string;
  readonly route: string;
  /** True where the route was made from paths: one that was given has a series of its own. */
  readonly route_made: boolean;
  readonly method: string;
  /** 2 for 2xx, and so on. */
  readonly status_class: number;
}

/** A name with its key; see {@link nameKey}. */
export interface NamedSeries extends SeriesName {
  readonly key: string;
}

/** A text for each series, the same for the same series. */
export const nameKey = ({ type, service, route, route_made, method, status_class }: SeriesName): string =>
  `${type}\n${status_class}\n${method}\n${route_made ? 'made' : ''}\n${service}\n${route}`;

/** Requests with one exact status code; `0`: events without one. */
export interface StatusCount {
  readonly status: number;
  readonly count: number;
}

/** A histogram's bucket, and how many requests fell into it. */
export interface BucketCount {
  readonly bucket: number;
  readonly times: number;
}

/** The partials of one minute: they stand together, in the order of their first events. */
export interface MinutePartials {
  /** Epoch milliseconds. */
  readonly minute: number;
  readonly from: number;
  readonly to: number;
}

/** Numbers that each partial has, in this order. */
export const numberOf = {
  /** Requests: each event as many as it stands for. */
  count: 0,
  errors: 1,
  client_errors: 2,
  /** Requests with a duration; their sum in whole microseconds, so that adding in any order gives the same. */
  timed: 3,
  sum_us: 4,
  min_ms: 5,
  max_ms: 6,
} as const;
export const NUMBERS = 7;

/**
 * What a chunk says by minute and series: partials, each of what one minute says of one series, in columns. Everything
 * adds up.
 */
export interface ChunkPartials {
  /** In the order of their first events. */
  readonly minutes: readonly MinutePartials[];
  /** Of each partial its series. */
  readonly series: readonly NamedSeries[];
  /** Of each partial as many as {@link numberOf} says. */
  readonly numbers: Float64Array;
  /** Exact status codes, 0 where there is none, each with its count; and of each partial where its own end. */
  readonly statuses: Float64Array;
  readonly status_ends: Uint32Array;
  /** One for each event with a duration that stands for itself alone; and of each partial where its own end. */
  readonly buckets: Uint16Array;
  readonly bucket_ends: Uint32Array;
  /** By partial: the buckets of all other events. */
  readonly weighted: ReadonlyMap<number, readonly BucketCount[]>;
}

export const MINUTE_MS = 60_000;

/** A partial by itself. */
export interface SeriesPartial extends NamedSeries, Readonly<Record<keyof typeof numberOf, number>> {
  readonly statuses: readonly StatusCount[];
  readonly buckets: readonly BucketCount[];
}

/** One of the partials by itself. */
export const partialAt = (from: ChunkPartials, partial: number): SeriesPartial => {
  const number = (which: keyof typeof numberOf): number =>
    from.numbers[partial * NUMBERS + numberOf[which]] ?? 0;
  const statuses: StatusCount[] = [];
  for (let i = startOf(from.status_ends, partial); i < (from.status_ends[partial] ?? 0); i += 1)
    statuses.push({ status: from.statuses[2 * i] ?? 0, count: from.statuses[2 * i + 1] ?? 0 });
  const buckets = from.buckets.subarray(startOf(from.bucket_ends, partial), from.bucket_ends[partial]);
  return {
    ...(from.series[partial] as NamedSeries),
    count: number('count'),
    errors: number('errors'),
    client_errors: number('client_errors'),
    timed: number('timed'),
    sum_us: number('sum_us'),
    min_ms: number('min_ms'),
    max_ms: number('max_ms'),
    statuses,
    buckets: [
      ...Array.from(buckets, (bucket) => ({ bucket, times: 1 })),
      ...(from.weighted.get(partial) ?? []),
    ],
  };
};

/** Where a partial's own begin, by where each one's end. */
export const startOf = (ends: Uint32Array, partial: number): number =>
  partial === 0 ? 0 : (ends[partial - 1] ?? 0);
