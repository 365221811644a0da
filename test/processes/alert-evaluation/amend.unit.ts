import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AlertStanding } from '../../../src/domain/alerting/evaluation/group.js';
import type { SavedEvaluation } from '../../../src/domain/alerting/evaluation/saved.js';
import type { Condition } from '../../../src/domain/alerting/rule.js';
import type { RuleId } from '../../../src/domain/ids.js';
import type { JsonObject } from '../../../src/domain/json.js';
import type { QuarantinedRecord } from '../../../src/domain/quarantine/quarantine.js';
import { quarantineStream } from '../../../src/domain/streams.js';
import { TELEMETRY_RECORDED } from '../../../src/domain/telemetry/stored-chunk.js';
import { START, type EventFilter, type Position } from '../../../src/eventstore/event-store.js';
import { alertEvaluation } from '../../../src/processes/alert-evaluation/alert-evaluation.js';
import { ProcessManager } from '../../../src/processes/process-manager.js';
import { Snapshots } from '../../../src/processes/snapshots.js';
import { acme, aRule, at } from '../../support/alert-evaluation.js';
import { AlertWorld } from '../../support/alert-world.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { until } from '../../support/until.js';

const by = { kind: 'user', id: 'usr_1' };
const quiet = () => undefined;
const nothing = { info: quiet, warn: quiet, error: quiet };

/** An evaluation over a log; nothing that it decides is written, so that two of them see the same. */
const evaluating = (
  world: AlertWorld,
  store: MemoryReadStore,
  watched: (after: Position) => void = quiet,
) => {
  const { log } = world;
  const clock = new ManualClock(world.now);
  const readAll = (after: Position, filter?: EventFilter) => {
    watched(after);
    return log.readAll(after, filter);
  };
  const manager = new ProcessManager(
    alertEvaluation(5, () => Promise.resolve({ outcome: 'done' })),
    {
      log: {
        readAll,
        readStream: (...args) => log.readStream(...args),
        subscribe: (after, filter, signal) => log.subscribe(after, filter, signal),
        sift: log.sift,
        head: () => log.head(),
        health: () => log.health(),
      },
      ...{ clock, snapshots: new Snapshots(store), settle: () => Promise.resolve(), logger: nothing },
    },
  );
  manager.start();
  const caughtUp = () =>
    until(() => {
      const { caught_up, position, state } = manager.status();
      return caught_up && state === 'running' && position === log.events.at(-1)?.position;
    });
  return { manager, caughtUp };
};

/** What is counted by rule and group: cells by series and bucket, and whether an alert is open. */
const counts = async (store: MemoryReadStore) => {
  const snapshot = await new Snapshots(store).load('alert-evaluation');
  const { tenants } = JSON.parse(Buffer.from(snapshot!.state).toString()) as SavedEvaluation;
  return tenants.flatMap(({ watches }) =>
    watches.map(({ rule, groups }) => ({
      rule: rule.rule_id,
      groups: groups
        .map(({ key, windows, alert }) => ({
          key,
          is_open: isOpen(alert),
          windows: windows.map((cells) => cells.toSorted(([one], [other]) => one - other)),
        }))
        .sort((one, other) => (one.key < other.key ? -1 : 1)),
    })),
  );
};

const isOpen = ({ status }: AlertStanding): boolean => status === 'pending' || status === 'firing';

const conditions: readonly Condition[] = [
  { metric: 'error_count', operator: '>', threshold: 1e6 },
  { metric: 'unique_users', operator: '>=', threshold: 1e6 },
  { metric: 'latency_max', operator: '>', threshold: 1e6 },
  { metric: 'request_count', operator: '>', threshold: 1e6, filter: { route: '/shop/{slug}' } },
];

