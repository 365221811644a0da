import { Type } from 'typebox';
import { ConditionSchema } from '../../../domain/alerting/rule.js';
import { listOf, open, Position, Time } from '../schemas.js';

/** What v1 answers with. Frozen: a field may be added, none removed or given another meaning. */
const optional = Type.Optional;
const text = Type.String();
const count = Type.Integer({ minimum: 0 });
const rate = Type.Number({ minimum: 0, maximum: 1 });
const duration = Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
  description: 'Milliseconds; null where no event has a duration.',
});

export const Tenant = open({ id: text, name: text, created_at: Time }, 'Tenant');
export const Role = Type.Enum(['viewer', 'admin', 'owner', 'auditor']);
export const User = open(
  { id: text, email: text, full_name: optional(text), role: Role, created_at: optional(Time) },
  'User',
);
export const Scope = Type.Enum(['ingest', 'read', 'alerting', 'admin']);
export const ApiKey = open(
  {
    id: text,
    name: text,
    scopes: Type.Array(Scope),
    created_at: optional(Time),
    revoked_at: optional(Time),
  },
  'ApiKey',
);
/** The one answer that holds the key itself. */
export const IssuedApiKey = open(
  { id: text, key: text, name: text, scopes: Type.Array(Scope), created_at: optional(Time) },
  'IssuedApiKey',
);
export const Tokens = open(
  {
    access_token: text,
    refresh_token: text,
    token_type: Type.Literal('Bearer'),
    expires_in: count,
    position: Position,
  },
  'Tokens',
);

export const StoredEvent = open(
  {
    event_id: text,
    type: text,
    timestamp: Time,
    recorded_at: Time,
    id: optional(text),
    service: optional(text),
    environment: optional(text),
    region: optional(text),
    method: optional(text),
    route: optional(text),
    route_derived: optional(Type.Boolean()),
    path: optional(text),
    status_code: optional(Type.Integer()),
    duration_ms: optional(Type.Number()),
    weight: optional(Type.Number()),
    sample_rate: optional(Type.Number()),
    durations: optional(open({ values: Type.Array(Type.Number()), counts: Type.Array(Type.Integer()) })),
    request_bytes: optional(Type.Integer()),
    response_bytes: optional(Type.Integer()),
    user_id: optional(text),
    consumer: optional(text),
    trace_id: optional(text),
    span_id: optional(text),
    severity: optional(text),
    message: optional(text),
    attributes: optional(Type.Record(Type.String(), Type.Unknown())),
  },
  'TelemetryEvent',
);

export const EventWithProvenance = Type.Intersect([
  StoredEvent,
  open({
    position: Position,
    stream: text,
    revision: Type.Integer({ minimum: 0 }),
    index: Type.Integer({ minimum: 0 }),
    time_offset_ms: Type.Optional(
      Type.Integer({
        description: 'Added to the time that the event says: by so much the clock of its sender was behind.',
      }),
    ),
    provenance: open({
      actor: open({ kind: text, id: text }),
      origin: text,
      request_id: text,
      correlation_id: text,
      causation_id: text,
      instance_id: text,
      release: text,
      guard_epoch: Type.Integer({ minimum: 0 }),
      recorded_at: Time,
      tenant_id: optional(text),
      deployment_id: optional(text),
    }),
  }),
]);

const totals = {
  requests: count,
  errors: count,
  client_errors: count,
  error_rate: rate,
  client_error_rate: rate,
  avg_ms: duration,
  p50_ms: duration,
  p95_ms: duration,
  p99_ms: duration,
  per_second: Type.Number(),
} as const;
export const Totals = open(totals, 'Totals');
const label = optional(text);
const orNull = Type.Union([Time, Type.Null()]);
export const Statistics = open(
  {
    position: Position,
    from: orNull,
    to: orNull,
    totals: Totals,
    status: Type.Record(Type.String(), count, { description: 'Events by status code.' }),
    data: Type.Array(
      open(
        {
          ...totals,
          time: optional(Time),
          ...{ type: label, service: label, route: label, method: label, status: label },
          status_class: label,
        },
        'StatisticsRow',
      ),
    ),
  },
  'Statistics',
);
export const SeriesPoint = open(
  {
    time: Time,
    requests: count,
    errors: count,
    client_errors: count,
    p50_ms: duration,
    p95_ms: duration,
    p99_ms: duration,
  },
  'SeriesPoint',
);
export const RouteStatistics = open(
  {
    service: text,
    method: text,
    route: text,
    requests: count,
    errors: count,
    p95_ms: duration,
    error_rate: rate,
  },
  'RouteStatistics',
);

