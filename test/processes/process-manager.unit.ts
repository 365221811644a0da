import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '../../src/eventstore/event-store.js';
import { ProcessManager } from '../../src/processes/process-manager.js';
import type { Process, ReactionOutcome, Run } from '../../src/processes/process.js';
import { Snapshots } from '../../src/processes/snapshots.js';
import { acme } from '../support/alert-evaluation.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryEventLog } from '../support/memory-event-log.js';
import { MemoryReadStore } from '../support/memory-read-store.js';
import { until } from '../support/until.js';

/** Counts what it reads; reacts to each record, and to time whenever a test says that something is due. */
class Counting implements Run<string> {
  constructor(
    private seen: number,
    private readonly world: World,
  ) {}

  take(event: RecordedEvent): readonly string[] {
    if (this.world.poisoned) throw new Error('cannot be taken');
    this.seen += 1;
    return [`${event.type} ${String(this.seen)}`];
  }
  due = (): number | undefined => this.world.due;
  passed(time: number): readonly string[] {
    if (this.world.due === undefined || time < this.world.due) return [];
    this.world.due = undefined;
    return [`time ${String(this.seen)}`];
  }
  save = (): Uint8Array => Buffer.from(String(this.seen));
  describe = () => ({ seen: this.seen });
}

class World {
  readonly log = new MemoryEventLog(() => 3);
  readonly clock = new ManualClock();
  readonly done: string[] = [];
  store = new MemoryReadStore();
  due: number | undefined;
  poisoned = false;
  settle: () => Promise<void> = () => Promise.resolve();
  react: (reaction: string) => Promise<ReactionOutcome> = () => Promise.resolve({ outcome: 'done' });
  steps: Process<string>['steps'] = (reactions) => reactions.map((reaction) => [reaction]);

  manager(): ProcessManager<string> {
    const { log, clock, store } = this;
    const process: Process<string> = {
      name: 'counting',
      reads: ['Counted'],
      begin: () => Promise.resolve(new Counting(0, this)),
      resume: (state) => new Counting(Number(Buffer.from(state).toString()), this),
      steps: (reactions) => this.steps(reactions),
      react: async (reaction) => {
        const outcome = await this.react(reaction);
        if (outcome.outcome === 'done') this.done.push(reaction);
        return outcome;
      },
    };
    const quiet = () => undefined;
    const logger = { info: quiet, warn: quiet, error: quiet };
    return new ProcessManager(process, {
      ...{ log, clock, logger, snapshots: new Snapshots(store) },
      settle: () => this.settle(),
    });
  }

  append(...types: readonly string[]): void {
    for (const type of types) this.log.append(acme, 'things-1', type, {});
  }
}

