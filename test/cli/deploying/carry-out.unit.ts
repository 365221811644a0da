import { describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  carryOut,
  ServerGone,
  type DeployResult,
  type DeployWorld,
} from '../../../src/cli/deploying/carry-out.js';
import { readJournal, writeJournal, type Journal } from '../../../src/cli/deploying/journal.js';
import { restoreGuard } from '../../../src/commands/guard-following.js';
import type { Step } from '../../../src/commands/command.js';
import { approveQuarantine } from '../../../src/commands/quarantine/decide-quarantine.js';
import type { Deployments } from '../../../src/deployments/deployments.js';
import { operatorPrincipal, userPrincipal, type Principal } from '../../../src/domain/tenancy/access.js';
import type { EventId } from '../../../src/domain/ids.js';
import type { StreamName } from '../../../src/eventstore/event-store.js';
import { uuidFrom } from '../../../src/platform/uuid.js';
import { commandBench, registered, requestOf, type CommandBench } from '../../support/command-bench.js';
import { deploymentsOn } from '../../support/deployments-bench.js';

/** The process that deploys has died: nothing after it is done. */
class Killed extends Error {}

/** What outlives a process: the log, the release that runs, the records that were written past the guard. */
interface Machine {
  bench: CommandBench;
  deployments: Deployments;
  readonly two_people: boolean;
  /** Of the one tenant. */
  readonly owner: Principal;
  running: 'old' | 'half' | 'new';
}

const machine = async (two_people = false): Promise<Machine> => {
  const bench = commandBench();
  const { tenant, user } = await registered(bench);
  const owner = userPrincipal(tenant.id, user.id, 'owner');
  return { bench, owner, deployments: deploymentsOn(bench, { two_people }), two_people, running: 'old' };
};

/** The server dies and is started again on the same log: what it was doing is lost. */
const restart = async (machine: Machine): Promise<void> => {
  await machine.deployments.close();
  const { log, clock, store, random } = machine.bench;
  machine.bench = commandBench({ log, clock, store, random });
  await restoreGuard(log, machine.bench.guard);
  machine.deployments = deploymentsOn(machine.bench, { two_people: machine.two_people });
};

type Fault = 'none' | 'command fails' | 'release writes' | 'server does not come back';

const plant = (log: CommandBench['log']): Promise<unknown> => {
  const id = uuidFrom('planted', String(log.events.length));
  const metadata = { ...log.events[0]!.metadata, actor: { kind: 'process', id: 'startup' } } as const;
  const made = { id: id as EventId, type: 'AlertRuleDefined', schema_version: 1, data: {}, metadata };
  return log.append(`rule-${id}` as StreamName, 'none', [made]);
};

/** A world that dies before or after its n-th act; acts are everything that changes something outside the process. */
const worldOn = (machine: Machine, directory: string, fault: Fault, dies_at: number) => {
  let acts = 0;
  const act = async <T>(work: () => Promise<T>): Promise<T> => {
    acts += 1;
    if (acts === dies_at) throw new Killed();
    const result = await work();
    acts += 1;
    if (acts === dies_at) throw new Killed();
    return result;
  };
  let gone = false;
  const refusal = (step: Step<unknown>): string | undefined => (step.ok ? undefined : step.refusal.detail);
  const context = () => requestOf(operatorPrincipal);
  const at = <T>(work: (deployments: Deployments) => Promise<T>): Promise<T> =>
    gone ? Promise.reject(new ServerGone('no server has answered')) : work(machine.deployments);
  const world: DeployWorld = {
    server: {
      begin: ({ deployment_id, release, mode }) =>
        act(() => at(async (on) => refusal(await on.begin({ deployment_id, release, mode }, context())))),
      status: () => at((on) => on.status()),
      verify: ({ deployment_id, root }) =>
        act(() => at(async (on) => refusal(await on.verify(deployment_id, context(), root)))),
      complete: ({ deployment_id }) =>
        act(() => at(async (on) => refusal(await on.complete(deployment_id, context())))),
      rollBack: ({ deployment_id, reason = '', root }) =>
        act(() => at(async (on) => refusal(await on.rollBack(deployment_id, reason, context(), root)))),
    },
    deploy: async () => {
      await act(() => Promise.resolve((machine.running = 'half')));
      return act(async () => {
        await restart(machine);
        if (fault === 'command fails') return 1;
        if (fault === 'release writes') await plant(machine.bench.log);
        if (fault === 'server does not come back') gone = true;
        machine.running = 'new';
        return 0;
      });
    },
    undo: () =>
      act(async () => {
        await restart(machine);
        gone = false;
        machine.running = 'old';
        return 0;
      }),
    keep: (journal) => act(() => writeJournal(directory, journal)),
    tell: () => undefined,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  };
  return { world, acts: () => acts };
};

