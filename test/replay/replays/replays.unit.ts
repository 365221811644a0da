import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { systemClock } from '../../../src/platform/clock.js';
import type { ProjectionHost } from '../../../src/projections/runner/host.js';
import type { EventLog } from '../../../src/eventstore/event-store.js';
import { isOpen, type ReplayWanted } from '../../../src/replay/replays/replay.js';
import { Replays, type ReplaysOptions, type ShownReplay } from '../../../src/replay/replays/replays.js';
import { acme, ledger, other, perform, scripts, tally, type Script } from '../../support/ledger.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { caughtUp, documentsOf, hostOver } from '../../support/projected.js';
import { until } from '../../support/until.js';

const projections = [ledger, tally];
const ada = { kind: 'user', id: 'usr_ada' } as const;
const add = (amount = 1): Script => ({ tenant: acme, kind: 'add', accounts: ['a'], amount });
const many = (count: number): readonly Script[] => [
  { ...add(), kind: 'open' },
  ...Array.from({ length: count }, () => add()),
];
const served: ReplayWanted = { projections: ['ledger', 'tally'], tenants: [acme], baseline: 'served' };

/** A log whose reading a test can hold up. */
class GatedLog extends MemoryEventLog {
  open = true;
  waiting = 0;

  override async *readAll(...of: Parameters<EventLog['readAll']>): ReturnType<EventLog['readAll']> {
    for await (const batch of super.readAll(...of)) {
      this.waiting += 1;
      await until(() => this.open);
      this.waiting -= 1;
      yield batch;
    }
  }
}

interface World {
  readonly log: GatedLog;
  readonly store: MemoryReadStore;
  readonly host: ProjectionHost;
  readonly replays: Replays;
}

const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

let number = 0;
const newId = (): string => `rpl_${String((number += 1)).padStart(8, '0')}`;

const world = async (
  script: readonly Script[],
  {
    log = new GatedLog(() => 5),
    store = new MemoryReadStore(),
    instance = 'one',
    ...options
  }: { log?: GatedLog; store?: MemoryReadStore; instance?: string } & Partial<ReplaysOptions> = {},
): Promise<World> => {
  perform(log, script);
  const host = await hostOver(log, store, projections, { bulk: { events: 5, milliseconds: 1e6 } });
  await caughtUp(host, log, projections);
  const context = { log, clock: systemClock, maintenance: host.maintenance };
  const replays = new Replays(context, projections, store.register, instance, newId, options);
  ending.push(async () => {
    log.open = true;
    await replays.stop();
    await host.stop();
  });
  return { log, store, host, replays };
};

const ended = async (replays: Replays, { id }: { id: string }): Promise<ShownReplay> => {
  let replay: ShownReplay | undefined;
  await until(async () => {
    replay = await replays.get(acme, id);
    return replay !== undefined && !isOpen(replay);
  });
  return replay!;
};

const counts = ({ results }: ShownReplay) =>
  results.map(({ projection, differences: { first: _, ...rest } }) => [projection, rest] as const);

const scratch = async (store: MemoryReadStore): Promise<readonly string[]> =>
  (await store.collections()).filter((name) => name.includes('rpl'));

