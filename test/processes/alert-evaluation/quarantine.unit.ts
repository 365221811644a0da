import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { QuarantineId } from '../../../src/domain/ids.js';
import type { JsonObject } from '../../../src/domain/json.js';
import { quarantineStream } from '../../../src/domain/streams.js';
import { alertEvaluation } from '../../../src/processes/alert-evaluation/alert-evaluation.js';
import { ProcessManager } from '../../../src/processes/process-manager.js';
import { Snapshots } from '../../../src/processes/snapshots.js';
import { acme, aRule, at, failed, ok, times } from '../../support/alert-evaluation.js';
import { AlertWorld } from '../../support/alert-world.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { until } from '../../support/until.js';

const GRID_SECONDS = 5;
const quarantine_id = 'qua_1' as QuarantineId;
const by = { kind: 'user', id: 'usr_1' };

describe('the evaluation of alert rules, when telemetry is set aside', () => {
  let world: AlertWorld;
  let clock: ManualClock;
  let store: MemoryReadStore;
  let manager: ProcessManager<unknown>;

  const start = (): void => {
    const quiet = () => undefined;
    manager = new ProcessManager(
      alertEvaluation(GRID_SECONDS, (transition) => {
        world.take(transition);
        return Promise.resolve({ outcome: 'done' });
      }),
      {
        ...{ log: world.log, clock, snapshots: new Snapshots(store) },
        settle: () => Promise.resolve(),
        logger: { info: quiet, warn: quiet, error: quiet },
      },
    );
    manager.start();
  };
  const caughtUp = () =>
    until(() => {
      const { caught_up, position, state } = manager.status();
      return caught_up && state === 'running' && position === world.log.events.at(-1)?.position;
    });
  const timeIs = (seconds: number): void => {
    world.now = at(seconds);
    clock.advance(world.now - clock.now());
  };
  const send = async (seconds: number, events: Parameters<AlertWorld['telemetry']>[0]) => {
    timeIs(seconds);
    world.telemetry(events);
    await caughtUp();
  };
  const say = (type: string, more: JsonObject = {}): void => {
    const recorded_at = new Date(world.now).toISOString();
    world.log.append(acme, quarantineStream(acme), type, { quarantine_id, by, ...more }, { recorded_at });
  };
  const planted = () => {
    const [event] = world.log.events.filter(({ type }) => type === 'TelemetryRecorded');
    const { stream, revision, position, type } = event!;
    return { stream, revision, position, type };
  };
  const facts = () => world.alertEvents.map(({ event }) => event.type);

  beforeEach(async () => {
    world = new AlertWorld(() => 2);
    clock = new ManualClock(at(0));
    store = new MemoryReadStore();
    const { rule_id, name, severity, condition, window_seconds, for_seconds } = aRule();
    const rule = { rule_id, name, severity, condition, window_seconds, for_seconds, enabled: true };
    world.rule({ type: 'AlertRuleDefined', data: rule });
    start();
    await send(1, times(10, failed()));
    await send(6, [ok()]);
    await until(() => facts().includes('AlertFired'));
  });
  afterEach(() => manager.stop());

  it('counts none of it: what it set off ends, and is not set off a second time when it is released', async () => {
    timeIs(12);
    say('QuarantineProposed', { reason: 'false', records: [planted()] });
    await send(16, [ok()]);
    expect(facts()).toEqual(['AlertFired']);
    say('QuarantineApproved');
    await send(21, [ok()]);
    await send(26, [ok()]);
    await until(() => facts().length === 2);
    expect(facts()).toEqual(['AlertFired', 'AlertResolved']);
    // Who resolved it need not be told again of what was known: released, it counts for what comes.
    say('QuarantineReleased');
    await send(31, [ok()]);
    await send(36, [ok()]);
    expect(facts()).toEqual(['AlertFired', 'AlertResolved']);
  });

  it('counts some events of a chunk and not the others', async () => {
    timeIs(12);
    say('QuarantineProposed', { reason: 'false', records: [{ ...planted(), indexes: [[0, 3]] }] as never });
    say('QuarantineApproved');
    await send(21, [ok()]);
    await send(26, [ok()]);
    // Six of ten are left, more than five.
    expect(facts()).toEqual(['AlertFired']);
    const other = { quarantine_id: 'qua_2', records: [{ ...planted(), indexes: [[9, 9]] }] as never };
    say('QuarantineProposed', { reason: 'false', ...other });
    say('QuarantineApproved', { quarantine_id: 'qua_2' });
    await send(31, [ok()]);
    await send(36, [ok()]);
    await until(() => facts().length === 2);
    expect(facts()).toEqual(['AlertFired', 'AlertResolved']);
  });

  it('does so after a restart in the middle of it, from a state that still counts what is set aside', async () => {
    await manager.stop();
    timeIs(12);
    say('QuarantineProposed', { reason: 'false', records: [planted()] });
    say('QuarantineApproved');
    start();
    await send(21, [ok()]);
    await send(26, [ok()]);
    await until(() => facts().length === 2);
    expect(facts()).toEqual(['AlertFired', 'AlertResolved']);
  });
});
