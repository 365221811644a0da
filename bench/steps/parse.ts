import { readBatch } from '../../src/commands/ingest/read-events.js';
import { batches } from '../load/events.js';
import { BATCH } from './batch.js';
import { rate, share, type Figures, type Step } from '../step.js';

const ROUNDS = 30;

const parseBare = (body: Buffer): void => {
  JSON.parse(body.toString());
};

/** As ingest reads a body: every event checked, and its columns made. */
const read = (body: Buffer): void => {
  const { ok } = readBatch(body, 'json', { events: BATCH, now: 0 });
  if (!ok) throw new Error('A body of the benchmark cannot be read.');
};

/** Events a second of both ways on one core, in turns: whatever else the machine does slows both. */
const measure = (): Promise<Figures> => {
  const bodies = batches(64, BATCH);
  const milliseconds = (work: (body: Buffer) => void): number => {
    const started = performance.now();
    bodies.forEach(work);
    return performance.now() - started;
  };
  let parsing = 0;
  let reading = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    parsing += milliseconds(parseBare);
    reading += milliseconds(read);
  }
  const events = ROUNDS * bodies.length * BATCH;
  return Promise.resolve({
    json_parse_events_per_second: (1000 * events) / parsing,
    read_events_per_second: (1000 * events) / reading,
  });
};

export const parse: Step = {
  name: 'parse',
  what: () => 'Reading bodies, and JSON.parse alone',
  measure,
  rows: (figures) => [
    ['bare JSON.parse of the same bodies, one core', rate(figures, 'json_parse_events_per_second'), ''],
    [
      'reading them: every event checked, in columns',
      rate(figures, 'read_events_per_second'),
      share(figures, 'read_events_per_second', 'json_parse_events_per_second', 'JSON.parse'),
    ],
  ],
};
