import { describe, expect, it } from '@jest/globals';
import { AlertEvaluation } from '../../../src/domain/alerting/evaluation/evaluation.js';
import type { Transition } from '../../../src/domain/alerting/evaluation/transition.js';
import type { Condition, RuleEvent } from '../../../src/domain/alerting/rule.js';
import type { AlertId, RuleId } from '../../../src/domain/ids.js';
import type { TelemetryEvent } from '../../../src/domain/telemetry/event.js';
import type { RouteEvent } from '../../../src/domain/telemetry/routes/book.js';
import { START, type Position } from '../../../src/eventstore/event-store.js';
import {
  alertEvaluation,
  EvaluationRun,
  nameAlert,
} from '../../../src/processes/alert-evaluation/alert-evaluation.js';
import type { Process, Run } from '../../../src/processes/process.js';
import { at } from '../../support/alert-evaluation.js';
import { AlertWorld } from '../../support/alert-world.js';

/** Mulberry32: the same numbers for the same seed. */
const numbers = (seed: number) => {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { next, below, pick: <T>(of: readonly T[]): T => of[below(of.length)] as T };
};
type Numbers = ReturnType<typeof numbers>;

/** What clients do, and when. */
type Act =
  | { readonly kind: 'telemetry'; readonly events: readonly TelemetryEvent[] }
  | { readonly kind: 'rule'; readonly event: RuleEvent }
  | { readonly kind: 'routes'; readonly event: RouteEvent }
  | { readonly kind: 'resolve'; readonly chance: number }
  | { readonly kind: 'nothing' };
type Script = readonly { readonly time: number; readonly act: Act }[];

const conditions: readonly Condition[] = [
  { metric: 'error_count', operator: '>', threshold: 5 },
  { metric: 'error_rate', operator: '>=', threshold: 0.5, filter: { service: 'cart' } },
  { metric: 'latency_p95', operator: '>', threshold: 400 },
  { metric: 'unique_users', operator: '>=', threshold: 4 },
  {
    all: [
      { metric: 'request_count', operator: '>', threshold: 8 },
      { not: { metric: 'apdex', operator: '>', threshold: 0.8 } },
    ],
  },
  {
    any: [
      { metric: 'request_count', operator: '<', threshold: 3 },
      { metric: 'latency_max', operator: '>', threshold: 900 },
    ],
  },
];

const ruleAct = (random: Numbers): Act => {
  const rule_id = `rul_0000000000004000800000000000000${String(random.below(4))}` as RuleId;
  if (random.below(6) === 0) return { kind: 'rule', event: { type: 'AlertRuleDeleted', data: { rule_id } } };
  const definition = {
    ...({
      rule_id,
      name: `rule ${String(random.below(100))}`,
      severity: 'warning',
      enabled: random.below(6) > 0,
    } as const),
    condition: random.pick(conditions),
    window_seconds: random.pick([60, 60, 90, 127]),
    for_seconds: random.pick([0, 0, 10, 45]),
    ...(random.below(2) === 0 && {
      group_by: random.pick([['service'], ['service', 'region'], ['route']] as const) as ['service'],
    }),
  };
  return {
    kind: 'rule',
    event: { type: random.below(2) === 0 ? 'AlertRuleDefined' : 'AlertRuleChanged', data: definition },
  };
};

const routesAct = (random: Numbers): Act => ({
  kind: 'routes',
  event: random.pick<RouteEvent>([
    { type: 'RouteTemplateLearned', data: { parent: ['shop'], kind: '', kept: ['b'], because: 'siblings' } },
    { type: 'RoutePatternsDefined', data: { patterns: [`/shop/${random.pick(['a', '{item}'])}`] } },
    { type: 'RoutesFrozen', data: { known: ['/shop/a', '/shop/{slug}'] } },
    { type: 'LearnedRoutesForgotten', data: {} },
  ]),
});

const telemetryAct = (random: Numbers, now: number): Act => {
  const bad = random.below(3) === 0;
  return {
    kind: 'telemetry',
    events: Array.from({ length: 1 + random.below(12) }, () => ({
      type: 'api_call',
      status_code: bad && random.below(4) > 0 ? 503 : random.pick([200, 204, 404]),
      duration_ms: random.next() * (bad ? 1_200 : 450),
      service: random.pick(['cart', 'pay', 'search']),
      path: `/shop/${random.pick(['a', 'b', 'c', '7'])}`,
      ...(random.below(2) === 0 && { region: random.pick(['eu', 'us']) }),
      ...(random.below(2) === 0 && { user_id: `u${String(random.below(9))}` }),
      ...(random.below(3) === 0 && {
        timestamp: now - 10_000 + random.below(14) * 1_000 - random.below(8) * 10_000,
      }),
    })),
  };
};