describe('a replay', () => {
  it('says that what is served is what the log says, and leaves nothing behind', async () => {
    const { replays, store, log } = await world([...many(20), { ...add(), tenant: other, kind: 'open' }]);
    const before = log.events.length;
    const done = await ended(replays, await replays.start(acme, served, ada));
    expect(done).toMatchObject({ state: 'done', requested_by: ada, progress: { share: 1 } });
    const same = { baseline_documents: 1, candidate_documents: 1, missing: 0, surplus: 0, changed: 0 };
    expect(counts(done)).toEqual([
      ['ledger', same],
      ['tally', same],
    ]);
    expect(log.events.length).toBe(before);
    expect(await scratch(store)).toEqual([]);
  });

  it('names a served document that is not what the log says, with what differs', async () => {
    const { replays, store } = await world(many(3));
    const collection = await store.collection<{ id: string; position: never; count: number }>({
      name: 'tally-v1-g1',
      indexes: [],
    });
    const [found] = await collection.load([{ tenant: acme, id: 'all' }]);
    await collection.write([{ tenant: acme, id: 'all', document: { ...found!.document, count: 7 } }]);
    await collection.write([{ tenant: acme, id: 'more', document: { ...found!.document, id: 'more' } }]);
    const done = await ended(replays, await replays.start(acme, { ...served, projections: ['tally'] }, ada));
    expect(done.results[0]?.differences).toMatchObject({ changed: 1, missing: 1, surplus: 0 });
    expect(done.results[0]?.differences.first).toEqual([
      {
        tenant: acme,
        id: 'all',
        kind: 'changed',
        changes: [{ path: '/count', baseline: '7', candidate: '4' }],
      },
      { tenant: acme, id: 'more', kind: 'missing', changes: [] },
    ]);
  });

  it.each<[string, Partial<ReplayWanted>]>([
    ['with what is served', {}],
    ['a range with itself', { baseline: 'replayed', without: { actor_ids: ['usr_nobody'] } }],
  ])('finds nothing wrong however much is written while it compares %s', async (_what, wanted) => {
    const { log, replays } = await world(many(30));
    const started = await replays.start(acme, { ...served, ...wanted }, ada);
    let writing = true as boolean;
    const written = (async () => {
      for (let count = 0; writing && count < 3000; count += 1) {
        perform(log, [add()]);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const done = await ended(replays, started);
    writing = false;
    await written;
    expect(done.state).toBe('done');
    expect(counts(done).map(([, { missing, surplus, changed }]) => missing + surplus + changed)).toEqual([
      0, 0,
    ]);
  });

  it('ends though the log grows with each batch that is read of it', async () => {
    const log = new GatedLog(() => 5);
    const { replays } = await world(many(30), { log });
    const read = log.readAll.bind(log);
    let more = 2000;
    log.readAll = async function* (...of) {
      for await (const batch of read(...of)) {
        for (let count = 0; count < 10 && more > 0; count += 1, more -= 1) perform(log, [add()]);
        yield batch;
      }
    };
    const done = await ended(replays, await replays.start(acme, served, ada));
    expect(counts(done).map(([, { missing, surplus, changed }]) => missing + surplus + changed)).toEqual([
      0, 0,
    ]);
  });

  it('of a range without some records comes to what a log without them comes to', () =>
    fc.assert(
      fc.asyncProperty(scripts, fc.func(fc.boolean()), async (script, omits) => {
        const log = new GatedLog(() => 3);
        perform(log, script);
        const omitted = log.events.filter(({ position }) => omits(position)).map(({ position }) => position);
        if (omitted.length === 0) return;
        // Accounts cannot be added to that were never opened: the tally takes any.
        const without = new GatedLog(() => 4);
        for (const event of log.events)
          if (!omitted.includes(event.position) && event.metadata.tenant_id === acme)
            without.events.push(event);
        const { replays, host } = await world([], { log });
        const { store } = await world([], { log: without });
        const wanted: ReplayWanted = {
          projections: ['tally'],
          tenants: [acme],
          baseline: 'served',
          without: { positions: omitted },
        };
        const done = await ended(replays, await replays.start(acme, wanted, ada));
        const [expected] = Object.values(await documentsOf(store, 'tally-v1-g1')).map(
          (text) => (JSON.parse(text) as { count: number }).count,
        );
        const now = (await host.read(tally, acme).get('all'))?.count;
        const { changed, missing, first } = done.results[0]!.differences;
        if (expected === now) expect([changed, missing]).toEqual([0, 0]);
        else if (expected === undefined) expect([changed, missing]).toEqual([0, 1]);
        else
          expect(first[0]?.changes).toEqual([
            { path: '/count', baseline: String(now), candidate: String(expected) },
          ]);
        await ending.pop()?.();
        await ending.pop()?.();
      }),
      { numRuns: 30 },
    ));

  it('compares the same range with itself, folded without somebody’s records', async () => {
    const { log, replays } = await world([]);
    for (let count = 0; count < 10; count += 1)
      log.append(acme, 'notes', 'Noted', {}, { actor: { kind: 'user', id: count < 3 ? 'usr_x' : 'usr_y' } });
    const [after, until] = [log.events[0]!.position, log.events[7]!.metadata.recorded_at];
    const done = await ended(
      replays,
      await replays.start(
        acme,
        {
          projections: ['tally'],
          tenants: [acme],
          baseline: 'replayed',
          after: { position: after },
          until: { time: until },
          without: { actor_ids: ['usr_x'] },
        },
        ada,
      ),
    );
    expect(done.results[0]?.differences.first[0]?.changes).toEqual([
      { path: '/count', baseline: '7', candidate: '5' },
    ]);
    expect(done.results[0]?.position).toBe(log.events[7]?.position);
  });
});

describe('replays', () => {
  it('are paused where they are and gone on with, and cancelled with nothing left of them', async () => {
    const { log, store, replays } = await world(many(60));
    log.open = false;
    const { id } = await replays.start(acme, served, ada);
    await until(() => log.waiting > 0);
    const pausing = replays.pause(acme, id);
    log.open = true;
    expect((await pausing)?.state).toBe('paused');
    expect(await replays.resume(acme, id)).toMatchObject({ state: expect.stringMatching(/queued|running/) });
    const done = await ended(replays, { id });
    expect(done.state).toBe('done');
    expect(done.results).toHaveLength(2);

    log.open = false;
    const second = await replays.start(acme, served, ada);
    await until(() => log.waiting > 0);
    const cancelling = replays.cancel(acme, second.id);
    log.open = true;
    expect((await cancelling)?.state).toBe('cancelled');
    expect(await scratch(store)).toEqual([]);
    await expect(replays.resume(acme, second.id)).rejects.toMatchObject({ code: 'replay_ended' });
    expect((await replays.cancel(acme, second.id))?.state).toBe('cancelled');
  });

  it('are gone on with by a server that is started again, from where they were', async () => {
    const first = await world(many(60));
    const { log, store } = first;
    let batches = 0;
    const counted = log.readAll.bind(log);
    log.readAll = async function* (...of) {
      for await (const batch of counted(...of)) {
        batches += 1;
        yield batch;
      }
    };
    log.open = false;
    const { id } = await first.replays.start(acme, served, ada);
    await until(() => log.waiting > 0);
    const stopping = first.replays.stop();
    log.open = true;
    await stopping;
    expect((await first.replays.get(acme, id))?.state).toBe('running');
    await ending.pop()?.();
    const second = await world([], { log, store });
    await second.replays.restore();
    const done = await ended(second.replays, { id });
    expect(done).toMatchObject({ state: 'done', progress: { share: 1 } });
    expect(counts(done).every(([, { changed }]) => changed === 0)).toBe(true);
    expect(batches).toBeGreaterThan(0);
  });

  it('wait for their turn where too many are carried out, and are refused where too many are open', async () => {
    const { log, replays } = await world(many(10), { at_once: 2, open: 4 });
    log.open = false;
    const started = [];
    for (let count = 0; count < 4; count += 1) started.push(await replays.start(acme, served, ada));
    await until(
      async () => (await replays.list(acme)).filter(({ state }) => state === 'running').length === 2,
    );
    expect((await replays.list(acme)).filter(({ state }) => state === 'queued')).toHaveLength(2);
    await expect(replays.start(acme, served, ada)).rejects.toMatchObject({ code: 'too_many_replays' });
    expect(await replays.list(other)).toEqual([]);
    expect(await replays.get(other, started[0]!.id)).toBeUndefined();
    expect(await replays.cancel(other, started[0]!.id)).toBeUndefined();
    log.open = true;
    for (const one of started) expect((await ended(replays, one)).state).toBe('done');
  });

  it('remember only so many that have ended', async () => {
    const { replays } = await world(many(2), { remembered: 3 });
    for (let count = 0; count < 6; count += 1) await ended(replays, await replays.start(acme, served, ada));
    expect((await replays.list(acme)).length).toBeLessThanOrEqual(3);
  });

  it('of another process that is no more can be taken over', async () => {
    const { log, store, replays } = await world(many(10), { instance: 'gone' });
    log.open = false;
    const { id } = await replays.start(acme, served, ada);
    const stopping = replays.stop();
    log.open = true;
    await stopping;
    const later = { ...systemClock, now: () => systemClock.now() + 3_600_000 };
    const here = await world([], { log, store });
    const context = { log, clock: later, maintenance: here.host.maintenance };
    const successor = new Replays(context, projections, store.register, 'successor', newId);
    expect(['running', 'queued']).toContain((await successor.get(acme, id))?.state);
    await successor.resume(acme, id);
    expect((await ended(successor, { id })).state).toBe('done');
    await successor.stop();
  });

  it.each<[string, Partial<ReplayWanted>, RegExp]>([
    ['no such read model', { projections: ['ledgre'] }, /no read model ledgre/],
    ['a range against what is stored', { until: { time: '2026-01-01T00:00:00Z' } }, /same range/],
    ['the same against the same', { baseline: 'replayed' }, /folded twice is the same/],
    ['patterns where none are used', { route_patterns: ['/a/{b}'] }, /change nothing in ledger, tally/],
    ['patterns that are none', { route_patterns: ['a'] }, /Pattern 1/],
  ])('are refused where they make no sense: %s', async (_what, wanted, said) => {
    const { replays } = await world([]);
    await expect(replays.start(acme, { ...served, ...wanted }, ada)).rejects.toThrow(said);
  });

  it('fail and say so where there is nothing to compare with', async () => {
    const { replays, store } = await world(many(2));
    const done = await ended(replays, await replays.start(acme, { ...served, baseline: 'previous' }, ada));
    expect(done).toMatchObject({ state: 'failed', error: expect.stringContaining('never rebuilt') });
    expect(await scratch(store)).toEqual([]);
  });
});
