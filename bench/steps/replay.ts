import { count } from '../../src/cli/output.js';
import { runCliJson } from '../../test/support/started-server.js';
import { rate, share, type Step } from '../step.js';
import { batch } from './batch.js';

/** With the server stopped: the rebuild has the machine to itself. It ends with a comparison of old and new. */
export const replay: Step = {
  name: 'replay',
  what: () => 'Rebuilding every projection',
  measure: async (run, before) => {
    if (run.stored === 0) await batch.measure(run, before);
    await run.server.stop();
    const args = ['projections', 'rebuild', '--all'];
    const { ok, seconds } = (await runCliJson(run.server.data_directory, args)) as {
      readonly ok: boolean;
      readonly seconds: number;
    };
    if (!ok) throw new Error('The rebuild did not come to its end.');
    return {
      replay_events: run.stored,
      replay_seconds: seconds,
      replay_events_per_second: run.stored / seconds,
    };
  },
  rows: (figures) => [
    [
      `replay of all projections, ${count(figures['replay_events'] ?? NaN)} events`,
      rate(figures, 'replay_events_per_second'),
      share(figures, 'replay_events_per_second', 'json_parse_events_per_second', 'JSON.parse'),
    ],
  ],
};