it('an evaluation from which telemetry is taken, and to which it is given back, counts what one counts that never had it', async () => {
  const event = fc.record({
    route: fc.constantFrom('a', 'b'),
    status: fc.constantFrom(200, 500),
    duration: fc.nat({ max: 900 }),
    user: fc.constantFrom('u1', 'u2', 'u3'),
    late: fc.constantFrom(0, 0, 5, 40, 90),
  });
  const step = fc.record({
    seconds: fc.integer({ min: 0, max: 20 }),
    events: fc.array(event, { minLength: 1, maxLength: 4 }),
    learns: fc.boolean(),
  });
  const pick = fc.record({ record: fc.nat({ max: 100 }), first: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 20 }),
      fc.array(pick, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      async (steps, picks, released) => {
        const world = new AlertWorld(() => 3);
        for (const [n, condition] of conditions.entries()) {
          const { name, severity, for_seconds } = aRule();
          const rule_id = `rul_0000000000004000800000000000000${String(n)}` as RuleId;
          const group_by = n % 2 === 0 ? (['service'] as const) : (['route'] as const);
          const data = { rule_id, name, severity, condition, for_seconds, group_by: [...group_by] };
          world.rule({ type: 'AlertRuleDefined', data: { ...data, window_seconds: 60, enabled: true } });
        }
        let seconds = 1;
        for (const { seconds: passed, events, learns } of steps) {
          seconds += passed;
          world.now = at(seconds);
          if (learns)
            world.routes({
              type: 'RouteTemplateLearned',
              data: { parent: ['shop'], kind: '', kept: [], because: 'siblings' },
            });
          world.telemetry(
            events.map(({ route, status, duration, user, late }) => ({
              ...{ type: 'api_call', service: `s${route}`, path: `/shop/${route}`, status_code: status },
              ...{ duration_ms: duration, user_id: user, timestamp: world.now - late * 1000 },
            })),
          );
        }
        const chunks = world.log.events.filter(({ type }) => type === TELEMETRY_RECORDED);
        const records = picks.map(({ record, first }): QuarantinedRecord => {
          const { stream, revision, position, type, metadata } = chunks[record % chunks.length]!;
          const named = { stream, revision, position, type };
          return first ? { ...named, indexes: [[0, 0]], count: metadata.chunk?.count ?? 1 } : named;
        });
        const say = (type: string, more: object = {}): void => {
          const data = { quarantine_id: 'qua_1', by, ...more } as JsonObject;
          const recorded_at = new Date(world.now).toISOString();
          world.log.append(acme, quarantineStream(acme), type, data, { recorded_at });
        };
        const store = new MemoryReadStore();
        const live = evaluating(world, store);
        await live.caughtUp();
        say('QuarantineProposed', { reason: 'false', records });
        say('QuarantineApproved');
        await live.caughtUp();
        if (released) say('QuarantineReleased');
        world.now = at(seconds + 6);
        world.telemetry([{ type: 'api_call', service: 'last' }]);
        await live.caughtUp();
        await live.manager.stop();

        const from_nothing = new MemoryReadStore();
        const other = evaluating(world, from_nothing);
        await other.caughtUp();
        await other.manager.stop();
        expect(await counts(store)).toEqual(await counts(from_nothing));
      },
    ),
    { seed: 21, numRuns: 60 },
  );
});

it('does not read the log again where what is set aside counts no more, and only as much as counts where it does', async () => {
  const world = new AlertWorld(() => 50);
  const { rule_id, name, severity, condition, window_seconds, for_seconds } = aRule();
  const rule = { rule_id, name, severity, condition, window_seconds, for_seconds, enabled: true };
  world.rule({ type: 'AlertRuleDefined', data: rule });
  for (let minute = 0; minute < 200; minute += 1) {
    world.now = at(60 * minute);
    world.telemetry([{ type: 'api_call', status_code: 500 }]);
  }
  const seen: Position[] = [];
  const { manager, caughtUp } = evaluating(world, new MemoryReadStore(), (after) => void seen.push(after));
  await caughtUp();
  seen.length = 0;
  const chunks = world.log.events.filter(({ type }) => type === TELEMETRY_RECORDED);
  const setAside = async (quarantine_id: string, chunk: (typeof chunks)[number]): Promise<void> => {
    const { stream, revision, position, type } = chunk;
    const records = [{ stream, revision, position, type }];
    const say = (kind: string, more: object = {}): void =>
      void world.log.append(acme, quarantineStream(acme), kind, { quarantine_id, by, ...more });
    say('QuarantineProposed', { reason: 'false', records });
    say('QuarantineApproved');
    await caughtUp();
  };
  await setAside('qua_1', chunks[3]!);
  expect(seen).toEqual([]);
  await setAside('qua_2', chunks.at(-1)!);
  const far = world.log.events.at(-60)!.position;
  // The routes' own stream aside, which is read from its beginning.
  expect(seen.filter((after) => after < far && after !== START)).toEqual([]);
  expect(seen.filter((after) => after === START)).toHaveLength(1);
  expect(seen.length).toBeGreaterThan(1);
  await manager.stop();
});
