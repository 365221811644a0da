import { describe, expect, it } from '@jest/globals';
import { beginDeployment } from '../../src/commands/begin-deployment.js';
import { DeploymentGuard } from '../../src/commands/guard.js';
import { GuardReader } from '../../src/commands/guard-following.js';
import { overrideDeployment } from '../../src/commands/override-deployment.js';
import { registerTenant } from '../../src/commands/register-tenant.js';
import { anonymousPrincipal, operatorPrincipal } from '../../src/domain/tenancy/access.js';
import type { Cause } from '../../src/commands/writer.js';
import type { EventId } from '../../src/domain/ids.js';
import { EventStoreUnavailable, type StreamName } from '../../src/eventstore/event-store.js';
import { commandBench, refusalOf, requestOf, valueOf } from '../support/command-bench.js';
import { deploymentsOn } from '../support/deployments-bench.js';
import { TestLog } from '../support/telemetry.js';
import { until } from '../support/until.js';

/** Two instances on one log, neither of which follows what the other does. */
const instances = () => {
  const log = new TestLog();
  const one = commandBench({ log, instance_id: 'one', several: true });
  const other = commandBench({ log, instance_id: 'other', several: true, random: one.random });
  return { log, one, other };
};
type Bench = ReturnType<typeof instances>['one'];

const begin = async ({ pipeline }: Bench): Promise<string> => {
  const context = requestOf(operatorPrincipal, { origin: 'deployment' });
  return valueOf(await pipeline.execute(beginDeployment, { release: 'r2' }, context)).deployment_id;
};
const end = async ({ pipeline }: Bench, deployment_id: string): Promise<void> => {
  const override = { by: 'ada', reason: 'a test' };
  const context = requestOf(operatorPrincipal, { origin: 'deployment' });
  valueOf(await pipeline.execute(overrideDeployment, { deployment_id, override }, context));
};
const register = ({ pipeline }: Bench, name: string) =>
  pipeline.execute(
    registerTenant,
    { tenant_name: name, email: `ada@${name}.example`, password: 'correct horse' },
    requestOf(anonymousPrincipal),
  );

const THINGS = 'things-1' as StreamName;
const ID = '00000009-0000-8000-8000-000000000009' as EventId;
const CAUSE: Cause = {
  actor: { kind: 'api_key', id: 'key_1' },
  origin: 'api',
  request_id: 'req-9',
  correlation_id: 'req-9',
  causation_id: 'req-9',
};

describe('an instance whose log others write to', () => {
  it('writes nothing from the moment on in which another has begun a deployment', async () => {
    const { log, one, other } = instances();
    await begin(one);
    const before = log.events.length;
    expect(refusalOf(await register(other, 'acme'))).toMatchObject({ code: 'deployment_in_progress' });
    expect(log.events).toHaveLength(before);
    expect(other.guard.state).toMatchObject({ mode: 'strict', epoch: 1 });
  });

  it('refuses what it had let in before, at the append', async () => {
    const { log, one, other } = instances();
    const ticket = other.guard.admit('domain')!;
    const deployment_id = await begin(one);
    await end(one, deployment_id);
    const before = log.events.length;
    const draft = { id: ID, type: 'ThingHappened', schema_version: 1, data: {} };
    const outcome = await other.writer.append(THINGS, 'none', [draft], CAUSE, ticket);
    expect(outcome).toEqual({ outcome: 'guarded' });
    expect(log.events).toHaveLength(before);
  });

  it('writes again as soon as the other has lowered the guard', async () => {
    const { one, other } = instances();
    const deployment_id = await begin(one);
    expect((await register(other, 'acme')).ok).toBe(false);
    await end(one, deployment_id);
    // Commands are let in by what was followed; what follows the log tells of the end.
    await new GuardReader(other.log, other.guard).readOn();
    expect((await register(other, 'acme')).ok).toBe(true);
  });

  it('says that it cannot write where it cannot learn of the guard', async () => {
    const { log, other } = instances();
    const cannot = new EventStoreUnavailable('unreachable', 'the store is away');
    const readStream = log.readStream.bind(log);
    log.readStream = (stream, options) => {
      if (stream === 'deployments') throw cannot;
      return readStream(stream, options);
    };
    expect(refusalOf(await register(other, 'acme')).kind).toBe('unavailable');
    expect(log.events).toEqual([]);
  });
});

describe('a deployment on a log that several instances write to', () => {
  it('takes for what was before what another had under way when it was begun', async () => {
    const { log, one, other } = instances();
    // The record of the other instance has passed the guard, and comes to the log behind the begin.
    let land = (): void => undefined;
    const landing = new Promise<undefined>((resolve) => {
      land = () => {
        resolve(undefined);
      };
    });
    log.before = () => (log.appends === 1 ? landing : Promise.resolve(undefined));
    const draft = { id: ID, type: 'ThingHappened', schema_version: 1, data: {} };
    const writing = other.writer.append(THINGS, 'none', [draft], CAUSE, other.guard.admit('domain')!);
    await until(() => log.appends === 1);

    const context = requestOf(operatorPrincipal);
    const clock = Object.assign(one.clock, {
      sleep: async () => {
        land();
        await writing;
      },
    });
    const deployments = deploymentsOn({ ...one, clock }, { others_ms: 1_000 });
    const { deployment_id } = valueOf(await deployments.begin({ release: 'r2' }, context));
    await until(async () => (await deployments.status()).phase === 'ready');
    expect(log.events.slice(0, 2).map(({ type }) => type)).toEqual(['DeploymentBegun', 'ThingHappened']);
    expect(await writing).toMatchObject({ outcome: 'appended' });

    await deployments.verify(deployment_id, context);
    await until(async () => (await deployments.status()).phase !== 'verifying');
    expect(await deployments.status()).toMatchObject({ phase: 'verified', verified: { findings: [] } });
    await deployments.close();
  });
});

describe('reading the guard', () => {
  it('answers all who ask meanwhile by one read that began after they did', async () => {
    const log = new TestLog();
    let reads = 0;
    const guard = new DeploymentGuard(false);
    const reader = new GuardReader(
      {
        readStream: (...of) => {
          reads += 1;
          return log.readStream(...of);
        },
      },
      guard,
    );
    const first = reader.readOn();
    await begin(commandBench({ log }));
    await Promise.all([reader.readOn(), reader.readOn(), reader.readOn(), first]);
    expect(reads).toBeLessThanOrEqual(3);
    expect(guard.state.mode).toBe('strict');
  });
});
