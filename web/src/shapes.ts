/** What the server sends, as far as the page uses it. */
export interface Totals {
  readonly requests: number;
  readonly errors: number;
  readonly client_errors: number;
  readonly error_rate: number;
  readonly client_error_rate: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
  readonly per_second: number;
}

export interface SeriesPoint {
  readonly time: string;
  readonly requests: number;
  readonly errors: number;
  readonly client_errors: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
}

export interface RouteRow {
  readonly service: string;
  readonly method: string;
  readonly route: string;
  readonly requests: number;
  readonly error_rate: number;
  readonly p95_ms: number | null;
}

export interface Metrics {
  readonly window_seconds: number;
  readonly totals: Totals;
  readonly series: readonly SeriesPoint[];
  readonly by_route: readonly RouteRow[];
  /** When the newest event there is happened; absent where there is none. */
  readonly newest?: string;
}

export interface TelemetryEvent {
  readonly event_id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly service?: string;
  readonly method?: string;
  readonly route?: string;
  readonly path?: string;
  readonly status_code?: number;
  readonly duration_ms?: number;
  readonly weight?: number;
  readonly sample_rate?: number;
  readonly durations?: { readonly counts: readonly number[] };
  readonly message?: string;
}

export interface Alert {
  readonly id: string;
  readonly rule_name: string;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly state: 'pending' | 'firing' | 'acknowledged' | 'escalated' | 'resolved';
  readonly group: Readonly<Record<string, string>>;
  readonly metric: string;
  readonly value: number;
  readonly threshold: number;
  readonly fired_at?: string;
  readonly resolved_at?: string;
}

export interface AlertSummary {
  readonly by_severity: Readonly<Record<Alert['severity'], number>>;
  readonly recent: readonly Alert[];
}

export interface IngestIssue {
  readonly outcome: 'refused' | 'rejected' | 'duplicate' | 'ignored';
  readonly code: string;
  readonly pointer: string;
  readonly actor: { readonly kind: string; readonly id: string };
  readonly count: number;
  readonly last_seen: string;
  readonly example: { readonly request_id: string; readonly detail: string };
}

/** What the tenant may send, and what it stored today. */
export interface Limits {
  readonly limits: { readonly events_per_day?: number; readonly bytes_per_day?: number };
  readonly today: { readonly events: number; readonly bytes: number };
}
