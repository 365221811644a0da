import { describe, expect, it } from '@jest/globals';
import type { DeploymentId, TenantId } from '../../../src/domain/ids.js';
import type { JsonObject } from '../../../src/domain/json.js';
import { introducedBy } from '../../../src/replay/detection/introduced.js';
import { randomOf } from '../../support/planted.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';

const acme = 'ten_a' as TenantId;
const deployment_id = 'dep_0190b3c5d1f87c0e8a4f3b2a1c0d9e8f' as DeploymentId;

/** A log in which a client is at work, and what else a test has happen. */
class World {
  readonly log = new MemoryEventLog(() => 5);
  release = '1';
  stamped = true;
  under_way = false;
  #requests = 0;

  #append(stream: string, type: string, data: JsonObject, metadata: object = {}) {
    const stamp = { release: this.release, ...(this.under_way && this.stamped && { deployment_id }) };
    return this.log.append(acme, stream, type, data, { ...stamp, ...metadata });
  }

  client(stream = 'rule-rul_1', type = 'AlertRuleChanged', data: JsonObject = {}, actor = 'usr_1') {
    this.#requests += 1;
    const request_id = `client-${this.#requests}`;
    return this.#append(stream, type, data, {
      ...{ request_id, causation_id: request_id, actor: { kind: 'user', id: actor } },
    });
  }

  process(cause: { id: string }, stream = 'alert-alr_1') {
    return this.#append(
      stream,
      'AlertFired',
      {},
      {
        ...{
          origin: 'process_manager',
          actor: { kind: 'process', id: 'alert-evaluator' },
          causation_id: cause.id,
        },
      },
    );
  }

  startup(type = 'AlertRuleDefined', data: JsonObject = {}, more: object = {}) {
    this.#requests += 1;
    return this.#append(`seed-${this.#requests}`, type, data, {
      ...{ origin: 'deployment', actor: { kind: 'process', id: 'seed' }, causation_id: 'start-up' },
      ...more,
    });
  }

  deployment(type: string, more: JsonObject = {}) {
    this.under_way = type === 'DeploymentBegun';
    return this.log.append(acme, 'deployments', type, { deployment_id, epoch: 1, ...more });
  }

  begin(mode = 'strict') {
    this.deployment('DeploymentBegun', { release: '2', mode });
    this.release = '2';
  }
}

/** As whom start-up code may write. */
const origins: readonly object[] = [
  {},
  { origin: 'process_manager', actor: { kind: 'process', id: 'migration' }, causation_id: 'migration-7' },
  { origin: 'process_manager', actor: { kind: 'process', id: 'alert-evaluator' }, causation_id: 'nothing' },
  { origin: 'api', actor: { kind: 'process', id: 'seed' } },
  { origin: 'cli', actor: { kind: 'operator', id: 'operator' }, causation_id: 'no request' },
];

const positions = (records: readonly { readonly position: string }[]) =>
  records.map(({ position }) => position);

