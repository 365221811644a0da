import { describe, expect, it } from '@jest/globals';
import { beginDeployment } from '../../../src/commands/begin-deployment.js';
import { MAX_RECORDS } from '../../../src/commands/quarantine/records.js';
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

  it('names records that follow each other as one run, however many there are', async () => {
    const { pipeline, log } = commandBench();
    await pipeline.execute(beginDeployment, { release: '2', deployment_id }, context);
    const many = Number(process.env.QUARANTINE_RECORDS ?? 100_000);
    const written = function* () {
      for (let n = 1; n <= many; n += 1)
        yield {
          ...{ tenant_id: n % 3 === 0 ? other : acme, stream: `alert-${n % 3}`, type: 'AlertFired' },
          ...{ revision: Math.floor(n / 3), position: n.toString(16).padStart(16, '0') },
        };
    };
    const done = await quarantineDeployment(pipeline, { ...quarantine, records: written() }, context);
    const of_other = Math.floor(many / 3);
    expect(done).toMatchObject({
      ok: true,
      value: [
        { tenant_id: acme, records: many - of_other },
        { tenant_id: other, records: of_other },
      ],
    });
    const proposed = log.events.filter(({ type }) => type === 'QuarantineProposed');
    expect(proposed.map(({ data }) => (data as { records: unknown[] }).records.length)).toEqual([2, 1]);
  });

  it('sets aside as many as one quarantine names before it asks for more, and the same ones again once', async () => {
    const { pipeline, log } = commandBench();
    await pipeline.execute(beginDeployment, { release: '2', deployment_id }, context);
    const approved = () => log.events.filter(({ type }) => type === 'QuarantineApproved').length;
    const before: number[] = [];
    const apart = async function* () {
      for (let n = 0; n < 2 * MAX_RECORDS + 10; n += 1) {
        await Promise.resolve();
        before.push(approved());
        const position = (n + 1).toString(16).padStart(16, '0');
        yield { tenant_id: acme, stream: 'users', revision: 2 * n, position, type: 'UserRegistered' };
      }
    };
    expect(await quarantineDeployment(pipeline, { ...quarantine, records: apart() }, context)).toMatchObject({
      value: [{ records: MAX_RECORDS }, { records: MAX_RECORDS }, { records: 10 }],
    });
    // Asked for the record behind the one that no longer fitted.
    expect(before.indexOf(1)).toBe(MAX_RECORDS + 1);
    expect(before.indexOf(2)).toBe(2 * MAX_RECORDS + 1);
    const written = log.events.length;
    expect(await quarantineDeployment(pipeline, { ...quarantine, records: apart() }, context)).toMatchObject({
      ok: true,
    });
    expect(log.events).toHaveLength(written);
  });

  it('waits for a person where two are asked for', async () => {
    const { pipeline, log } = commandBench();
    const done = await quarantineDeployment(pipeline, { ...quarantine, two_people: true }, context);
    expect(done).toMatchObject({ ok: true, value: [{ status: 'proposed' }, { status: 'proposed' }] });
    expect(log.events.map(({ type }) => type)).toEqual(['QuarantineProposed', 'QuarantineProposed']);
  });
});
