import { runCliJson } from '../../test/support/started-server.js';
import { megabytes, rate, type Step } from '../step.js';
import { batch } from './batch.js';

/** With the server stopped: reading, checksums, hashes and the index against the log, on all processors. */
export const verify: Step = {
  name: 'verify',
  what: () => 'Verifying the log',
  measure: async (run, before) => {
    if (run.stored === 0) await batch.measure(run, before);
    await run.server.stop();
    const { ok, seconds, log } = (await runCliJson(run.server.data_directory, ['log', 'verify'])) as {
      readonly ok: boolean;
      readonly seconds: number;
      readonly log: { readonly bytes: number };
    };
    if (!ok) throw new Error('The log does not verify.');
    return {
      verify_bytes: log.bytes,
      verify_seconds: seconds,
      verify_bytes_per_second: log.bytes / seconds,
      verify_events_per_second: run.stored / seconds,
    };
  },
  rows: (figures) => [
    [
      `verification of the log, ${megabytes(figures, 'verify_bytes')}`,
      `${megabytes(figures, 'verify_bytes_per_second')}/s`,
      `${rate(figures, 'verify_events_per_second')} events`,
    ],
  ],
};
