import {
  freshData,
  registerTenant,
  removeData,
  runCliJson,
  startServer,
} from '../../test/support/started-server.js';
import { megabytes, type Step } from '../step.js';
import { batch } from './batch.js';

/** Small segments, so that a short load fills some; the last one stays as it is and does not count. */
const SMALL = { PULSESTREAM_SEGMENT_MEGABYTES: '32', PULSESTREAM_SEALING: 'false' };

/** They fill at least two such segments. */
const ENOUGH_EVENTS = 400_000;

interface Sealed {
  readonly records: number;
  readonly line_bytes: number;
  readonly raw_bytes: number;
  readonly bytes: number;
}

/** What batches take on disk once their segments are sealed, on a data directory of its own. */
export const storage: Step = {
  name: 'storage',
  what: (seconds) => `Batches for ${String(seconds)} s more, and what they take once sealed`,
  measure: async ({ seconds, events }, before) => {
    const data_directory = await freshData(SMALL);
    try {
      const server = await startServer(data_directory, SMALL);
      try {
        const run = { server, tenant: await registerTenant(server.url), seconds, events, stored: 0 };
        while (run.stored < ENOUGH_EVENTS) await batch.measure(run, before);
      } finally {
        await server.stop();
      }
      const started = performance.now();
      const { sealed } = (await runCliJson(data_directory, ['log', 'seal'], SMALL)) as {
        readonly sealed: Sealed;
      };
      const took = (performance.now() - started) / 1000;
      return {
        storage_received_bytes: sealed.line_bytes,
        storage_raw_bytes: sealed.raw_bytes,
        storage_sealed_bytes: sealed.bytes,
        storage_ratio: sealed.bytes / sealed.line_bytes,
        storage_sealing_bytes_per_second: sealed.line_bytes / took,
      };
    } finally {
      await removeData(data_directory);
    }
  },
  rows: (figures) => [
    [
      `stored once sealed, of ${megabytes(figures, 'storage_received_bytes')} of NDJSON`,
      megabytes(figures, 'storage_sealed_bytes'),
      `${(100 * (figures['storage_ratio'] ?? NaN)).toFixed(1)} % of it`,
    ],
    ['  sealing', `${megabytes(figures, 'storage_sealing_bytes_per_second')}/s`, ''],
  ],
};
