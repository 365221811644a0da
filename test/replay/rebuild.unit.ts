import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AnyProjection } from '../../src/projections/projection.js';
import type { ProjectionHost } from '../../src/projections/runner/host.js';
import { rebuild, rollBack, type RebuildOutcome } from '../../src/replay/rebuild.js';
import { verify } from '../../src/replay/verify.js';
import {
  acme,
  expected,
  ledger,
  perform,
  roughScripts,
  scripts,
  tally,
  type Script,
} from '../support/ledger.js';
import { MemoryEventLog } from '../support/memory-event-log.js';
import { MemoryReadStore } from '../support/memory-read-store.js';
import { caughtUp, documentsOf, hostOver, replayOf } from '../support/projected.js';

const projections = [ledger, tally];
const names = projections.map(({ name }) => name);
const add = (amount = 1): Script => ({ tenant: acme, kind: 'add', accounts: ['a'], amount });
const open: Script = { ...add(), kind: 'open' };
const many = (count: number): readonly Script[] => [open, ...Array.from({ length: count }, () => add())];

const options = { bulk: { events: 10, milliseconds: 1e6 } };

const hosts: ProjectionHost[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});

const running = async (
  script: readonly Script[],
  { batch = 10, read = projections }: { batch?: number; read?: readonly AnyProjection[] } = {},
) => {
  const log = new MemoryEventLog(() => batch);
  perform(log, script);
  const store = new MemoryReadStore();
  const host = await hostOver(log, store, read, options);
  hosts.push(host);
  await caughtUp(host, log, read);
  return { log, store, host, replay: replayOf(host, log) };
};

