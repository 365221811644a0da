import type { Route } from '../../src/api/http/route.js';

/** An event that is taken. */
export const event = {
  type: 'api_call',
  service: 'shop',
  method: 'GET',
  path: '/orders/42',
  status_code: 200,
  duration_ms: 5,
};
/** A rule that is taken. */
export const rule = {
  name: 'errors',
  severity: 'critical',
  enabled: true,
  condition: { metric: 'error_count', operator: '>', threshold: 5 },
  window_seconds: 60,
  for_seconds: 0,
};

/** A body that each route takes. */
export const bodies: Readonly<Record<string, object>> = {
  '/api/v1/auth/register/tenant': { tenant_name: 'new', email: 'new@example.com', password: 'long enough' },
  '/api/v1/auth/login': { email: 'ada@example.com', password: 'correct horse' },
  '/api/v1/auth/refresh': { refresh_token: 'x' },
  '/api/v1/auth/logout': { refresh_token: 'x' },
  '/api/v1/auth/register/user': { email: 'eve@example.com', password: 'long enough', role: 'viewer' },
  '/api/v1/auth/api-keys': { name: 'more', scopes: ['read'] },
  '/api/v2/people/{person_id}/erase': { reason: 'a test' },
  '/api/v2/audit/verify': { checkpoint: 'x' },
  '/api/v2/ingestion/retention': { days: 7 },
  '/_ops/tenants/{tenant_id}/retention': { days: 7 },
  '/api/v1/ingestion/events': event,
  '/api/v1/ingestion/events/batch': [event],
  '/api/v1/ingestion/cloudevents': { specversion: '1.0', id: '1', source: '/here', type: 'thing.done' },
  '/api/v1/ingestion/otlp/v1/traces': {
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                traceId: '0123456789abcdef0123456789abcdef',
                spanId: '0123456789abcdef',
                kind: 2,
                name: 'GET /',
                startTimeUnixNano: '1767225600000000000',
                endTimeUnixNano: '1767225600001000000',
                attributes: [{ key: 'http.request.method', value: { stringValue: 'GET' } }],
              },
            ],
          },
        ],
      },
    ],
  },
  '/api/v1/ingestion/otlp/v1/logs': {
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'something happened' } }] }] }],
  },
  '/api/v2/ingestion/route-patterns': { patterns: ['/blog/{slug}'] },
  '/api/v2/audit/quarantine': { reason: 'a test', records: [{ stream: 'no-such-stream', revision: 0 }] },
  '/api/v2/audit/quarantine/{quarantine_id}/approve': {},
  '/api/v2/audit/quarantine/{quarantine_id}/release': {},
  '/api/v2/audit/legitimacy-rules/{name}': {
    verdict: 'legitimate',
    condition: { field: 'type', op: 'is', value: 'AlertRuleDefined' },
  },
  '/api/v2/audit/erasures': { field: 'user_id', value: 'ada' },
  '/api/v2/audit/erasures/count': { field: 'user_id', value: 'ada' },
  '/api/v1/alerting/rules': rule,
  '/api/v1/alerting/rules/{rule_id}': rule,
  '/api/v2/audit/replays': { projections: ['users'] },
  '/_ops/replays': { projections: ['users'] },
};

/** A CloudEvent says by its media type that it is one; all others are plain JSON. */
export const mediaTypeOf = ({ path }: Route): Record<string, string> =>
  path.endsWith('/cloudevents') ? { 'content-type': 'application/cloudevents+json' } : {};