const journal: Journal = {
  ...{ deployment_id: `dep_${'1'.repeat(32)}`, release: 'new', mode: 'strict', step: 'begin' },
  ...{ command: ['deploy'], rollback_command: 'undo' },
};

/** Carries a deployment out, dying at an act; then goes on with it, over a restart of the server too, to its end. */
const carriedOut = async (
  fault: Fault,
  dies_at: number,
  restarts: boolean,
): Promise<{ readonly result: DeployResult; readonly machine: Machine; readonly acts: number }> => {
  const directory = await mkdtemp(join(tmpdir(), 'pulsestream-journal-'));
  try {
    const on = await machine();
    await writeJournal(directory, journal);
    const first = worldOn(on, directory, fault, dies_at);
    let result: DeployResult;
    try {
      result = await carryOut(journal, first.world);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      if (restarts) await restart(on);
      const kept = (await readJournal(directory))!;
      result = await carryOut(kept, worldOn(on, directory, fault, Infinity).world);
    }
    await on.deployments.close();
    return { result, machine: on, acts: first.acts() };
  } finally {
    await rm(directory, { recursive: true });
  }
};

const typesOf = ({ bench }: Machine): readonly string[] => bench.log.events.map(({ type }) => type);

describe('carrying a deployment out', () => {
  it('deploys, verifies and completes', async () => {
    const { result, machine } = await carriedOut('none', Infinity, false);
    expect([result.outcome, machine.running, machine.bench.guard.state.mode]).toEqual([
      'deployed',
      'new',
      'open',
    ]);
    expect(typesOf(machine).slice(-4)).toEqual([
      'DeploymentBegun',
      'DeploymentMeasured',
      'DeploymentVerified',
      'DeploymentCompleted',
    ]);
  });

  it.each(['command fails', 'server does not come back'] as const)(
    'takes everything back where the %s',
    async (fault) => {
      const { result, machine } = await carriedOut(fault, Infinity, false);
      expect([result.outcome, machine.running, machine.bench.guard.state.mode]).toEqual([
        'rolled_back',
        'old',
        'open',
      ]);
      expect(typesOf(machine).at(-1)).toBe('DeploymentRolledBack');
    },
  );

  it('sets aside what the release wrote past the guard', async () => {
    const { result, machine } = await carriedOut('release writes', Infinity, false);
    expect([result.outcome, machine.running, machine.bench.guard.state.mode]).toEqual([
      'rolled_back',
      'old',
      'open',
    ]);
    expect(result.journal.reason).toContain('found 1 things');
    expect(typesOf(machine).slice(-8)).toEqual([
      ...['DeploymentBegun', 'DeploymentMeasured', 'AlertRuleDefined', 'DeploymentVerified'],
      ...['QuarantineProposed', 'QuarantineApproved', 'DeploymentVerified', 'DeploymentRolledBack'],
    ]);
  });

  it('leaves the guard up where another person has to approve of that', async () => {
    const on = await machine(true);
    const directory = await mkdtemp(join(tmpdir(), 'pulsestream-journal-'));
    const { world } = worldOn(on, directory, 'release writes', Infinity);
    const result = await carryOut(journal, world);
    expect([result.outcome, on.running, on.bench.guard.state.mode]).toEqual(['stuck', 'old', 'strict']);
    await rm(directory, { recursive: true });
    await on.deployments.close();
  });

  it('goes on where that person has approved, and ends as before', async () => {
    const on = await machine(true);
    const directory = await mkdtemp(join(tmpdir(), 'pulsestream-journal-'));
    await writeJournal(directory, journal);
    const { world } = worldOn(on, directory, 'release writes', Infinity);
    expect((await carryOut(journal, world)).outcome).toBe('stuck');
    const proposed = on.bench.log.events.find(({ type }) => type === 'QuarantineProposed')!;
    const { quarantine_id } = proposed.data as { quarantine_id: string };
    const approve = (principal: Principal, more: object = {}) =>
      on.bench.pipeline.execute(approveQuarantine, { quarantine_id, ...more }, requestOf(principal));

    // Not who proposed it; and under the guard nothing else is to be approved.
    const { tenant_id } = on.owner;
    expect(await approve(operatorPrincipal, { tenant_id })).toMatchObject({
      refusal: { code: 'second_person_needed' },
    });
    const other = { quarantine_id: `qua_${'3'.repeat(32)}` };
    expect(await approve(on.owner, other)).toMatchObject({ refusal: { code: 'deployment_in_progress' } });
    expect(await approve(on.owner)).toMatchObject({ ok: true });

    const result = await carryOut((await readJournal(directory))!, world);
    expect([result.outcome, on.running, on.bench.guard.state.mode]).toEqual(['rolled_back', 'old', 'open']);
    expect(typesOf(on).slice(-3)).toEqual([
      'QuarantineApproved',
      'DeploymentVerified',
      'DeploymentRolledBack',
    ]);
    await rm(directory, { recursive: true });
    await on.deployments.close();
  });

  it('is over where a person has lowered the guard before it is gone on with', async () => {
    const on = await machine(true);
    const directory = await mkdtemp(join(tmpdir(), 'pulsestream-journal-'));
    await writeJournal(directory, journal);
    const { world } = worldOn(on, directory, 'release writes', Infinity);
    expect((await carryOut(journal, world)).outcome).toBe('stuck');
    const override = { by: 'ada', reason: 'they are harmless' };
    await on.deployments.override(journal.deployment_id, override, requestOf(operatorPrincipal));

    const before = on.bench.log.events.length;
    const result = await carryOut((await readJournal(directory))!, world);
    expect([result.outcome, on.bench.guard.state.mode]).toEqual(['ended_by_hand', 'open']);
    expect(on.bench.log.events).toHaveLength(before);
    await rm(directory, { recursive: true });
    await on.deployments.close();
  });

  it('begins nothing where another deployment is under way', async () => {
    const on = await machine();
    await on.deployments.begin({ release: 'other' }, requestOf(operatorPrincipal));
    const directory = await mkdtemp(join(tmpdir(), 'pulsestream-journal-'));
    const result = await carryOut(journal, worldOn(on, directory, 'none', Infinity).world);
    expect([result.outcome, on.running]).toEqual(['not_begun', 'old']);
    await rm(directory, { recursive: true });
    await on.deployments.close();
  });

  it('begins nothing where something is not well', async () => {
    const on = await machine();
    const failing = { name: 'alert-evaluation', state: 'failing', detail: 'out of order' };
    on.deployments = deploymentsOn(on.bench, { processes: [failing] });
    const directory = await mkdtemp(join(tmpdir(), 'pulsestream-journal-'));
    const before = on.bench.log.events.length;
    const result = await carryOut(journal, worldOn(on, directory, 'none', Infinity).world);
    expect(result).toMatchObject({
      outcome: 'not_begun',
      journal: { reason: expect.stringContaining('alert-evaluation fails: out of order') },
    });
    expect(on.bench.log.events).toHaveLength(before);
    await rm(directory, { recursive: true });
    await on.deployments.close();
  });

  it('says so where a person lowered the guard meanwhile', async () => {
    const on = await machine();
    const directory = await mkdtemp(join(tmpdir(), 'pulsestream-journal-'));
    const { world } = worldOn(on, directory, 'none', Infinity);
    const { deployment_id } = journal;
    const deploy = async (): Promise<number> => {
      const override = { by: 'ada', reason: 'enough' };
      await on.deployments.override(deployment_id, override, requestOf(operatorPrincipal));
      return 0;
    };
    expect(await carryOut(journal, { ...world, deploy })).toMatchObject({ outcome: 'ended_by_hand' });
    await rm(directory, { recursive: true });
    await on.deployments.close();
  });
});