const scriptOf = (random: Numbers): Script => {
  let time = at(0);
  const script = Array.from({ length: 3 }, () => ({ time, act: ruleAct(random) }));
  for (let step = 0; step < 120; step += 1) {
    // Sometimes long enough for every window to empty.
    time += random.below(25) === 0 ? 200_000 : random.below(12_000);
    const die = random.below(20);
    const act: Act =
      die === 0
        ? random.pick([ruleAct, routesAct])(random)
        : die === 1
          ? { kind: 'resolve', chance: random.next() }
          : die < 4
            ? { kind: 'nothing' }
            : telemetryAct(random, time);
    script.push({ time, act });
  }
  return [...script, { time: time + 400_000, act: { kind: 'nothing' } }];
};

class Crash extends Error {}

/** Drives the evaluation over a world as the runner does, with crashes where the numbers say so. */
class Driver {
  #process: Process<Transition>;
  #run: Run<Transition> | undefined;
  #position: Position = START;
  #snapshot: { readonly position: Position; readonly state: Uint8Array } | undefined;
  crashes = 0;

  constructor(
    private readonly world: AlertWorld,
    private readonly chaos: Numbers | undefined,
    grid_seconds = 5,
  ) {
    this.#process = this.#processOn(grid_seconds);
  }

  /** Another configuration and a lost snapshot, at once. */
  restartOn(grid_seconds: number): void {
    this.#process = this.#processOn(grid_seconds);
    this.#snapshot = undefined;
    this.#run = undefined;
  }

  /** Takes everything in that there is, and that it is now. */
  async catchUp(): Promise<void> {
    for (;;)
      try {
        this.#run ??= await this.#begin();
        for await (const batch of this.world.log.readAll(this.#position, { types: this.#process.reads })) {
          await this.#react(batch.events.flatMap((event) => this.#run?.take(event) ?? []));
          this.#position = batch.position;
          if (this.#happens(4)) this.#save();
        }
        await this.#react(this.#run.passed(this.world.now));
        // What it has just written is in the log as well.
        if (this.#position === (await this.world.log.head())) return;
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        this.crashes += 1;
        this.#run = undefined;
      }
  }

  async #begin(): Promise<Run<Transition>> {
    if (this.#happens(8)) this.#snapshot = undefined;
    const resumed = this.#snapshot && this.#process.resume(this.#snapshot.state);
    this.#position = resumed && this.#snapshot ? this.#snapshot.position : START;
    return resumed ?? this.#process.begin(this.world.log);
  }

  async #react(transitions: readonly Transition[]): Promise<void> {
    for (const step of this.#process.steps(transitions))
      for (const transition of this.chaos ? [...step].sort(() => (this.chaos?.next() ?? 0) - 0.5) : step) {
        this.#mayCrash();
        await this.#process.react(transition, new AbortController().signal);
      }
    this.#mayCrash();
  }

  #save(): void {
    const state = this.#run?.save();
    if (state) this.#snapshot = { position: this.#position, state };
  }

  #mayCrash(): void {
    if (this.#happens(30)) throw new Crash();
  }

  #happens(once_in: number): boolean {
    return this.chaos?.below(once_in) === 0;
  }

  #processOn(grid_seconds: number): Process<Transition> {
    return alertEvaluation(grid_seconds, (transition) => {
      this.world.take(transition);
      return Promise.resolve({ outcome: 'done' });
    });
  }
}

const perform = (world: AlertWorld, act: Act, hand: (chance: number) => void): void => {
  switch (act.kind) {
    case 'telemetry':
      world.telemetry(act.events);
      break;
    case 'rule':
      world.rule(act.event);
      break;
    case 'routes':
      world.routes(act.event);
      break;
    case 'resolve':
      hand(act.chance);
      break;
    case 'nothing':
  }
};