export const Severity = Type.Enum(['info', 'warning', 'critical']);
export const AlertState = Type.Enum(['pending', 'firing', 'acknowledged', 'escalated', 'resolved']);
export const Alert = open(
  {
    id: text,
    rule_id: text,
    rule_name: text,
    severity: Severity,
    group: Type.Record(Type.String(), Type.String()),
    state: AlertState,
    metric: text,
    value: Type.Number(),
    threshold: Type.Number(),
    window_seconds: count,
    pending_since: optional(Time),
    fired_at: optional(Time),
    acknowledged_at: optional(Time),
    acknowledged_by: optional(text),
    resolved_at: optional(Time),
    resolved_by: optional(text),
    escalated_at: optional(Time),
    escalated_by: optional(text),
    operator: optional(text),
    started_at: optional(Time),
    note: optional(text),
    history: Type.Array(open({ at: Time, what: text, by: text, note: optional(text) })),
    version: count,
    position: Position,
  },
  'Alert',
);
export const AlertSummary = open(
  {
    position: Position,
    by_state: open({
      pending: count,
      firing: count,
      acknowledged: count,
      escalated: count,
      resolved: count,
    }),
    by_severity: open({ critical: count, warning: count, info: count }),
    recent: Type.Array(Alert),
    trend: Type.Array(open({ time: Time, fired: count, resolved: count })),
  },
  'AlertSummary',
);

export const Rule = open(
  {
    id: text,
    name: text,
    severity: Severity,
    enabled: Type.Boolean(),
    condition: ConditionSchema,
    window_seconds: count,
    for_seconds: count,
    group_by: optional(Type.Array(text)),
    labels: optional(Type.Record(Type.String(), Type.String())),
    annotations: optional(Type.Record(Type.String(), Type.String())),
    version: count,
    created_at: optional(Time),
    updated_at: optional(Time),
    position: Position,
  },
  'Rule',
);

const ServiceStatistics = open(
  { service: text, requests: count, errors: count, error_rate: rate, p95_ms: duration },
  'ServiceStatistics',
);
const window = {
  position: Position,
  window_seconds: count,
  totals: Totals,
  series: Type.Array(SeriesPoint),
} as const;
export const Overview = open(
  {
    ...window,
    generated_at: Time,
    services: Type.Array(ServiceStatistics),
    slowest_routes: Type.Array(RouteStatistics),
    failing_routes: Type.Array(RouteStatistics),
    status: Type.Record(Type.String(), count, { description: 'Events by status code.' }),
    alerts: AlertSummary,
  },
  'Overview',
);
export const RealTimeMetrics = open(
  {
    ...window,
    resolution_seconds: count,
    by_service: Type.Array(ServiceStatistics),
    by_route: Type.Array(RouteStatistics),
    newest: optional(
      Type.String({ format: 'date-time', description: 'When the newest event there is happened.' }),
    ),
  },
  'RealTimeMetrics',
);
export const EventStream = open({ position: Position, data: Type.Array(StoredEvent) }, 'EventStream');

/** What a command answers that has nothing else to say. */
export const Done = open({ position: Position }, 'Done');
export const Users = listOf(User);
export const ApiKeys = listOf(ApiKey);
export const Rules = listOf(Rule);
export const Alerts = listOf(Alert);
export const Events = listOf(StoredEvent);
