import { batches } from '../load/events.js';
import { BATCH } from './batch.js';
import { rate, type Figures, type Step } from '../step.js';

const PARSE_MS = 2000;

/** Events a second that JSON.parse alone makes of the bodies, on one core. */
const measure = (): Promise<Figures> => {
  const bodies = batches(64, BATCH);
  const started = performance.now();
  let events = 0;
  while (performance.now() - started < PARSE_MS)
    for (const body of bodies) events += (JSON.parse(body.toString()) as unknown[]).length;
  return Promise.resolve({
    json_parse_events_per_second: events / ((performance.now() - started) / 1000),
  });
};

export const parse: Step = {
  name: 'parse',
  what: () => 'JSON.parse alone',
  measure,
  rows: (figures) => [
    ['bare JSON.parse of the same bodies, one core', rate(figures, 'json_parse_events_per_second'), ''],
  ],
};