describe('rebuilding a read model', () => {
  it('serves a new generation that has the same documents', async () => {
    const { log, store, host, replay } = await running(many(30));
    const outcomes = await rebuild(replay, names);
    expect(outcomes).toMatchObject([
      { outcome: 'switched', projection: 'ledger', generation: 2, comparison: { equal: true, documents: 1 } },
      { outcome: 'switched', projection: 'tally', generation: 2, comparison: { equal: true, documents: 1 } },
    ]);
    perform(log, [add(5)]);
    await caughtUp(host, log, projections);
    expect((await host.read(ledger, acme).get('a'))?.sum).toBe(36);
    expect(await documentsOf(store, 'ledger-v1-g2')).toEqual(expected(log).documents);
    expect(
      (await host.status()).projections.map(({ state, generation }) => [state, generation?.generation]),
    ).toEqual([
      ['live', 2],
      ['live', 2],
    ]);
  });

  it('leaves readers no gap while events arrive: nothing they have seen is ever taken back', async () => {
    const { log, host, replay } = await running(many(50), { batch: 3 });
    const reader = host.read(ledger, acme);
    let seen = 0;
    let going = true;
    const reading = (async () => {
      while (going) {
        const sum = (await reader.get('a'))?.sum ?? -1;
        expect(sum).toBeGreaterThanOrEqual(seen);
        seen = sum;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const writing = (async () => {
      for (let count = 0; count < 300; count += 1) {
        perform(log, [add()]);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let round = 0; round < 5; round += 1)
      expect(await rebuild(replay, names)).toMatchObject([
        { comparison: { equal: true } },
        { comparison: { equal: true } },
      ]);
    await writing;
    await caughtUp(host, log, projections);
    going = false;
    await reading;
    expect((await reader.get('a'))?.sum).toBe(351);
    expect((await host.read(tally, acme).get('all'))?.count).toBe(351);
  });

  it('comes to the same documents however often it is done between events and restarts', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(scripts, fc.constantFrom('rebuild', 'restart', 'verify')), { maxLength: 4 }),
        fc.integer({ min: 1, max: 20 }),
        async (rounds, batch) => {
          const log = new MemoryEventLog(() => batch);
          const store = new MemoryReadStore();
          let host = await hostOver(log, store, projections);
          for (const [script, then] of rounds) {
            // Each round's accounts are its own, so that its script can be folded after any other.
            const round = rounds.findIndex(([other]) => other === script);
            perform(
              log,
              script.map((step) => ({ ...step, accounts: step.accounts.map((id) => `${id}${round}`) })),
            );
            if (then === 'restart') {
              await host.stop();
              host = await hostOver(log, store, projections);
            } else if (then === 'rebuild')
              for (const outcome of await rebuild(replayOf(host, log), names))
                expect(outcome).toMatchObject({ comparison: { equal: true } });
            else
              for (const outcome of await verify(replayOf(host, log), names))
                expect(outcome).toMatchObject({ outcome: 'verified', equal: true });
          }
          await caughtUp(host, log, projections);
          const generation = (await host.status()).projections[0]?.generation?.generation ?? 0;
          await host.stop();
          expect(await documentsOf(store, `ledger-v1-g${generation}`)).toEqual(expected(log).documents);
        },
      ),
      { seed: 6, numRuns: 60 },
    ));

  it('reports documents that were not what the log says, and serves what it says', async () => {
    const { log, store, host, replay } = await running(many(3));
    const damaged = await store.collection<{ id: string; position: never; sum: number }>({
      name: 'ledger-v1-g1',
      indexes: [],
    });
    const [position] = [log.events[0]?.position as never];
    await damaged.write([{ tenant: acme, id: 'a', document: { id: 'a', position, sum: 99 } }]);
    const [outcome] = await rebuild(replay, ['ledger']);
    expect(outcome).toMatchObject({
      outcome: 'switched',
      comparison: { equal: false, differing: 1, differences: [{ tenant: acme, id: 'a', kind: 'changed' }] },
    });
    expect((await host.read(ledger, acme).get('a'))?.sum).toBe(4);
  });

  it('stops when asked and goes on where it stopped, in another process too', async () => {
    const { log, store, host, replay } = await running(many(99), { batch: 5 });
    const stop = new AbortController();
    const [stopped] = await rebuild(replay, ['ledger'], {
      signal: stop.signal,
      onProgress: ({ events }) => {
        if (events >= 30) stop.abort();
      },
    });
    expect(stopped).toMatchObject({ outcome: 'stopped' });
    expect((await host.status()).projections[0]?.generation?.generation).toBe(1);
    await host.stop();
    const next = await hostOver(log, store, projections, options);
    hosts.push(next);
    let read = 0;
    const [done] = await rebuild(replayOf(next, log), ['ledger'], {
      onProgress: ({ events }) => (read = events),
    });
    expect(done).toMatchObject({ outcome: 'switched', generation: 2, comparison: { equal: true } });
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThanOrEqual(70);
  });

  it('begins anew where that is wanted', async () => {
    const { replay } = await running(many(99), { batch: 5 });
    const stop = new AbortController();
    await rebuild(replay, ['ledger'], { signal: stop.signal, onProgress: () => stop.abort() });
    let read = 0;
    const [done] = await rebuild(replay, ['ledger'], {
      fresh: true,
      onProgress: ({ events }) => (read = events),
    });
    expect(done).toMatchObject({ outcome: 'switched', generation: 3, comparison: { equal: true } });
    expect(read).toBe(100);
  });

  it('stops with the process, and what was served stays', async () => {
    const { host, replay } = await running(many(99), { batch: 5 });
    let stopping: Promise<void> | undefined;
    const [outcome] = await rebuild(replay, ['ledger'], {
      onProgress: () => {
        stopping ??= host.stop();
      },
    });
    await stopping;
    expect(outcome).toMatchObject({ outcome: 'stopped' });
  });

  it('says how far it is', async () => {
    const { log, replay } = await running(many(100), { batch: 5 });
    const shares: number[] = [];
    await rebuild(replay, names, {
      onProgress: ({ share, head }) => shares.push(head === log.events.at(-1)?.position ? share : -1),
    });
    expect(shares.at(-1)).toBe(1);
    expect([...shares].sort((one, other) => one - other)).toEqual(shares);
  });

  it('stops at an event that it cannot fold, and what was served stays', async () => {
    const { log, host, replay } = await running([...many(5), { ...add(), kind: 'break' }, add()]);
    const outcomes = await rebuild(replay, names);
    expect(outcomes).toMatchObject([
      { outcome: 'poisoned', projection: 'ledger', position: log.events[6]?.position },
      { outcome: 'switched', projection: 'tally' },
    ]);
    expect((await host.read(ledger, acme).get('a'))?.sum).toBe(6);
    expect(host.parked()).toHaveLength(1);
  });

  it('is refused while another is under way', async () => {
    const { replay } = await running(many(50));
    const both = await Promise.all([rebuild(replay, ['ledger']), rebuild(replay, names)]);
    const kinds = both.flat().map(({ outcome }: RebuildOutcome) => outcome);
    expect(kinds).toEqual(['switched', 'busy', 'busy']);
  });

  it('keeps the generation before for going back, and no older one', async () => {
    const { log, store, host, replay } = await running(many(5));
    for (let round = 0; round < 3; round += 1) await rebuild(replay, ['ledger']);
    perform(log, [add(10)]);
    await caughtUp(host, log, projections);
    expect((await store.collections()).filter((name) => name.startsWith('ledger'))).toEqual([
      'ledger-v1-g3',
      'ledger-v1-g4',
    ]);
    expect(await rollBack(replay, 'ledger')).toMatchObject({
      outcome: 'switched',
      generation: 3,
      comparison: { equal: true },
    });
    expect((await host.read(ledger, acme).get('a'))?.sum).toBe(16);
    expect(await rollBack(replay, 'tally')).toEqual({
      outcome: 'nothing_to_go_back_to',
      projection: 'tally',
    });
  });
});

describe('a rebuild that is killed at any write', () => {
  it('leaves what was served, and comes to the same when it is begun again', async () => {
    const script = many(40);
    let writes = 0;
    for (let killed = true; killed; writes += 1) {
      const { log, store, host } = await running(script, { batch: 3, read: [ledger] });
      await host.stop();
      let left = Infinity;
      let hit: () => void = () => undefined;
      const dead = new Promise<void>((resolve) => (hit = resolve));
      const failing = store.withRules(() => {
        if (left-- > 0) return;
        hit();
        throw new Error('killed');
      });
      const dying = await hostOver(log, failing, [ledger], options);
      perform(log, [add()]);
      await caughtUp(dying, log, [ledger]);
      left = writes;
      const rebuilt = rebuild(replayOf(dying, log), ['ledger']);
      killed = await Promise.race([dead.then(() => true), rebuilt.then(() => false)]);
      await dying.stop();
      await rebuilt.catch(() => undefined);
      const survivor = failing.withRules(() => undefined);
      const next = await hostOver(log, survivor, [ledger], options);
      expect((await next.read(ledger, acme).get('a'))?.sum).toBe(42);
      const [outcome] = await rebuild(replayOf(next, log), ['ledger']);
      expect(outcome).toMatchObject({ outcome: 'switched', comparison: { equal: true } });
      await next.stop();
      const names = (await survivor.collections()).filter((name) => name.startsWith('ledger'));
      expect(names.length).toBeLessThanOrEqual(2);
    }
    expect(writes).toBeGreaterThan(10);
  });
});

describe('a read model whose fold has changed', () => {
  const doubled = {
    ...ledger,
    version: 2,
    fold: ((account, part, at) =>
      ledger.fold(account, { ...part, amount: 2 * part.amount }, at)) as typeof ledger.fold,
  };

  it('is built beside what the old fold made, which is served until then', async () => {
    const { log, store, host } = await running(many(20));
    await host.stop();
    perform(log, [add()]);
    const next = await hostOver(log, store, [doubled, tally]);
    hosts.push(next);
    expect((await next.read(doubled, acme).get('a'))?.sum).toBe(21);
    await caughtUp(next, log, [doubled, tally]);
    expect((await next.read(doubled, acme).get('a'))?.sum).toBe(44);
    perform(log, [add()]);
    await caughtUp(next, log, [doubled, tally]);
    expect((await next.read(doubled, acme).get('a'))?.sum).toBe(46);
    expect((await next.status()).projections[0]).toMatchObject({
      version: 2,
      state: 'live',
      generation: { version: 2, generation: 2 },
    });
  });
});

describe('verifying a read model', () => {
  it('finds every document equal, parked keys or not, and leaves nothing behind', () =>
    fc.assert(
      fc.asyncProperty(roughScripts, fc.integer({ min: 1, max: 20 }), async (script, batch) => {
        const { log, store, host, replay } = await running(script, { batch });
        const before = (await store.collections()).toSorted();
        const verified = await verify(replay, names);
        const documents = Object.keys(expected(log).documents).length;
        expect(verified).toMatchObject([
          { outcome: 'verified', equal: true, documents, position: await log.head() },
          { outcome: 'verified', equal: true },
        ]);
        expect((await store.collections()).toSorted()).toEqual(before);
        await host.stop();
      }),
      { seed: 7, numRuns: 50 },
    ));

  it('gives the same digest for the same documents, and another one for others', async () => {
    const digest = async (script: readonly Script[], batch: number): Promise<string> => {
      const { replay } = await running(script, { batch });
      const [outcome] = await verify(replay, ['ledger']);
      return outcome?.outcome === 'verified' ? outcome.digest : '';
    };
    const one = await digest(many(20), 3);
    expect(one).toMatch(/^[0-9a-f]{64}$/);
    expect(await digest(many(20), 20)).toBe(one);
    expect(await digest(many(21), 3)).not.toBe(one);
  });

  it('names what differs, what is missing and what is too much, and changes nothing', async () => {
    const { log, store, replay, host } = await running([
      open,
      { ...open, accounts: ['b'] },
      { ...open, accounts: ['c'] },
    ]);
    const served = await store.collection<{ id: string; position: never; sum: number; entries: never[] }>({
      name: 'ledger-v1-g1',
      indexes: [],
    });
    const position = log.events[0]?.position as never;
    await served.write([
      { tenant: acme, id: 'a', document: { id: 'a', position, sum: 7, entries: [position] } },
      { tenant: acme, id: 'b' },
      { tenant: acme, id: 'd', document: { id: 'd', position, sum: 0, entries: [] } },
    ]);
    const [outcome] = await verify(replay, ['ledger']);
    expect(outcome).toMatchObject({
      outcome: 'verified',
      equal: false,
      documents: 3,
      differing: 3,
      differences: [
        { tenant: acme, id: 'a', kind: 'changed', paths: ['/sum'] },
        { tenant: acme, id: 'b', kind: 'missing', paths: [] },
        { tenant: acme, id: 'd', kind: 'surplus', paths: [] },
      ],
    });
    expect((await host.read(ledger, acme).get('a'))?.sum).toBe(7);
  });

  it('compares at one position while events arrive', async () => {
    const { log, host, replay } = await running(many(50), { batch: 3 });
    const writing = (async () => {
      for (let count = 0; count < 200; count += 1) {
        perform(log, [add()]);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let round = 0; round < 5; round += 1)
      expect(await verify(replay, names)).toMatchObject([{ equal: true }, { equal: true }]);
    await writing;
    await caughtUp(host, log, projections);
    expect((await host.read(ledger, acme).get('a'))?.sum).toBe(251);
  });
});
