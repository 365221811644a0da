import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Baseline } from '../../../src/domain/detection/content.js';
import { Legitimacy } from '../../../src/domain/detection/legitimacy/rules.js';
import type { DeploymentId, QuarantineId, TenantId } from '../../../src/domain/ids.js';
import type { JsonObject } from '../../../src/domain/json.js';
import { setAsideBy, withoutAside } from '../../../src/domain/quarantine/set-aside.js';
import type { Quarantine, Quarantines } from '../../../src/domain/quarantine/quarantine.js';
import { erasuresStream, legitimacyStream, retirementsStream } from '../../../src/domain/streams.js';
import {
  START,
  type EventBatch,
  type EventLog,
  type RecordedEvent,
} from '../../../src/eventstore/event-store.js';
import { Snapshots } from '../../../src/processes/snapshots.js';
import { Detection } from '../../../src/replay/detection/detection.js';
import { deploymentWindow, introducedBy } from '../../../src/replay/detection/introduced.js';
import { judged, rulesBefore } from '../../../src/replay/detection/judged.js';
import { learnUntil, suspectedIn } from '../../../src/replay/detection/suspected.js';
import { collected } from '../../support/collected.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';

const tenants = ['ten_a', 'ten_b'] as TenantId[];
const deployments = [1, 2, 3].map((n) => `dep_${String(n).repeat(32)}`) as DeploymentId[];
const everyone = (): boolean => true;

/** A log that tells which records were handed out. */
class World {
  readonly memory = new MemoryEventLog(() => 3);
  readonly read = new Set<string>();
  readonly snapshots = new Snapshots(new MemoryReadStore());
  quarantines: Quarantines = new Map();
  deployed = 0;
  #under_way = false;

  readonly log = this.#watched((record) => record);
  readonly visible_log = this.#watched((record) => withoutAside(record, setAsideBy(this.quarantines)));
  detection = this.started();

  started(): Detection {
    const { log, visible_log, snapshots } = this;
    return new Detection({
      log,
      visible_log,
      snapshots,
      quarantines: { of: () => Promise.resolve(this.quarantines) },
    });
  }

