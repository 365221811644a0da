import { count } from '../../src/cli/output.js';
import { registerTenant } from '../../test/support/started-server.js';
import type { Flooded } from '../load/flood.js';
import { overload } from '../load/overload.js';
import { megabytes, milliseconds, type Figures, type Row, type Step } from '../step.js';

const BATCH = 1000;
/** The load lasts so many times as long as others: a minute where those take ten seconds. */
const LONGER = 6;

const figuresOf = (name: string, { sent, left_out, statuses, ...more }: Flooded): Figures => ({
  [`${name}_sent`]: sent,
  [`${name}_left_out`]: left_out,
  [`${name}_accepted`]: statuses['200'] ?? 0,
  [`${name}_told_to_come_back`]: (statuses['429'] ?? 0) + (statuses['503'] ?? 0) - more.without_retry_after,
  [`${name}_p50_ms`]: more.p50_ms,
  [`${name}_p99_ms`]: more.p99_ms,
  [`${name}_lag_p99_ms`]: more.lag_p99_ms,
});

/** What is neither stored nor told to come back is what an overload must not do to a request. */
const lost = (figures: Figures, name: string): number =>
  ['sent', 'accepted', 'told_to_come_back'].reduce(
    (sum, what) => (what === 'sent' ? 1 : -1) * (figures[`${name}_${what}`] ?? NaN) + sum,
    0,
  );

const row = (figures: Figures, name: string, who: string): Row => [
  `  ${who}: p50 / p99 of what was accepted`,
  `${milliseconds(figures, `${name}_p50_ms`)} / ${milliseconds(figures, `${name}_p99_ms`)}`,
  `${count(figures[`${name}_accepted`] ?? NaN)} of ${count(figures[`${name}_sent`] ?? NaN)}, ` +
    `sender late by ${milliseconds(figures, `${name}_lag_p99_ms`)}`,
];

/** Ten times what the server can do, from one tenant, while another sends a tenth. */
export const overloaded: Step = {
  name: 'overload',
  what: (seconds) => `Ten times as much as the server takes for ${String(LONGER * seconds)} s`,
  measure: async (run) => {
    const quiet = await registerTenant(run.server.url, 'quiet@example.com');
    const outcome = await overload({
      server: run.server,
      greedy: run.tenant,
      quiet,
      seconds: LONGER * run.seconds,
      batch: BATCH,
    });
    run.stored += outcome.acknowledged.greedy + outcome.acknowledged.quiet;
    const figures = {
      overload_capacity_per_second: outcome.capacity * BATCH,
      ...figuresOf('overload_idle', outcome.idle),
      ...figuresOf('overload_quiet', outcome.quiet),
      ...figuresOf('overload_greedy', outcome.greedy),
      overload_memory_peak_bytes: await run.server.peakMemory(),
    };
    return {
      ...figures,
      overload_refused: lost(figures, 'overload_quiet') + lost(figures, 'overload_greedy'),
    };
  },
  rows: (figures) => [
    [
      `ten times ${count(Math.round(figures['overload_capacity_per_second'] ?? NaN))} events/s, from one tenant`,
      '',
      '',
    ],
    row(figures, 'overload_idle', 'another, before it'),
    row(figures, 'overload_quiet', 'that other, beside it'),
    row(figures, 'overload_greedy', 'the one'),
    ['  the most memory the server had', megabytes(figures, 'overload_memory_peak_bytes'), ''],
  ],
};
