import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** What this process tells Prometheus about itself. */
export interface Metrics {
  readonly registry: Registry;
  readonly requests: Counter<'method' | 'route' | 'status'>;
  readonly requestSeconds: Histogram<'method' | 'route'>;
  readonly eventsAccepted: Counter;
  readonly eventsDuplicate: Counter;
  readonly eventsRejected: Counter<'code'>;
  readonly projectionLag: Gauge<'projection'>;
  readonly guardUp: Gauge;
  readonly guardSince: Gauge;
}

export const makeMetrics = (): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    requests: new Counter({
      name: 'pulsestream_http_requests_total',
      help: 'HTTP requests answered.',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'pulsestream_http_request_seconds',
      help: 'Time from a request to its answer.',
      labelNames: ['method', 'route'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    eventsAccepted: new Counter({
      name: 'pulsestream_events_accepted_total',
      help: 'Telemetry events stored.',
      registers,
    }),
    eventsDuplicate: new Counter({
      name: 'pulsestream_events_duplicate_total',
      help: 'Telemetry events that were stored already.',
      registers,
    }),
    eventsRejected: new Counter({
      name: 'pulsestream_events_rejected_total',
      help: 'Telemetry events refused, by reason.',
      labelNames: ['code'],
      registers,
    }),
    projectionLag: new Gauge({
      name: 'pulsestream_projection_lag',
      help: 'Positions between the head of the log and a projection.',
      labelNames: ['projection'],
      registers,
    }),
    guardUp: new Gauge({
      name: 'pulsestream_deployment_guard_up',
      help: '1 while the deployment guard refuses writes.',
      registers,
    }),
    guardSince: new Gauge({
      name: 'pulsestream_deployment_guard_since_seconds',
      help: 'When the deployment under way was begun, in Unix time; 0 where none is.',
      registers,
    }),
  };
};
