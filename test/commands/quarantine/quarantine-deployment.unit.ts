import { describe, expect, it } from '@jest/globals';
import { beginDeployment } from '../../../src/commands/begin-deployment.js';
import { quarantineDeployment } from '../../../src/commands/quarantine/quarantine-deployment.js';
import type { DeploymentId, TenantId } from '../../../src/domain/ids.js';
import { operatorPrincipal } from '../../../src/domain/tenancy/access.js';
import { commandBench } from '../../support/command-bench.js';

const acme = `ten_${'a'.repeat(32)}` as TenantId;
const other = `ten_${'b'.repeat(32)}` as TenantId;
const deployment_id = `dep_${'c'.repeat(32)}` as DeploymentId;
const context = {
  principal: operatorPrincipal,
  origin: 'deployment',
  request_id: 'roll-back',
  correlation_id: 'roll-back',
} as const;

const records = [acme, other, acme].map((tenant_id, n) => ({
  ...{ tenant_id, stream: `rule-${n}`, revision: 0, type: 'AlertRuleDefined' },
  position: `000000000000000${n + 1}`,
}));
const quarantine = { deployment_id, reason: 'rolled back', records, two_people: false };

describe('setting aside what a deployment introduced', () => {
  it('goes through the guard of the deployment, tenant by tenant, and once', async () => {
    const { pipeline, log } = commandBench();
    await pipeline.execute(beginDeployment, { release: '2', deployment_id }, context);
    const done = await quarantineDeployment(pipeline, quarantine, context);
    expect(done).toMatchObject({
      ok: true,
      value: [
        { tenant_id: acme, status: 'approved', records: 2 },
        { tenant_id: other, status: 'approved', records: 1 },
      ],
    });
    const written = log.events.length;
    expect(await quarantineDeployment(pipeline, quarantine, context)).toMatchObject({ ok: true });
    expect(log.events).toHaveLength(written);
    const [proposed] = log.events.filter(({ type }) => type === 'QuarantineProposed');
    expect(proposed).toMatchObject({
      stream: `quarantine-${acme}`,
      data: { deployment_id, by: { kind: 'operator', id: 'operator' } },
      metadata: { tenant_id: acme },
    });
  });

  it('waits for a person where two are asked for', async () => {
    const { pipeline, log } = commandBench();
    const done = await quarantineDeployment(pipeline, { ...quarantine, two_people: true }, context);
    expect(done).toMatchObject({ ok: true, value: [{ status: 'proposed' }, { status: 'proposed' }] });
    expect(log.events.map(({ type }) => type)).toEqual(['QuarantineProposed', 'QuarantineProposed']);
  });
});