  #watched(sight: (record: RecordedEvent) => RecordedEvent | undefined): EventLog {
    const { memory, read } = this;
    const shown = (record: RecordedEvent): readonly RecordedEvent[] => {
      read.add(record.position);
      const seen = sight(record);
      return seen ? [seen] : [];
    };
    return Object.assign(Object.create(memory) as MemoryEventLog, {
      readAll: async function* (...given: Parameters<EventLog['readAll']>): AsyncIterable<EventBatch> {
        for await (const batch of memory.readAll(...given))
          yield { ...batch, events: batch.events.flatMap(shown) };
      },
      readStream: async function* (
        ...given: Parameters<EventLog['readStream']>
      ): AsyncIterable<RecordedEvent> {
        for await (const record of memory.readStream(...given)) {
          const seen = sight(record);
          if (seen) yield seen;
        }
      },
    });
  }

  act({ what, tenant: number, n, by_process }: Act): void {
    const tenant = tenants[number] ?? tenants[0]!;
    const deployment_id = deployments[this.deployed] ?? deployments[2]!;
    const stamps = {
      ...(this.#under_way && { deployment_id }),
      release: String(this.#under_way ? this.deployed + 1 : n % 3),
    };
    const causes = this.memory.events;
    const process = {
      ...{ origin: 'process_manager', actor: { kind: 'process', id: 'evaluator' } },
      causation_id: causes[(n * 7) % Math.max(1, causes.length)]?.id ?? 'nothing',
    };
    const more = { ...stamps, ...(by_process && process) } as object;
    switch (what) {
      case 'thing': {
        this.#append(tenant, `thing-${n}`, 'ThingHappened', { name: `n${n}` }, more);
        return;
      }
      case 'telemetry': {
        const lines = Array.from({ length: 1 + (n % 3) }, (_, i) => JSON.stringify(eventOf(n + i)));
        const chunk = { count: lines.length, received_at: n * 1_000 };
        const data = Buffer.from(lines.join('\n')) as unknown as JsonObject;
        this.#append(tenant, `telemetry-${tenant}`, 'TelemetryRecorded', data, { ...more, chunk });
        return;
      }
      case 'rule': {
        const condition = { field: '/name', op: 'is', value: `n${n}` };
        const verdict = n % 2 === 0 ? 'legitimate' : 'illegitimate';
        this.#append(
          tenant,
          legitimacyStream(tenant),
          'LegitimacyRuleDefined',
          { name: `r${n}`, verdict, condition },
          more,
        );
        return;
      }
      case 'deploy': {
        if (!this.#under_way && this.deployed === deployments.length) return;
        const begun = {
          deployment_id,
          release: String(this.deployed + 1),
          mode: n % 2 === 0 ? 'strict' : 'allow_ingest',
        };
        if (this.#under_way) this.#append(tenant, 'deployments', 'DeploymentCompleted', { deployment_id });
        else this.#append(tenant, 'deployments', 'DeploymentBegun', begun);
        if (this.#under_way) this.deployed += 1;
        this.#under_way = !this.#under_way;
        return;
      }
      case 'measure': {
        // What came in since the begin counts as from before, on several instances.
        const position = this.memory.events.at(-1)?.position ?? START;
        if (this.#under_way)
          this.#append(tenant, 'deployments', 'DeploymentMeasured', { deployment_id, before: { position } });
        return;
      }
      case 'set_aside': {
        const records = this.memory.events.filter(
          ({ type, metadata }, i) =>
            type === 'TelemetryRecorded' && metadata.tenant_id === tenant && i % 5 === n % 5,
        );
        const quarantine_id = `qua_${this.quarantines.size}` as QuarantineId;
        const quarantine = {
          ...{ quarantine_id, reason: '', records, released: [], status: 'approved' },
          proposed_by: { kind: 'user', id: 'usr_1' },
        } as Quarantine;
        this.quarantines = new Map(this.quarantines).set(quarantine_id, quarantine);
        return;
      }
      case 'retire': {
        this.#append(tenant, n % 2 === 0 ? retirementsStream(tenant) : erasuresStream(tenant), 'Gone', {});
        return;
      }
      case 'restart':
        this.detection = this.started();
        return;
    }
  }

  #append(tenant: TenantId, stream: string, type: string, data: JsonObject, more: object = {}): void {
    this.memory.append(tenant, stream, type, data, more);
  }
}

/** Some records, set aside. */
const aside = (records: readonly RecordedEvent[]): Quarantines => {
  const quarantine_id = 'qua_1' as QuarantineId;
  return new Map().set(quarantine_id, {
    quarantine_id,
    reason: '',
    records,
    released: [],
    status: 'approved',
  }) as Quarantines;
};

const words = ['buy', 'like', 'a test', 'lorem ipsum', 'share'];
const eventOf = (n: number) => ({
  type: ['sale', 'visit'][n % 2],
  service: `s${n % 4}`,
  name: `n${n % 6}`,
  message: words[n % 5],
  ...(n % 3 === 0 && { attributes: { [`a${n % 5}`]: n } }),
});

interface Act {
  readonly what: 'thing' | 'telemetry' | 'rule' | 'deploy' | 'measure' | 'set_aside' | 'retire' | 'restart';
  readonly tenant: number;
  readonly n: number;
  readonly by_process: boolean;
}
const acts = fc.array(
  fc.record<Act>({
    what: fc.oneof(
      { weight: 5, arbitrary: fc.constant('thing' as const) },
      { weight: 5, arbitrary: fc.constant('telemetry' as const) },
      { weight: 4, arbitrary: fc.constantFrom('rule', 'deploy') },
      { weight: 1, arbitrary: fc.constantFrom('measure', 'set_aside', 'retire', 'restart') },
    ),
    tenant: fc.nat(1),
    n: fc.nat(30),
    by_process: fc.boolean(),
  }),
  { maxLength: 25 },
);

/** What a reading of the whole log comes to. */
const fully = async ({ log, visible_log }: World, id: DeploymentId, tenant: TenantId) => {
  const introduced = await introducedBy(log, id);
  const window = await deploymentWindow(log, id);
  if (!introduced || !window) return [undefined, undefined];
  const baseline = new Baseline();
  await learnUntil(visible_log, tenant, baseline, START, window.begin);
  const legitimacy = new Legitimacy(await rulesBefore(visible_log, tenant, window.begun));
  return [
    { ...introduced, records: await collected(judged(log, visible_log, introduced, everyone)) },
    await suspectedIn(visible_log, window, tenant, baseline, legitimacy),
  ];
};

/** A report with all of its records, of whatever is remembered. */
const reported = async ({ detection }: World, id: DeploymentId) => {
  const report = await detection.report(id, everyone);
  return report && { ...report, records: await collected(report.records()) };
};

describe('a report that remembers what it read', () => {
  it('is that of a full reading, whatever was recorded, set aside and retired between two reports', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(acts, { minLength: 1, maxLength: 5 }), async (stages) => {
        const world = new World();
        for (const [stage, all] of stages.entries()) {
          for (const act of all) world.act(act);
          for (const id of deployments) {
            const tenant = tenants[stage % 2]!;
            const [introduced, suspected] = await fully(world, id, tenant);
            const report = await reported(world, id);
            expect(report).toEqual(introduced);
            // Page by page, from behind each record on.
            const found = await world.detection.report(id, everyone);
            for (const [n, { position }] of (report?.records ?? []).entries())
              expect(await collected(found!.records(position))).toEqual(report!.records.slice(n + 1));
            expect(await world.detection.suspected(id, tenant)).toEqual(suspected);
          }
        }
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  it('reads only what it does not know: again nothing before the begin, and of a later deployment what came since', async () => {
    const world = new World();
    const act = (what: Act['what'], times = 1): void => {
      for (let n = 0; n < times; n += 1) world.act({ what, tenant: 0, n, by_process: false });
    };
    const readBy = async (id: DeploymentId): Promise<readonly string[]> => {
      world.read.clear();
      await reported(world, id);
      await world.detection.suspected(id, tenants[0]!);
      return [...world.read].sort();
    };
    act('telemetry', 50);
    act('thing', 50);
    act('deploy');
    act('telemetry', 2);
    act('deploy');
    const [first, second] = deployments as [DeploymentId, DeploymentId];
    const begin = (await deploymentWindow(world.log, first))!.begin;
    expect((await readBy(first)).filter((position) => position < begin)).toHaveLength(100);
    expect((await readBy(first)).filter((position) => position < begin)).toEqual([]);
    // The baseline is known to a server that was started since.
    world.detection = world.started();
    world.read.clear();
    await world.detection.suspected(first, tenants[0]!);
    expect([...world.read].filter((position) => position < begin)).toEqual([]);

    await reported(world, first);
    act('telemetry', 5);
    act('deploy');
    act('deploy');
    expect((await readBy(second)).filter((position) => position < begin)).toEqual([]);
  });

  it('does not learn anew because of what is set aside behind the begin: what the deployment itself wrote', async () => {
    const world = new World();
    const act = (what: Act['what'], times = 1): void => {
      for (let n = 0; n < times; n += 1) world.act({ what, tenant: 0, n, by_process: false });
    };
    act('telemetry');
    act('deploy');
    const { position: begin } = world.memory.events.at(-1)!;
    act('telemetry', 5);
    act('deploy');
    const [first] = deployments as [DeploymentId];
    const before = await world.detection.suspected(first, tenants[0]!);
    expect(before?.suspected.length).toBeGreaterThan(0);
    const records = world.memory.events.filter(
      ({ position, type }) => position > begin && type === 'TelemetryRecorded',
    );
    world.quarantines = aside(records);
    world.read.clear();
    expect((await world.detection.suspected(first, tenants[0]!))?.suspected).toEqual([]);
    expect([...world.read].filter((position) => position < begin)).toEqual([]);
  });

  it('learns anew where some of what was set aside has come back', async () => {
    const world = new World();
    const act = (what: Act['what'], times = 1): void => {
      for (let n = 0; n < times; n += 1) world.act({ what, tenant: 0, n, by_process: false });
    };
    act('telemetry', 6);
    const records = world.memory.events.filter(({ type }) => type === 'TelemetryRecorded');
    act('deploy');
    act('telemetry', 3);
    act('deploy');
    const [first] = deployments as [DeploymentId];
    const id = 'qua_1' as QuarantineId;
    const approved = { quarantine_id: id, reason: '', records, status: 'approved' };
    const setAside = (released: readonly RecordedEvent[]): void => {
      world.quarantines = new Map().set(id, { ...approved, released }) as Quarantines;
    };
    setAside([]);
    await world.detection.suspected(first, tenants[0]!);
    setAside(records.slice(0, 1));
    world.read.clear();
    await world.detection.suspected(first, tenants[0]!);
    expect([...world.read]).toContain(records[0]?.position);
  });

  it.each(['remembered', 'restarted', 'of a later deployment'])(
    'learns anew what is set aside from before: what was known by it alone is new (%s)',
    async (how) => {
      const world = new World();
      const act = (what: Act['what'], n = 4): void => {
        world.act({ what, tenant: 0, n, by_process: false });
      };
      act('telemetry');
      const odd = world.memory.events.at(-1)!;
      act('deploy');
      act('telemetry');
      act('deploy');
      const [first, second] = deployments as [DeploymentId, DeploymentId];
      expect((await world.detection.suspected(first, tenants[0]!))?.suspected).toEqual([]);
      const later = how === 'of a later deployment';
      if (later) {
        const within = world.memory.events.filter(({ type }) => type === 'TelemetryRecorded');
        act('deploy');
        act('telemetry');
        act('deploy');
        world.quarantines = aside(within);
      } else world.quarantines = aside([odd]);
      if (how === 'restarted') world.detection = world.started();
      const found = await world.detection.suspected(later ? second : first, tenants[0]!);
      expect(found?.suspected.length).toBeGreaterThan(0);
    },
  );

  it('is right for several who ask at once', async () => {
    const world = new World();
    for (let n = 0; n < 60; n += 1)
      world.act({
        what: n % 20 === 10 ? 'deploy' : n % 2 === 0 ? 'telemetry' : 'thing',
        tenant: 0,
        n,
        by_process: n % 3 === 0,
      });
    const asked = await Promise.all(deployments.flatMap((id) => [reported(world, id), reported(world, id)]));
    for (const [i, id] of deployments.entries()) {
      const [introduced] = await fully(world, id, tenants[0]!);
      expect([asked[2 * i], asked[2 * i + 1]]).toEqual([introduced, introduced]);
    }
  });
});

describe('what is known of a tenant’s telemetry', () => {
  it('is the same when it was saved and restored on the way', () => {
    const event = fc.nat(200).map((n) => ({ event: eventOf(n) as { type: string }, time: n * 300 }));
    fc.assert(
      fc.property(fc.array(event), fc.array(event), fc.array(event), (first, second, asked) => {
        const whole = new Baseline();
        for (const one of [...first, ...second]) whole.learn(one);
        const part = new Baseline();
        for (const one of first) part.learn(one);
        const restored = Baseline.restore(
          JSON.parse(JSON.stringify(part.save())) as ReturnType<Baseline['save']>,
        );
        for (const one of second) restored.learn(one);
        expect(restored.assess(asked)).toEqual(whole.assess(asked));
        expect(restored.save()).toEqual(whole.save());
      }),
    );
  });
});
