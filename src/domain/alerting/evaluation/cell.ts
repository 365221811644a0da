import { isClientError, isError } from '../../telemetry/failures.js';
import type { TelemetryChunk } from '../../telemetry/chunk.js';
import {
  addToBucket,
  bucketOf,
  emptyHistogram,
  HistogramSum,
  type Histogram,
} from '../../telemetry/histogram.js';
import { addDistinct, countDistinct, emptyDistinct, mergeDistinct, type Distinct } from './distinct.js';

/** What a rule's metrics need beyond counts; what none of them needs is not kept. */
export interface Needs {
  readonly latencies: boolean;
  readonly users: boolean;
  /** The apdex target in milliseconds. */
  readonly apdex?: number;
}

/** What the events of one bucket come to. Cells add up: a window is the sum of its cells. */
export interface Cell {
  /** Requests: each event as many as it stands for. */
  count: number;
  errors: number;
  client_errors: number;
  /** Requests with a duration; their sum in whole microseconds, so that adding in any order gives the same. */
  timed: number;
  sum_us: number;
  max_ms: number;
  /** Requests up to the apdex target, and up to four times that. */
  satisfied: number;
  tolerating: number;
  latencies: Histogram;
  users?: Distinct;
}

export const emptyCell = ({ users }: Needs): Cell => ({
  ...{ count: 0, errors: 0, client_errors: 0, timed: 0, sum_us: 0, max_ms: 0, satisfied: 0, tolerating: 0 },
  latencies: emptyHistogram(),
  ...(users && { users: emptyDistinct() }),
});

/** Counts requests that took so long, in place. */
const addDuration = (cell: Cell, duration: number, times: number, needs: Needs): void => {
  cell.timed += times;
  cell.sum_us += Math.round(Math.round(duration * 1000) * times);
  if (duration > cell.max_ms) cell.max_ms = duration;
  if (needs.latencies) cell.latencies = addToBucket(cell.latencies, bucketOf(duration), times);
  if (needs.apdex !== undefined) {
    if (duration <= needs.apdex) cell.satisfied += times;
    else if (duration <= 4 * needs.apdex) cell.tolerating += times;
  }
};

/** Counts an event as the requests that it stands for, in place; its user once. */
export const addEvent = (cell: Cell, chunk: TelemetryChunk, index: number, needs: Needs): void => {
  const status = chunk.statuses[index] ?? 0;
  const type = chunk.types.values[chunk.types.ids[index] ?? 0] ?? '';
  const weight = chunk.weights?.[index] ?? 1;
  cell.count += weight;
  if (isError(type, status)) cell.errors += weight;
  else if (isClientError(type, status)) cell.client_errors += weight;

  const duration = chunk.durations[index] ?? NaN;
  if (duration >= 0) addDuration(cell, duration, weight, needs);
  const several = chunk.aggregates?.get(index);
  several?.values.forEach((value, i) => addDuration(cell, value, several.counts[i] ?? 0, needs));
  const user = cell.users && chunk.events[index]?.user_id;
  if (cell.users && user !== undefined) addDistinct(cell.users, user);
};

/** The sum of some cells, with their latencies ready for quantiles. */
export interface CellSum extends Omit<Cell, 'latencies' | 'users'> {
  quantile(q: number): number | undefined;
  readonly users: number;
}

export const sumCells = (cells: Iterable<Cell>): CellSum => {
  const sum = emptyCell({ latencies: false, users: false });
  const users = emptyDistinct();
  const histograms: Histogram[] = [];
  for (const cell of cells) {
    sum.count += cell.count;
    sum.errors += cell.errors;
    sum.client_errors += cell.client_errors;
    sum.timed += cell.timed;
    sum.sum_us += cell.sum_us;
    sum.max_ms = Math.max(sum.max_ms, cell.max_ms);
    sum.satisfied += cell.satisfied;
    sum.tolerating += cell.tolerating;
    if (cell.latencies.length > 0) histograms.push(cell.latencies);
    if (cell.users) mergeDistinct(users, cell.users);
  }
  return {
    ...sum,
    users: countDistinct(users),
    quantile: (q) => {
      const all = new HistogramSum();
      for (const histogram of histograms) all.add(histogram);
      return all.quantile(q);
    },
  };
};
