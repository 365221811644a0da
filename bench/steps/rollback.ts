import { setTimeout as sleep } from 'node:timers/promises';
import type { TenantId } from '../../src/domain/ids.js';
import { count } from '../../src/cli/output.js';
import { plantTelemetry } from '../../test/support/planting.js';
import {
  freshData,
  registerTenant,
  removeData,
  startServer,
  type StartedServer,
} from '../../test/support/started-server.js';
import { operatorOf, type Ask } from '../operator.js';
import { cpuTime, serverPid } from '../server-process.js';
import { megabytes, type Figures, type Row, type Step } from '../step.js';

/** Records of each stream: of 10,000 streams, a million. */
const EACH = 100;
/** What is asked again and again takes none of the server's time to speak of. */
const PAUSE_MS = 100;

interface Status {
  readonly phase: string;
  readonly error?: string;
  readonly last?: { readonly outcome: string };
}

/** The deployment as it is once it has come to a phase. */
const phased = async (ask: Ask, phase: string): Promise<Status> => {
  for (;;) {
    const status = await ask<Status>('GET', '/_deploy/status');
    if (status.phase === phase) return status;
    if (status.phase === 'interrupted' || status.phase === 'rejected')
      throw new Error(`The deployment is ${status.phase}: ${status.error ?? ''}`);
    await sleep(PAUSE_MS);
  }
};

const shown = async (ask: Ask): Promise<void> => {
  interface Projections {
    readonly projections: readonly { readonly state: string }[];
  }
  const behind = async (): Promise<boolean> =>
    (await ask<Projections>('GET', '/_ops/projections')).projections.some(({ state }) => state !== 'live');
  while (await behind()) await sleep(PAUSE_MS);
};

/** How long something takes, in seconds, and the CPU that the server takes for it. */
const timed = async (server: StartedServer, name: string, run: () => Promise<unknown>): Promise<Figures> => {
  const pid = await serverPid(server.data_directory);
  const cpu = (await cpuTime(pid)) ?? NaN;
  const started = performance.now();
  await run();
  const seconds = (performance.now() - started) / 1000;
  return { [`${name}_s`]: seconds, [`${name}_cpu_s`]: (((await cpuTime(pid)) ?? NaN) - cpu) / 1e6 };
};

/** Reads a deployment's report page by page. */
const readReport = async (ask: Ask, deployment_id: string, records: number): Promise<void> => {
  let found = 0;
  let after: string | null = '0'.repeat(16);
  while (after !== null) {
    const page: { records: readonly unknown[]; next_after: string | null } = await ask(
      'GET',
      `/api/v2/audit/deployments/${deployment_id}/records?after=${after}`,
    );
    found += page.records.length;
    after = page.next_after;
  }
  if (found !== records) throw new Error(`The report has ${count(found)} records of ${count(records)}.`);
};

/** A deployment that wrote telemetry past the guard, an event a record, is rolled back. */
export const rollback: Step = {
  name: 'rollback',
  what: () => 'Rolling back a deployment that wrote past the guard',
  measure: async ({ events }) => {
    const records = Math.ceil(events / EACH) * EACH;
    const data_directory = await freshData();
    let server = await startServer(data_directory);
    try {
      const { tenant_id } = await registerTenant(server.url);
      let ask = await operatorOf(server);
      const { deployment_id } = await ask<{ deployment_id: string }>('POST', '/_deploy/begin', {
        release: 'faulty',
      });
      await phased(ask, 'ready');
      await server.stop();
      await plantTelemetry(data_directory, tenant_id as TenantId, records / EACH, EACH);
      server = await startServer(data_directory);
      ask = await operatorOf(server);
      const caught_up = await timed(server, 'rollback_shown', () => shown(ask));
      const figures = await timed(server, 'rollback', async () => {
        await ask('POST', '/_deploy/rollback', { deployment_id, reason: 'measured' });
        const { last } = await phased(ask, 'none');
        if (last?.outcome !== 'rolled_back') throw new Error(`It ended ${String(last?.outcome)}.`);
      });
      const rollback_peak_bytes = await server.peakMemory();
      const page = await timed(server, 'rollback_page', () =>
        ask('GET', `/api/v2/audit/deployments/${deployment_id}/records`),
      );
      const report = await timed(server, 'rollback_report', () => readReport(ask, deployment_id, records));
      return {
        rollback_records: records,
        ...{ ...caught_up, ...figures, rollback_peak_bytes, ...page, ...report },
        rollback_report_peak_bytes: await server.peakMemory(),
      };
    } finally {
      await server.stop();
      await removeData(data_directory);
    }
  },
  rows: (figures) => [
    row(figures, `rolling back ${count(figures['rollback_records'] ?? NaN)} records`, 'rollback'),
    row(figures, '  the first page of what was introduced', 'rollback_page'),
    row(figures, '  all its pages, one after another', 'rollback_report'),
  ],
};

const row = (figures: Figures, what: string, name: string): Row => [
  what,
  `${(figures[`${name}_s`] ?? NaN).toFixed(1)} s, ${(figures[`${name}_cpu_s`] ?? NaN).toFixed(1)} s CPU`,
  Number.isFinite(figures[`${name}_peak_bytes`] ?? NaN)
    ? `${megabytes(figures, `${name}_peak_bytes`)} at most`
    : '',
];