describe('killed at any point and gone on with', () => {
  const ends: readonly (readonly [string, string])[] = [
    ['deployed', 'new'],
    ['rolled_back', 'old'],
  ];

  it('a deployment ends exactly as before, or after and verified', async () => {
    let points = 0;
    for (const fault of ['none', 'command fails', 'server does not come back', 'release writes'] as const)
      for (const restarts of [false, true]) {
        const { acts } = await carriedOut(fault, Infinity, false);
        for (let dies_at = 1; dies_at <= acts; dies_at += 1) {
          const { result, machine } = await carriedOut(fault, dies_at, restarts);
          points += 1;
          const where = [fault, restarts, dies_at];
          expect(ends).toContainEqual([result.outcome, machine.running]);
          if (fault === 'command fails' || fault === 'release writes')
            expect([where, result.outcome]).toEqual([where, 'rolled_back']);
          expect([where, machine.bench.guard.state.mode]).toEqual([where, 'open']);
          const types = typesOf(machine);
          const after = types.slice(types.indexOf('DeploymentBegun'));
          const written = after.filter((type) => !/^(Deployment|Quarantine)/.test(type));
          const planted =
            fault === 'release writes' ? written.filter((type) => type === 'AlertRuleDefined') : [];
          expect([where, written]).toEqual([where, planted]);
          expect([where, after.filter((type) => type === 'DeploymentBegun').length]).toEqual([where, 1]);
          const verified = after.lastIndexOf('DeploymentVerified');
          const end = result.outcome === 'deployed' ? 'DeploymentCompleted' : 'DeploymentRolledBack';
          expect([where, after.slice(verified)]).toEqual([where, ['DeploymentVerified', end]]);
        }
      }
    expect(points).toBeGreaterThanOrEqual(100);
  });
});
