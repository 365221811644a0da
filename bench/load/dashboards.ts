import { setTimeout as sleep } from 'node:timers/promises';
import { KeptConnection, requestBytes } from './connection.js';
import { Dashboard } from './dashboard.js';
import { singles } from './events.js';
import { at } from './result.js';

/** Dashboards that follow one topic, and events that are posted beside them to see when they show. */
export interface Audience {
  readonly url: string;
  readonly token: string;
  readonly api_key: string;
  readonly clients: number;
  readonly topic: string;
  readonly seconds: number;
}

/** What they saw; milliseconds from sending an event until a dashboard had a state with it. */
export interface Seen {
  readonly clients: number;
  readonly probes: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** What of the probes some dashboard never showed. */
  readonly missed: number;
}

const AT_ONCE = 20;
const BETWEEN_PROBES_MS = 500;
const LAST_WAIT_MS = 10_000;

interface Probe {
  readonly sent: number;
  /** Known once the event is stored. */
  position?: string;
  readonly waiting: Set<Dashboard>;
}

/** Opens the dashboards, posts an event twice a second, and measures when each dashboard shows it. */
export const watch = async (audience: Audience): Promise<Seen> => {
  const url = new URL(audience.url);
  const times: number[] = [];
  const probes: Probe[] = [];
  const shown = (probe: Probe, dashboard: Dashboard): void => {
    if (probe.position === undefined || dashboard.seen.position < probe.position) return;
    if (probe.waiting.delete(dashboard)) times.push(dashboard.seen.at - probe.sent);
  };
  const dashboards: Dashboard[] = [];
  while (dashboards.length < audience.clients) {
    const missing = Math.min(AT_ONCE, audience.clients - dashboards.length);
    const opened = Array.from({ length: missing }, () =>
      Dashboard.open(url, audience.token, audience.topic, (dashboard) => {
        for (const probe of probes) shown(probe, dashboard);
      }),
    );
    dashboards.push(...(await Promise.all(opened)));
  }
  const connection = await KeptConnection.open(url);
  const events = new URL('/api/v1/ingestion/events', url);
  const headers = { 'content-type': 'application/json', 'x-api-key': audience.api_key };
  const bodies = singles(64);
  const until = performance.now() + audience.seconds * 1000;
  for (let i = 0; performance.now() < until; i += 1) {
    const probe: Probe = { sent: performance.now(), waiting: new Set(dashboards) };
    probes.push(probe);
    const answer = await connection.exchange(
      requestBytes(events, headers, bodies[i % bodies.length] ?? Buffer.alloc(0)),
    );
    if (answer.status !== 201) throw new Error(`An event was answered ${String(answer.status)}.`);
    ({ position: probe.position } = JSON.parse(answer.body) as { position: string });
    for (const dashboard of dashboards) shown(probe, dashboard);
    await sleep(BETWEEN_PROBES_MS);
    while (probes[0]?.waiting.size === 0) probes.shift();
  }
  const last = performance.now() + LAST_WAIT_MS;
  while (probes.some(({ waiting }) => waiting.size > 0) && performance.now() < last) await sleep(50);
  for (const dashboard of dashboards) dashboard.close();
  connection.close();
  const sorted = times.sort((one, other) => one - other);
  return {
    clients: dashboards.length,
    probes: Math.round(times.length / dashboards.length),
    p50_ms: at(sorted, 0.5),
    p99_ms: at(sorted, 0.99),
    missed: probes.reduce((sum, { waiting }) => sum + waiting.size, 0),
  };
};