/** Plays a script; `chaos` cuts batches anywhere, lets the evaluation fall behind, and kills it. */
const play = async (
  script: Script,
  chaos?: Numbers,
  grid_change?: { readonly at: number; readonly to: number },
) => {
  const world = new AlertWorld(() => (chaos ? 1 + chaos.below(9) : 1_000));
  const driver = new Driver(world, chaos);
  for (const [step, { time, act }] of script.entries()) {
    world.now = time;
    if (step === grid_change?.at) driver.restartOn(grid_change.to);
    // People act on what they see, so before they do everything is there; before the rest happens it need not be.
    if (act.kind === 'resolve' || !chaos || chaos.below(3) === 0) await driver.catchUp();
    perform(world, act, (chance) => {
      const open = [...world.openAlerts].sort();
      const chosen = open[Math.floor(chance * open.length)];
      if (chosen) world.resolveByHand(chosen);
    });
  }
  await driver.catchUp();
  return { world, driver };
};

const seeds = Array.from({ length: 12 }, (_, seed) => seed + 1);

describe('the alert evaluation, in a simulation', () => {
  it('writes the same alerts however often it crashes, falls behind and loses its state', async () => {
    let written = 0;
    let crashes = 0;
    for (const seed of seeds) {
      const script = scriptOf(numbers(seed));
      const quiet = await play(script);
      const rough = await play(script, numbers(seed * 7_919));
      expect({ seed, written: rough.world.written() }).toEqual({ seed, written: quiet.world.written() });
      written += quiet.world.written().length;
      crashes += rough.driver.crashes;
    }
    // The simulation says something: there were alerts, and there were crashes.
    expect(written).toBeGreaterThan(200);
    expect(crashes).toBeGreaterThan(80);
  });

  it('decides the same once more when the whole log is replayed, and nothing else', async () => {
    for (const seed of seeds) {
      const { world } = await play(scriptOf(numbers(seed)), numbers(seed * 104_729));
      const written = world.written();
      const replay = new EvaluationRun(new AlertEvaluation({ grid_ms: 5_000, nameAlert }));
      const decided = world.log.events
        .filter(({ type }) => !type.startsWith('Deployment'))
        .flatMap((event) => replay.take(event));
      decided.push(...replay.passed(world.now));

      const repeated = new AlertWorld();
      for (const transition of decided) repeated.take(transition);
      const overtaken = new Set(
        world.alertEvents.flatMap(({ record, event }) =>
          event.type === 'AlertResolved' && event.data.by !== 'evaluation' ? [record.stream] : [],
        ),
      );
      const untouched = (line: string): boolean => ![...overtaken].some((stream) => line.startsWith(stream));
      expect(repeated.written(world.log).filter(untouched)).toEqual(written.filter(untouched));
      expect(repeated.written(world.log)).toEqual(expect.arrayContaining([...written]));
      expect(decided.reduce((made, transition) => made + world.take(transition), 0)).toBe(0);
    }
  });

  it('has one open alert at most for each rule and group, at every place in the log', async () => {
    for (const seed of seeds) {
      const { world } = await play(scriptOf(numbers(seed)), numbers(seed * 31));
      expectOneOpenAlert(world);
    }
  });

  it('writes nothing about the past when its grid was changed and its state is lost', async () => {
    for (const seed of seeds) {
      const script = scriptOf(numbers(seed));
      const change = { at: 60, to: numbers(seed).pick([1, 2, 10, 30]) };
      const { world } = await play(script, undefined, change);
      expectOneOpenAlert(world);
      const boundaries = world.alertEvents.flatMap(({ event }) =>
        'evaluated_at' in event.data ? [event.data.evaluated_at] : [],
      );
      expect(boundaries).toEqual([...boundaries].sort());
      // Nothing stays open that should not: the last windows are empty, and only the rule on too little holds then.
      for (const alert_id of world.openAlerts)
        expect(['request_count', 'latency_max']).toContain(metricOf(world, alert_id));
    }
  });
});

const metricOf = (world: AlertWorld, alert_id: AlertId): unknown =>
  world.alertEvents.flatMap(({ event }) =>
    'alert_id' in event.data && event.data.alert_id === alert_id ? [event.data.metric] : [],
  )[0];

const expectOneOpenAlert = (world: AlertWorld): void => {
  const named = new Map<string, string>();
  const open = new Map<string, string>();
  for (const { record, event } of world.alertEvents) {
    if (event.type === 'AlertPending' || event.type === 'AlertFired') {
      const name = `${event.data.rule_id} ${JSON.stringify(event.data.group)}`;
      expect(open.get(name) ?? record.stream).toBe(record.stream);
      named.set(record.stream, name);
      open.set(name, record.stream);
    } else if (event.type === 'AlertResolved') open.delete(named.get(record.stream) ?? '');
  }
};
