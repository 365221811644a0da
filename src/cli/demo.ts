import { count, CliError, configure, print } from './output.js';
import { findServer } from './server-address.js';

interface DemoOptions {
  readonly events: string;
  readonly apiKey?: string;
  readonly url?: string;
  readonly json: boolean;
}

const BATCH = 1_000;
const HOUR_MS = 3_600_000;

const routes = [
  { service: 'shop', method: 'GET', route: '/', usual_ms: 18, fails: 0.001 },
  { service: 'shop', method: 'GET', route: '/products/{id}', usual_ms: 35, fails: 0.004 },
  { service: 'shop', method: 'GET', route: '/search', usual_ms: 90, fails: 0.01 },
  { service: 'checkout', method: 'POST', route: '/orders', usual_ms: 140, fails: 0.03 },
  { service: 'checkout', method: 'GET', route: '/orders/{id}', usual_ms: 40, fails: 0.005 },
  { service: 'payments', method: 'POST', route: '/charges', usual_ms: 320, fails: 0.05 },
] as const;

/** Events of a made-up shop over an hour up to a time: the same for the same number and time. */
const madeUp = (many: number, until: number): readonly object[] =>
  Array.from({ length: many }, (_, i) => {
    // The fractional parts of multiples of irrational numbers are spread evenly, and need no generator.
    const part = (times: number): number => (i * times) % 1;
    const { usual_ms, fails, ...place } = routes[Math.floor(part(0.7548776662) * routes.length)] ?? routes[0];
    const slow = 1 / (1.02 - part(0.5698402909));
    const timestamp = new Date(until - HOUR_MS + (i / many) * HOUR_MS).toISOString();
    return {
      ...{ type: 'api_call', environment: 'demo', ...place, timestamp },
      status_code: part(0.8191725134) < fails ? 500 : 200,
      duration_ms: Math.round(usual_ms * slow * 10) / 10,
      user_id: `demo-${String(Math.floor(part(0.6180339887) * 200))}`,
    };
  });

/** `demo`: sends made-up events; their provenance says that they are. */
export const demo = async (options: DemoOptions): Promise<void> => {
  const many = Number(options.events);
  if (!Number.isInteger(many) || many < 1 || many > 1_000_000)
    throw new CliError('--events takes a whole number up to a million.', undefined, 2);
  const config = configure({ PULSESTREAM_URL: options.url, PULSESTREAM_API_KEY: options.apiKey });
  const url = await findServer(config);
  if (url === undefined) throw new CliError('No server is running.', 'Start one: pulsestream serve');
  const key = config.PULSESTREAM_API_KEY;
  if (key === undefined)
    throw new CliError('Which tenant?', 'Pass --api-key, or set PULSESTREAM_API_KEY.', 2);
  const events = madeUp(many, Date.now());
  for (let from = 0; from < many; from += BATCH) {
    const response = await fetch(`${url}/api/v1/ingestion/events/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': key, 'x-pulsestream-origin': 'demo' },
      body: JSON.stringify(events.slice(from, from + BATCH)),
    });
    const { detail } = (await response.json()) as { readonly detail?: string };
    if (!response.ok) throw new CliError(detail ?? `The server answered ${String(response.status)}.`);
  }
  print(options.json, { ok: true, events: many }, () => `✓ ${count(many)} made-up events were sent.`);
};
