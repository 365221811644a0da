import { count } from '../../src/cli/output.js';
import {
  freshData,
  registerTenant,
  removeData,
  startServer,
  type RegisteredTenant,
} from '../../test/support/started-server.js';
import { fill } from '../load/fill.js';
import { History } from '../load/history.js';
import { cpuTime, serverPid } from '../server-process.js';
import { milliseconds, type Figures, type Row, type Step } from '../step.js';

const BATCH = 1_000;
const DAY_MS = 86_400_000;
/** Of each of so many approvals and releases, one after another. */
const ROUNDS = 5;
const EVENTS = 8;

interface Asked {
  readonly url: string;
  readonly tenant: RegisteredTenant;
  readonly pid: number;
}

/** Patterns that the history's tenant says first: a tenant that has any is asked what its paths' routes were. */
const PATTERNS = { patterns: ['/orders/{id}/items/{item}'] };

/** Asks until it is not told that what it asks for is being made anew. */
const ask = async ({ url, tenant }: Asked, method: string, path: string, body?: object): Promise<unknown> => {
  for (;;) {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${tenant.access_token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (response.ok) return response.json();
    const { code } = (await response.json()) as { readonly code: string };
    if (code !== 'being_corrected')
      throw new Error(`${path} was answered ${String(response.status)} ${code}.`);
  }
};

const requests = async (asked: Asked): Promise<number> => {
  const { totals } = (await ask(asked, 'GET', '/api/v1/ingestion/events/statistics')) as {
    readonly totals: { readonly requests: number };
  };
  return totals.requests;
};

/** How long something takes, and the CPU that the server takes for it, both in milliseconds. */
const timed = async (asked: Asked, name: string, run: () => Promise<unknown>): Promise<Figures> => {
  const cpu = (await cpuTime(asked.pid)) ?? NaN;
  const started = performance.now();
  await run();
  const ms = performance.now() - started;
  return { [`${name}_ms`]: ms, [`${name}_cpu_ms`]: (((await cpuTime(asked.pid)) ?? NaN) - cpu) / 1000 };
};

const measureOn = async (asked: Asked, events: number): Promise<Figures> => {
  const whole = await timed(asked, 'setting_aside_whole_log', () =>
    ask(asked, 'GET', '/api/v2/audit/state?read_model=recent-events'),
  );
  const figures: Record<string, number> = { ...whole };
  for (let round = 0; round < ROUNDS; round += 1) {
    const found = (await ask(asked, 'GET', '/api/v1/ingestion/events/search?limit=1000')) as {
      readonly data: readonly { readonly event_id: string }[];
    };
    const records = found.data
      .slice(round * EVENTS, (round + 1) * EVENTS)
      .map(({ event_id }) => ({ event_id }));
    const { quarantine_id } = (await ask(asked, 'POST', '/api/v2/audit/quarantine', {
      reason: 'false',
      records,
    })) as { readonly quarantine_id: string };
    for (const [word, left] of [
      ['approve', events - EVENTS],
      ['release', events],
    ] as const) {
      const path = `/api/v2/audit/quarantine/${quarantine_id}/${word}`;
      const took = await timed(asked, `setting_aside_${word}`, async () => {
        await ask(asked, 'POST', path);
        const shown = await requests(asked);
        if (shown !== left)
          throw new Error(`${count(shown)} requests are counted instead of ${count(left)}.`);
      });
      for (const [name, value] of Object.entries(took)) figures[name] = Math.max(figures[name] ?? 0, value);
    }
  }
  return figures;
};

/** Sets the tenant's patterns of routes aside: all telemetry is behind them, and may have had other routes. */
const setRoutesAside = async (asked: Asked, events: number): Promise<Figures> => {
  const { quarantine_id } = (await ask(asked, 'POST', '/api/v2/audit/quarantine', {
    reason: 'false',
    records: [{ stream: `routes-${asked.tenant.tenant_id}`, revision: 0 }],
  })) as { readonly quarantine_id: string };
  return timed(asked, 'setting_aside_routes', async () => {
    await ask(asked, 'POST', `/api/v2/audit/quarantine/${quarantine_id}/approve`);
    const shown = await requests(asked);
    if (shown !== events)
      throw new Error(`${count(shown)} requests are counted instead of ${count(events)}.`);
  });
};

/** A day of one tenant, eight events of which are set aside, and brought back, until the sums say so. */
export const settingAside: Step = {
  name: 'setting-aside',
  what: () => 'Setting events aside of a day',
  measure: async ({ events }) => {
    const to = Math.floor(Date.now() / 60_000) * 60_000;
    const history = new History(events, BATCH, to - DAY_MS, to);
    const data_directory = await freshData();
    const server = await startServer(data_directory);
    try {
      const tenant = await registerTenant(server.url);
      const asked = { url: server.url, tenant, pid: await serverPid(data_directory) };
      await ask(asked, 'PUT', '/api/v2/ingestion/route-patterns', PATTERNS);
      await fill({ server, tenant }, history, { from: 0, to: history.bodies });
      const stored = history.bodies * BATCH;
      while ((await requests(asked)) < stored) await new Promise((resolve) => setTimeout(resolve, 200));
      const figures = await measureOn(asked, stored);
      return { setting_aside_events: stored, ...figures, ...(await setRoutesAside(asked, stored)) };
    } finally {
      await server.stop();
      await removeData(data_directory);
    }
  },
  rows: (figures) => [
    ...(['approve', 'release'] as const).map((word): Row => [
      `${word === 'approve' ? 'setting aside' : 'bringing back'} ${String(EVENTS)} of ${count(figures['setting_aside_events'] ?? NaN)} events, the longest of ${String(ROUNDS)}`,
      `${milliseconds(figures, `setting_aside_${word}_ms`)}, ${milliseconds(figures, `setting_aside_${word}_cpu_ms`)} CPU`,
      `${((100 * (figures[`setting_aside_${word}_cpu_ms`] ?? NaN)) / (figures['setting_aside_whole_log_cpu_ms'] ?? NaN)).toFixed(0)} % of the CPU of reading the log`,
    ]),
    [
      'setting aside what said the routes of all paths',
      `${milliseconds(figures, 'setting_aside_routes_ms')}, ${milliseconds(figures, 'setting_aside_routes_cpu_ms')} CPU`,
      '',
    ],
  ],
};