describe('a process manager', () => {
  let world: World;
  let manager: ProcessManager<string>;
  const counted = (count: number) => Array.from({ length: count }, () => 'Counted');
  const doing = (count: number) => until(() => world.done.length === count);
  const caughtUp = () => until(() => manager.status().caught_up);

  beforeEach(() => {
    world = new World();
    manager = world.manager();
  });
  afterEach(() => manager.stop());

  it('takes what is there and what comes, in the order of the log', async () => {
    world.append('Counted', 'Other', 'Counted');
    manager.start();
    await doing(2);
    world.append(...counted(5));
    await doing(7);
    expect(world.done).toEqual([1, 2, 3, 4, 5, 6, 7].map((number) => `Counted ${String(number)}`));
    await caughtUp();
    expect(manager.status()).toMatchObject({
      ...{ name: 'counting', state: 'running', refused: 0, details: { seen: 7 } },
      position: world.log.events.at(-1)?.position,
    });
  });

  it('does nothing before it is started, nor after it is stopped', async () => {
    world.append('Counted');
    expect(manager.status().state).toBe('stopped');
    manager.start();
    await doing(1);
    await manager.stop();
    world.append('Counted');
    world.clock.advance(3_600_000);
    expect(manager.status().state).toBe('stopped');
    expect(world.done).toHaveLength(1);
  });

  it('decides what is due when the time has come, although no record does', async () => {
    manager.start();
    await caughtUp();
    world.due = world.clock.now() + 5_000;
    world.append('Counted');
    await doing(1);
    world.clock.advance(4_999);
    world.append('Counted');
    await doing(2);
    world.clock.advance(1);
    await doing(3);
    expect(world.done).toEqual(['Counted 1', 'Counted 2', 'time 2']);
  });

  it('lets everything that was under way come before it says that time has passed', async () => {
    let settled: () => void = () => undefined;
    let asked = false;
    world.settle = () =>
      new Promise((resolve) => {
        asked = true;
        settled = resolve;
      });
    world.due = world.clock.now() + 1_000;
    manager.start();
    await caughtUp();
    world.clock.advance(1_000);
    await until(() => asked);
    world.append(...counted(8));
    settled();
    await doing(9);
    expect(world.done.at(-1)).toBe('time 8');
  });

  it('waits while a deployment is under way, and then loses nothing', async () => {
    let guarded = true;
    let asked = 0;
    world.react = () => {
      asked += 1;
      return Promise.resolve(guarded ? { outcome: 'guarded', detail: 'a deployment' } : { outcome: 'done' });
    };
    world.append(...counted(4));
    manager.start();
    await until(() => asked === 1);
    expect(manager.status()).toMatchObject({ state: 'waiting', detail: 'a deployment' });
    world.clock.advance(1_000);
    await until(() => asked === 2);
    expect(world.done).toEqual([]);

    guarded = false;
    world.clock.advance(1_000);
    await doing(4);
    expect(manager.status().state).toBe('running');
  });

  it('tries again what failed for the moment, whether it says so or throws', async () => {
    const outcomes = [
      () => Promise.resolve({ outcome: 'unavailable', detail: 'disk full' } as const),
      () => Promise.reject(new Error('connection lost')),
    ];
    world.react = () => outcomes.shift()?.() ?? Promise.resolve({ outcome: 'done' });
    world.append('Counted');
    manager.start();
    await until(() => manager.status().detail === 'disk full');
    world.clock.advance(30_000);
    await until(() => manager.status().detail === 'connection lost');
    world.clock.advance(30_000);
    await doing(1);
    expect(world.done).toEqual(['Counted 1']);
  });

  it('goes on behind what was refused for good, and shows that', async () => {
    world.react = (reaction) =>
      Promise.resolve(reaction === 'Counted 2' ? { outcome: 'refused', detail: 'no' } : { outcome: 'done' });
    world.append(...counted(3));
    manager.start();
    await doing(2);
    expect(world.done).toEqual(['Counted 1', 'Counted 3']);
    expect(manager.status().refused).toBe(1);
  });

  it('goes on where it was after a restart', async () => {
    world.append(...counted(4));
    manager.start();
    await doing(4);
    await caughtUp();
    await manager.stop();

    manager = world.manager();
    manager.start();
    world.append('Counted');
    await doing(5);
    expect(world.done.at(-1)).toBe('Counted 5');
  });

  it('repeats what was under way when it was stopped, and leaves nothing out', async () => {
    let stuck = true;
    world.react = (reaction) =>
      stuck && reaction === 'Counted 3'
        ? Promise.resolve({ outcome: 'unavailable', detail: 'stuck' })
        : Promise.resolve({ outcome: 'done' });
    world.append(...counted(3));
    manager.start();
    await until(() => manager.status().detail === 'stuck');
    await manager.stop();
    stuck = false;

    manager = world.manager();
    manager.start();
    await doing(5);
    expect(world.done).toEqual(['Counted 1', 'Counted 2', 'Counted 1', 'Counted 2', 'Counted 3']);
  });

  it('begins at the beginning where its state is lost', async () => {
    world.append(...counted(2));
    manager.start();
    await doing(2);
    await caughtUp();
    await manager.stop();
    world.store = new MemoryReadStore();

    manager = world.manager();
    manager.start();
    await doing(4);
    expect(world.done).toEqual(['Counted 1', 'Counted 2', 'Counted 1', 'Counted 2']);
  });

  it('carries the reactions of one step out side by side, and the steps one after another', async () => {
    const waiting: (() => void)[] = [];
    world.steps = (reactions) => [reactions.slice(0, 2), reactions.slice(2)];
    world.react = () => new Promise((resolve) => waiting.push(() => resolve({ outcome: 'done' })));
    world.append(...counted(3));
    manager.start();
    await until(() => waiting.length === 2);
    waiting.splice(0).forEach((finish) => finish());
    await until(() => waiting.length === 1);
    expect(world.done).toEqual(['Counted 1', 'Counted 2']);
    waiting.splice(0).forEach((finish) => finish());
    await doing(3);
  });

  it('says that it fails, tries again after a pause, and recovers', async () => {
    world.append('Counted');
    world.poisoned = true;
    manager.start();
    await until(() => manager.status().state === 'failing');
    expect(manager.status().detail).toBe('cannot be taken');
    world.poisoned = false;
    world.clock.advance(30_000);
    await doing(1);
    await until(() => manager.status().state === 'running');
  });
});
