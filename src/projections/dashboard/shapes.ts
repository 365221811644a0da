import type { Latency, Volume } from '../metrics/summary.js';

/** What a stretch of time came to. */
export interface Totals extends Volume, Latency {
  readonly per_second: number;
}

/** One bucket of a chart. */
export interface SeriesPoint {
  readonly time: string;
  readonly requests: number;
  readonly errors: number;
  readonly client_errors: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
}

/** `''`: events without a service. */
export interface ServiceRow {
  readonly service: string;
  readonly requests: number;
  readonly errors: number;
  readonly error_rate: number;
  readonly p95_ms: number | null;
}

export interface RouteRow {
  readonly service: string;
  readonly method: string;
  readonly route: string;
  readonly requests: number;
  readonly errors: number;
  readonly p95_ms: number | null;
  readonly error_rate: number;
}
