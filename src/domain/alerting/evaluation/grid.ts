/**
 * The evaluation's grid: boundaries are multiples of `grid_ms` since 1970, windows are cut into buckets, and bucket k
 * of width w holds the times in (k·w, (k + 1)·w]. All times are epoch milliseconds.
 */

/** A longer window is held in wider buckets, so that memory does not grow with it. */
const MAX_BUCKETS = 120;

/** The last boundary at or before a time. */
export const boundaryAt = (time: number, grid_ms: number): number => Math.floor(time / grid_ms) * grid_ms;

/** How a window is cut: its length, never shorter than the grid so that no event falls between two evaluations. */
export interface WindowShape {
  readonly window_ms: number;
  readonly bucket_ms: number;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/**
 * Cuts a window. Up to {@link MAX_BUCKETS} buckets it is exact; beyond, buckets are whole grid steps and the window
 * reaches back by less than one bucket more than it says.
 */
export const shapeOf = (window_seconds: number, grid_ms: number): WindowShape => {
  const window_ms = Math.max(window_seconds * 1000, grid_ms);
  const exact = gcd(window_ms, grid_ms);
  if (window_ms / exact <= MAX_BUCKETS) return { window_ms, bucket_ms: exact };
  return { window_ms, bucket_ms: Math.ceil(window_ms / MAX_BUCKETS / grid_ms) * grid_ms };
};

/** The oldest bucket in the window that ends at a boundary. */
export const oldestBucket = (boundary: number, { window_ms, bucket_ms }: WindowShape): number =>
  Math.floor((boundary - window_ms) / bucket_ms);

/**
 * The bucket that an event counts in, or undefined where it was too old for the window when it arrived: alerts are
 * about now, and an import of last year's log raises none. What the next boundary would just miss goes into the
 * oldest bucket that it sees, so that every event that counts is in at least one evaluation.
 */
export const bucketFor = (
  time: number,
  arrival: number,
  next_boundary: number,
  shape: WindowShape,
): number | undefined => {
  if (!(time > arrival - shape.window_ms)) return undefined;
  const own = Math.ceil(Math.min(time, arrival) / shape.bucket_ms) - 1;
  return Math.max(own, oldestBucket(next_boundary, shape));
};
