import { at } from '../load/result.js';
import { milliseconds, spread, type Step } from '../step.js';

const REQUESTS = 200;

/** The last hour's overview, asked for again and again while nothing else goes on. */
export const overview: Step = {
  name: 'overview',
  what: () => 'The overview of the last hour, warm',
  measure: async ({ server, tenant }) => {
    const url = `${server.url}/api/v1/dashboard/overview`;
    const times: number[] = [];
    for (let i = 0; i < REQUESTS; i += 1) {
      const started = performance.now();
      const response = await fetch(url, { headers: { 'x-api-key': tenant.api_key } });
      if (!response.ok) throw new Error(`The overview was answered ${String(response.status)}.`);
      await response.arrayBuffer();
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    return { overview_p50_ms: at(times, 0.5), overview_p99_ms: at(times, 0.99) };
  },
  rows: (figures) => [
    ["last hour's overview, warm", milliseconds(figures, 'overview_p50_ms'), ''],
    spread(figures, 'overview'),
  ],
};
