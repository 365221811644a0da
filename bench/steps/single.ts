import { closedLoop } from '../load/closed-loop.js';
import { singles } from '../load/events.js';
import { loadFigures, send, type Sent } from '../load/sending.js';
import { cpu, rate, spread, type Step } from '../step.js';

const CONNECTIONS = 64;

const sent = (): Sent => ({
  path: 'events',
  bodies: singles(1000),
  connections: CONNECTIONS,
  wanted_status: 201,
  events_each: 1,
});

export const single: Step = {
  name: 'single',
  what: (seconds) => `Single events over ${String(CONNECTIONS)} connections for ${String(seconds)} s`,
  measure: async (run) => {
    const events = sent();
    return loadFigures('single', events, await send(run, events, closedLoop));
  },
  rows: (figures) => [
    [`single events, durable, ${String(CONNECTIONS)} connections`, rate(figures, 'single_per_second'), ''],
    spread(figures, 'single'),
    ...cpu(figures, 'single_cpu_us', 'a request'),
  ],
};
