import { count } from '../../src/cli/output.js';
import { fromOutside } from '../load/outside.js';
import { floodFromOutside } from '../load/overload.js';
import type { Audience, Seen } from '../load/dashboards.js';
import { megabytes, milliseconds, rate, type Row, type Step } from '../step.js';
import { BATCH } from './batch.js';

const CLIENTS = 10_000;
const COMING_IN = 100_000;
/** Ten thousand connections take this long on a busy machine; the flood lasts until they have seen what they came for. */
const CONNECTING_SECONDS = 30;

/** Ten thousand people who look on, while events come in. */
export const dashboards: Step = {
  name: 'dashboards',
  what: (seconds) =>
    `${count(CLIENTS)} dashboards beside ${count(COMING_IN)} events/s, ${String(seconds)} s once they are there`,
  measure: async ({ server, tenant, ...run }) => {
    const audience: Audience = {
      url: server.url,
      token: tenant.access_token,
      api_key: tenant.api_key,
      clients: CLIENTS,
      topic: 'overview',
      seconds: run.seconds,
    };
    const [seen, flooded] = await Promise.all([
      fromOutside('dashboards-program', audience) as Promise<Seen>,
      floodFromOutside({
        sender: {
          name: 'events',
          url: `${server.url}/api/v1/ingestion/events/batch`,
          headers: { 'content-type': 'application/json', 'x-api-key': tenant.api_key },
          rate: COMING_IN / BATCH,
          connections: 64,
        },
        seconds: run.seconds + CONNECTING_SECONDS,
        batch: BATCH,
      }),
    ]);
    return {
      dashboards: seen.clients,
      dashboards_p50_ms: seen.p50_ms,
      dashboards_p99_ms: seen.p99_ms,
      dashboards_refused: seen.missed,
      dashboards_ingest_per_second: flooded.acknowledged / (run.seconds + CONNECTING_SECONDS),
      dashboards_ingest_p99_ms: flooded.p99_ms,
      dashboards_memory_bytes: await server.memory(),
    };
  },
  rows: (figures): readonly Row[] => [
    [
      `POST to ${count(CLIENTS)} dashboards, p50 / p99`,
      `${milliseconds(figures, 'dashboards_p50_ms')} / ${milliseconds(figures, 'dashboards_p99_ms')}`,
      '',
    ],
    ['  events taken in beside them', rate(figures, 'dashboards_ingest_per_second'), ''],
    ['  p99 of a request of theirs', milliseconds(figures, 'dashboards_ingest_p99_ms'), ''],
    ['  memory of the server', megabytes(figures, 'dashboards_memory_bytes'), ''],
  ],
};
