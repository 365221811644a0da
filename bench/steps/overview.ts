import { registerTenant } from '../../test/support/started-server.js';
import { getBytes, KeptConnection, requestBytes } from '../load/connection.js';
import { minutes } from '../load/events.js';
import { at } from '../load/result.js';
import { milliseconds, spread, type Step } from '../step.js';

const REQUESTS = 400;
/** The first ones do not count: they compile. */
const WARM_UP = 100;
const MINUTES = 60;
const EVENTS = 1000;

/**
 * The last hour's overview, asked for again and again while nothing else goes on, of a tenant that had events of all
 * series in each minute of it.
 */
export const overview: Step = {
  name: 'overview',
  what: () => 'The overview of the last hour, warm',
  measure: async ({ server }) => {
    const { api_key } = await registerTenant(server.url, 'overview@example.com');
    const ingest = new URL(`${server.url}/api/v1/ingestion/events/batch`);
    const headers = { 'content-type': 'application/json', 'x-api-key': api_key };
    const connection = await KeptConnection.open(ingest);
    try {
      for (const body of minutes(MINUTES, EVENTS, Date.now())) {
        const { status } = await connection.exchange(requestBytes(ingest, headers, body));
        if (status !== 200) throw new Error(`A batch was answered ${String(status)}.`);
      }
      const url = new URL(`${server.url}/api/v1/dashboard/overview`);
      const request = getBytes(url, { 'x-api-key': api_key });
      const times: number[] = [];
      for (let i = 0; i < REQUESTS; i += 1) {
        const started = performance.now();
        const { status } = await connection.exchange(request);
        if (status !== 200) throw new Error(`The overview was answered ${String(status)}.`);
        if (i >= WARM_UP) times.push(performance.now() - started);
      }
      times.sort((a, b) => a - b);
      return { overview_p50_ms: at(times, 0.5), overview_p99_ms: at(times, 0.99) };
    } finally {
      connection.close();
    }
  },
  rows: (figures) => [
    ["last hour's overview, every minute full, warm", milliseconds(figures, 'overview_p50_ms'), ''],
    spread(figures, 'overview'),
  ],
};