describe('what a deployment introduced', () => {
  it('is, of the incident, the eight records that start-up code wrote, and no other', async () => {
    const world = new World();
    for (let n = 0; n < 20; n += 1) world.client();
    world.begin();
    const planted = Array.from({ length: 8 }, () => world.startup());
    world.deployment('DeploymentCompleted');
    const last = world.client();
    world.process(last);
    const report = await introducedBy(world.log, deployment_id);
    expect(positions(report?.records ?? [])).toEqual(positions(planted));
    expect(report).toMatchObject({ only_by_provenance: [], only_by_window: [] });
    expect(report?.records[0]).toMatchObject({
      score: 1,
      reasons: [{ code: 'written_under_guard' }, { code: 'no_client_command' }],
    });
  });

  it.each([10_007, 20_011, 30_011])(
    'is found, all of it and only it, a thousand records among ten thousand of a dozen kinds (seed %d)',
    async (seed) => {
      const random = randomOf(seed);
      const of = (count: number): number => Math.floor(random() * count);
      const kinds = [
        'AlertRuleDefined',
        'AlertRuleChanged',
        'AlertRuleDeleted',
        'AlertAcknowledged',
        'ApiKeyRevoked',
      ];
      kinds.push(
        'RoutePatternsDefined',
        'UserRoleChanged',
        'AlertEscalated',
        'AlertResolved',
        'TelemetryRecorded',
      );
      const world = new World();
      let cause = world.client();
      const ordinary = (types: readonly string[]): void => {
        if (random() < 0.2) world.process(cause, `alert-alr_${of(50)}`);
        else cause = world.client(`thing-${of(500)}`, types[of(types.length)], {}, `usr_${of(20)}`);
      };
      for (let n = 0; n < 5_000; n += 1) ordinary(kinds);
      world.begin('allow_ingest');
      const planted: string[] = [];
      for (let n = 0; n < 3_000; n += 1) {
        // While it is under way process managers wait: clients' telemetry comes in, and nothing else of theirs.
        if (n < 2_000) cause = world.client(`telemetry-${of(9)}`, 'TelemetryRecorded');
        else planted.push(world.startup(kinds[of(kinds.length)], {}, origins[of(origins.length)]).position);
      }
      world.deployment('DeploymentCompleted');
      for (let n = 0; n < 3_000; n += 1) ordinary(kinds);
      const false_ones = new Set(planted);
      const legitimate = world.log.events.filter(
        ({ position, stream }) => !false_ones.has(position) && stream !== 'deployments',
      );
      expect([planted.length, legitimate.length]).toEqual([1_000, 10_001]);
      expect(new Set(legitimate.map(({ type }) => type)).size).toBeGreaterThanOrEqual(10);
      const report = await introducedBy(world.log, deployment_id);
      expect(positions(report?.records ?? [])).toEqual(planted);
      expect(report).toMatchObject({ only_by_provenance: [], only_by_window: [] });
    },
    60_000,
  );

  it('leaves alone the telemetry that clients send where the guard lets it in, and what follows from it', async () => {
    const world = new World();
    world.client();
    world.begin('allow_ingest');
    const sent = world.client('telemetry-1', 'TelemetryRecorded');
    const planted = world.startup('TelemetryRecorded');
    world.deployment('DeploymentCompleted');
    world.process(sent);
    const follows = world.process(planted);
    const report = await introducedBy(world.log, deployment_id);
    expect(positions(report?.records ?? [])).toEqual(positions([planted, follows]));
    expect(report?.records[1]?.reasons).toMatchObject([
      { code: 'caused_by_introduced' },
      { code: 'no_client_command' },
    ]);
  });

  it('follows causes from before the deployment to the client that asked', async () => {
    const world = new World();
    const cause = world.client('telemetry-1', 'TelemetryRecorded');
    const middle = world.process(cause);
    world.begin('allow_ingest');
    world.deployment('DeploymentCompleted');
    world.process(middle);
    expect((await introducedBy(world.log, deployment_id))?.records).toEqual([]);
  });

  it('has what is done with a key or account that it made', async () => {
    const world = new World();
    world.begin('allow_ingest');
    const made = world.startup('ApiKeyIssued', { key_id: 'key_planted' });
    world.deployment('DeploymentCompleted');
    const used = world.client('telemetry-1', 'TelemetryRecorded', {}, 'key_planted');
    world.client();
    const report = await introducedBy(world.log, deployment_id);
    expect(positions(report?.records ?? [])).toEqual(positions([made, used]));
    expect(report?.records[1]?.reasons).toMatchObject([{ code: 'by_introduced_actor' }]);
  });

  it('has no seal of the server that runs since, and each that was written while the guard was up', async () => {
    const world = new World();
    const seal = (cause: { id: string }) =>
      world.startup(
        'CheckpointSealed',
        {},
        {
          ...{ origin: 'process_manager', actor: { kind: 'process', id: 'sealer' }, causation_id: cause.id },
        },
      );
    world.client();
    world.begin();
    const planted = world.startup();
    const forged = seal(planted);
    const end = world.deployment('DeploymentRolledBack');
    seal(end);
    seal(planted);
    seal(world.client());
    const report = await introducedBy(world.log, deployment_id);
    expect(positions(report?.records ?? [])).toEqual(positions([planted, forged]));
    expect(report).toMatchObject({ only_by_provenance: [], only_by_window: [] });
  });

  it('says where stamp and place do not agree: what was written past the writer, and what came late', async () => {
    const world = new World();
    world.client();
    world.begin();
    world.stamped = false;
    const past = world.startup('AlertRuleDefined', {}, { release: '1' });
    world.deployment('DeploymentRolledBack');
    const late = world.startup();
    const report = await introducedBy(world.log, deployment_id);
    expect(report?.only_by_window).toEqual(positions([past]));
    expect(report?.only_by_provenance).toEqual(positions([late]));
    expect(positions(report?.records ?? [])).toEqual(positions([past, late]));
  });

  it('has a client at its root where the cause is the last record that was measured as from before', async () => {
    const world = new World();
    world.client();
    world.begin();
    const cause = world.client();
    world.deployment('DeploymentMeasured', { before: { position: cause.position } });
    world.deployment('DeploymentCompleted');
    world.process(cause);
    expect((await introducedBy(world.log, deployment_id))?.records).toEqual([]);
  });

  it('is not made less by a second measurement, which only a forger writes', async () => {
    const world = new World();
    world.begin();
    world.deployment('DeploymentMeasured', { before: { position: world.log.events.at(-1)!.position } });
    world.under_way = true;
    const planted = world.startup();
    world.deployment('DeploymentMeasured', { before: { position: planted.position } });
    const report = await introducedBy(world.log, deployment_id);
    expect(positions(report?.records ?? [])).toEqual(positions([planted]));
  });

  it('ends with the deployment: measurements and verifications do not end it', async () => {
    const world = new World();
    world.begin();
    const { position } = world.log.events.at(-1)!;
    world.deployment('DeploymentMeasured', { before: { position } });
    world.under_way = true;
    const inside = world.startup();
    world.deployment('DeploymentVerified');
    const end = world.deployment('DeploymentOverridden');
    const report = await introducedBy(world.log, deployment_id);
    expect(report?.window.end).toBe(end.position);
    expect(positions(report?.records ?? [])).toEqual(positions([inside]));
    expect(await introducedBy(world.log, 'dep_other')).toBeUndefined();
  });
});
