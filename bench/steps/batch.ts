import { count } from '../../src/cli/output.js';
import { closedLoop } from '../load/closed-loop.js';
import { batches } from '../load/events.js';
import { openLoop } from '../load/open-loop.js';
import { loadFigures, send, type Sent } from '../load/sending.js';
import { cpu, megabytes, rate, share, spread, type Step } from '../step.js';

export const BATCH = 1000;

const sent = (connections: number): Sent => ({
  path: 'events/batch',
  bodies: batches(64, BATCH),
  connections,
  wanted_status: 200,
  events_each: BATCH,
});

/** As many as the server takes. */
export const batch: Step = {
  name: 'batch',
  what: (seconds) => `Batches of ${String(BATCH)} for ${String(seconds)} s, and memory after it`,
  measure: async (run) => {
    const events = sent(8);
    return {
      ...loadFigures('ingest', events, await send(run, events, closedLoop)),
      memory_loaded_bytes: await run.server.memory(),
      memory_peak_bytes: await run.server.peakMemory(),
    };
  },
  rows: (figures) => [
    [
      `batch ingest, durable, ${count(BATCH)} events a request`,
      rate(figures, 'ingest_per_second'),
      share(figures, 'ingest_per_second', 'json_parse_events_per_second', 'JSON.parse'),
    ],
    spread(figures, 'ingest'),
    ...cpu(figures, 'ingest_cpu_us', 'an event'),
    ['  memory of the server after it', megabytes(figures, 'memory_loaded_bytes'), ''],
    ['  the most it had', megabytes(figures, 'memory_peak_bytes'), ''],
  ],
};

/** What a server that is not pressed takes to answer: at a rate, whether earlier requests are answered or not. */
export const open: Step = {
  name: 'open',
  what: (seconds) => `Batches at seven tenths of that rate for ${String(seconds)} s`,
  measure: async (run, before) => {
    const most = before['ingest_per_second'];
    if (most === undefined) throw new Error('The open loop follows the batches: --only batch,open.');
    const events = Math.round(most * 0.7);
    const batches_sent = sent(16);
    const result = await send(run, batches_sent, openLoop(events / BATCH));
    return { open_asked_per_second: events, ...loadFigures('open', batches_sent, result) };
  },
  rows: (figures) => [
    [
      `the same in an open loop, asked for ${rate(figures, 'open_asked_per_second')}`,
      rate(figures, 'open_per_second'),
      share(figures, 'open_per_second', 'json_parse_events_per_second', 'JSON.parse'),
    ],
    spread(figures, 'open'),
  ],
};
