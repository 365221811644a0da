import { closedLoop } from '../load/closed-loop.js';
import { loadFigures, send, type Sent } from '../load/sending.js';
import { spanExports } from '../load/spans.js';
import { cpu, rate, share, spread, type Step } from '../step.js';

const SPANS = 1000;

const sent = (): Sent => {
  const made = spanExports(64, SPANS);
  return {
    path: 'otlp/v1/traces',
    content_type: 'application/x-protobuf',
    bodies: made.map(({ body }) => body),
    renew: (body, index, number) => made[index]?.renew(body, number),
    connections: 4,
    wanted_status: 200,
    events_each: SPANS,
  };
};

/** Server spans as an instrumented Express sends them, no two with the same ids: a repeated span is dropped. */
export const otlp: Step = {
  name: 'otlp',
  what: (seconds) => `OTLP spans in protobuf, ${String(SPANS)} an export, for ${String(seconds)} s`,
  measure: async (run) => {
    const spans = sent();
    return loadFigures('otlp', spans, await send(run, spans, closedLoop));
  },
  rows: (figures) => [
    [
      'OTLP spans, protobuf, durable',
      rate(figures, 'otlp_per_second'),
      share(figures, 'otlp_per_second', 'json_parse_events_per_second', 'JSON.parse'),
    ],
    spread(figures, 'otlp'),
    ...cpu(figures, 'otlp_cpu_us', 'a span'),
  ],
};
