/** What the API takes and answers, as docs/openapi.v1.json has it; answers may hold more than is written here. */
import type { TelemetryEvent } from './event.js';

/** RFC 3339, UTC. */
type Time = string;

export type Severity = 'info' | 'warning' | 'critical';
export type AlertState = 'pending' | 'firing' | 'acknowledged' | 'escalated' | 'resolved';

export interface Totals {
  readonly requests: number;
  /** Failures of the service; what its callers did wrong is counted apart. */
  readonly errors: number;
  readonly client_errors: number;
  /** From 0 to 1. */
  readonly error_rate: number;
  readonly client_error_rate: number;
  /** Null where no event has a duration. */
  readonly avg_ms: number | null;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
  readonly per_second: number;
}

export interface SeriesPoint {
  readonly time: Time;
  readonly requests: number;
  readonly errors: number;
  readonly client_errors: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
}

export interface ServiceStatistics {
  readonly service: string;
  readonly requests: number;
  readonly errors: number;
  readonly error_rate: number;
  readonly p95_ms: number | null;
}

export interface RouteStatistics extends ServiceStatistics {
  readonly method: string;
  readonly route: string;
}

export interface AlertSummary {
  readonly position: string;
  readonly by_state: Readonly<Record<AlertState, number>>;
  readonly by_severity: Readonly<Record<Severity, number>>;
  readonly recent: readonly Alert[];
  readonly trend: readonly { readonly time: Time; readonly fired: number; readonly resolved: number }[];
}

export interface Overview {
  readonly position: string;
  readonly generated_at: Time;
  readonly window_seconds: number;
  readonly totals: Totals;
  readonly series: readonly SeriesPoint[];
  readonly services: readonly ServiceStatistics[];
  readonly slowest_routes: readonly RouteStatistics[];
  readonly failing_routes: readonly RouteStatistics[];
  /** Events by status code. */
  readonly status: Readonly<Record<string, number>>;
  readonly alerts: AlertSummary;
}

export interface StoredEvent extends Omit<TelemetryEvent, 'timestamp' | 'attributes'> {
  readonly event_id: string;
  readonly timestamp: Time;
  readonly recorded_at: Time;
  /** True where the route was made from the path. */
  readonly route_derived?: boolean;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

export interface Page<T> {
  readonly data: readonly T[];
  /** Where the next page goes on; null at the end. */
  readonly next_cursor: string | null;
  readonly position: string;
}

interface Paging {
  readonly limit?: number;
  readonly cursor?: string;
}

interface Range {
  /** RFC 3339, or milliseconds since 1970. */
  readonly from?: string | number;
  readonly to?: string | number;
}

export interface SearchQuery extends Paging, Range {
  readonly type?: string;
  readonly service?: string;
  readonly route?: string;
  readonly method?: string;
  readonly status?: number;
  /** 5 for 5xx. */
  readonly status_class?: number;
  readonly min_duration_ms?: number;
  readonly user_id?: string;
  readonly trace_id?: string;
  /** Free text, in any field of text. */
  readonly q?: string;
}

export type Dimension = 'type' | 'service' | 'route' | 'method' | 'status';

export interface StatisticsQuery extends Range {
  readonly interval?: '1m' | '1h' | '1d';
  readonly group_by?: readonly Dimension[];
}

export interface StatisticsRow extends Totals, Readonly<Partial<Record<Dimension, string>>> {
  readonly time?: Time;
}

export interface Statistics {
  readonly position: string;
  readonly from: Time | null;
  readonly to: Time | null;
  readonly totals: Totals;
  readonly status: Readonly<Record<string, number>>;
  readonly data: readonly StatisticsRow[];
}

export interface Alert {
  readonly id: string;
  readonly rule_id: string;
  readonly rule_name: string;
  readonly severity: Severity;
  readonly group: Readonly<Record<string, string>>;
  readonly state: AlertState;
  readonly metric: string;
  readonly value: number;
  readonly threshold: number;
  readonly window_seconds: number;
  readonly fired_at?: Time;
  readonly acknowledged_at?: Time;
  readonly acknowledged_by?: string;
  readonly resolved_at?: Time;
  readonly resolved_by?: string;
  readonly note?: string;
  readonly history: readonly {
    readonly at: Time;
    readonly what: string;
    readonly by: string;
    readonly note?: string;
  }[];
  readonly version: number;
  readonly position: string;
}

export interface AlertsQuery extends Paging, Range {
  readonly state?: AlertState;
  readonly severity?: Severity;
  readonly rule_id?: string;
}

/** What acknowledging and resolving answer. */
export interface AlertAction {
  readonly alert: { readonly id: string; readonly state: AlertState; readonly version: number };
  readonly position: string;
}

export interface MetricCondition {
  readonly metric:
    | 'request_count'
    | 'error_count'
    | 'error_rate'
    | 'latency_avg'
    | 'latency_p50'
    | 'latency_p95'
    | 'latency_p99'
    | 'latency_max'
    | 'apdex'
    | 'unique_users';
  readonly operator: '>' | '>=' | '<' | '<=' | '==' | '!=';
  readonly threshold: number;
  readonly filter?: {
    readonly type?: string;
    readonly service?: string;
    readonly environment?: string;
    readonly region?: string;
    readonly route?: string;
    readonly method?: string;
    readonly consumer?: string;
    readonly status?: number;
    readonly status_class?: number;
  };
}

/** Three levels of conditions within conditions are taken. */
export type Condition =
  | MetricCondition
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition };

export type GroupField =
  'service' | 'route' | 'method' | 'environment' | 'region' | 'status_class' | 'consumer';

export interface RuleDefinition {
  readonly name: string;
  readonly severity: Severity;
  readonly enabled?: boolean;
  readonly condition: Condition;
  readonly window_seconds: number;
  readonly for_seconds?: number;
  readonly group_by?: readonly GroupField[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Rule extends Omit<RuleDefinition, 'group_by'> {
  readonly id: string;
  readonly enabled: boolean;
  readonly for_seconds: number;
  readonly group_by?: readonly string[];
  readonly version: number;
  readonly created_at?: Time;
  readonly updated_at?: Time;
  readonly position: string;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  /** Stable and machine readable. */
  readonly code: string;
  readonly request_id: string;
  readonly errors?: readonly { readonly pointer: string; readonly code: string; readonly detail: string }[];
}
