import { until } from '../../test/support/until.js';
import { operatorOf, type Ask } from '../operator.js';
import { cpuTime, serverPid } from '../server-process.js';
import { milliseconds, type Figures, type Row, type Step } from '../step.js';
import { batch } from './batch.js';

/** A deployment that is begun, and completed by an operator's word. */
const deploy = async (ask: Ask): Promise<string> => {
  const release = 'bench';
  const { deployment_id } = await ask<{ deployment_id: string }>('POST', '/_deploy/begin', { release });
  await until(
    async () => (await ask<{ phase: string }>('GET', '/_deploy/status')).phase === 'ready',
    600_000,
  );
  const override = { by: 'bench', reason: 'measuring' };
  await ask('POST', '/_deploy/complete', { deployment_id, override });
  return deployment_id;
};

/** The reports on a deployment over all that was stored before: what they take of the server's CPU, once and again. */
export const detection: Step = {
  name: 'detection',
  what: () => 'Reports on a deployment, the first and the second',
  measure: async (run, before) => {
    if (run.stored === 0) await batch.measure(run, before);
    const ask = await operatorOf(run.server);
    const pid = await serverPid(run.server.data_directory);
    const path = `/api/v2/audit/deployments/${await deploy(ask)}`;
    const figures: Record<string, number> = { detection_events: run.stored };
    for (const which of ['first', 'second'])
      for (const report of ['records', 'suspected']) {
        const from = await cpuTime(pid);
        await ask('GET', `${path}/${report}?tenant_id=${run.tenant.tenant_id}`);
        figures[`detection_${report}_${which}_cpu_ms`] =
          ((await cpuTime(pid)) ?? NaN) / 1000 - (from ?? NaN) / 1000;
      }
    return figures;
  },
  rows: (figures) => [
    row(figures, 'records', 'what a deployment introduced'),
    row(figures, 'suspected', 'what of its telemetry looks made up'),
  ],
};

const row = (figures: Figures, report: string, what: string): Row => [
  `${what}: the server's CPU for the first report / the second`,
  `${milliseconds(figures, `detection_${report}_first_cpu_ms`)} / ${milliseconds(figures, `detection_${report}_second_cpu_ms`)}`,
  `over ${(figures['detection_events'] ?? NaN).toLocaleString('en-GB')} events`,
];
