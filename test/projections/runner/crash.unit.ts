import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  expected,
  ledger,
  perform,
  roughScripts,
  scripts,
  tally,
  type Script,
} from '../../support/ledger.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { caughtUp, documentsOf, hostOver } from '../../support/projected.js';

const projections = [ledger, tally];

/** Runs the read models over a log until they have everything, killed at each of the given writes on the way. */
const runKilled = async (
  script: readonly Script[],
  kills: readonly { readonly after: number; readonly batch: number; readonly window: number }[],
  logs: { readonly last_batch: number; readonly cached: number },
) => {
  let batch = 1;
  const log = new MemoryEventLog(() => batch);
  perform(log, script);
  const options = (events: number) => ({
    cache: { documents: logs.cached, bytes: 1e6 },
    window: { events, milliseconds: 1e6 },
  });
  let store = new MemoryReadStore();
  // The first two writes make the pointers; before them there is nothing to lose.
  let killed = 0;
  for (const kill of kills) {
    batch = kill.batch;
    let left = kill.after;
    let hit: () => void = () => undefined;
    const dead = new Promise<void>((resolve) => (hit = resolve));
    store = store.withRules(() => {
      if (left > 0) left -= 1;
      else {
        hit();
        throw new Error('killed');
      }
    });
    const host = await hostOver(log, store, projections, options(kill.window));
    if (await Promise.race([dead.then(() => true), caughtUp(host, log, projections).then(() => false)]))
      killed += 1;
    await host.stop();
  }
  batch = logs.last_batch;
  store = store.withRules(() => undefined);
  const host = await hostOver(log, store, projections, options(10));
  await caughtUp(host, log, projections);
  const parked = Object.fromEntries(
    host
      .parked()
      .filter(({ projection }) => projection === 'ledger')
      .map(({ kind, tenant, id, waiting }) => [
        kind === 'stream' ? `stream ${id}` : `document ${tenant}/${id}`,
        waiting,
      ]),
  );
  await host.stop();
  return {
    log,
    killed,
    parked,
    documents: await documentsOf(store, 'ledger-v1-g1'),
    tally: await documentsOf(store, 'tally-v1-g1'),
  };
};

const kills = fc.array(
  fc.record({
    after: fc.integer({ min: 2, max: 60 }),
    batch: fc.integer({ min: 1, max: 20 }),
    window: fc.integer({ min: 1, max: 30 }),
  }),
  { maxLength: 4 },
);
const logs = fc.record({
  last_batch: fc.integer({ min: 1, max: 20 }),
  cached: fc.integer({ min: 1, max: 6 }),
});

describe('a process killed at any write to the read store', () => {
  it('leaves documents that come out the same, with no event missed or counted twice', async () => {
    let deaths = 0;
    await fc.assert(
      fc.asyncProperty(scripts, kills, logs, async (script, killed, how) => {
        const end = await runKilled(script, killed, how);
        deaths += end.killed;
        expect({ documents: end.documents, parked: end.parked }).toEqual(expected(end.log));
        const counted = Object.values(end.tally).map((text) => (JSON.parse(text) as { count: number }).count);
        const reads = end.log.events.filter(({ type }) => tally.reads.includes(type));
        expect(counted.reduce((sum, count) => sum + count, 0)).toBe(reads.length);
      }),
      { seed: 3, numRuns: 200 },
    );
    expect(deaths).toBeGreaterThan(50);
  });

  it('leaves the same keys parked, each as it was before the event that it could not take', async () => {
    let deaths = 0;
    await fc.assert(
      fc.asyncProperty(roughScripts, kills, logs, async (script, killed, how) => {
        const end = await runKilled(script, killed, how);
        deaths += end.killed;
        expect({ documents: end.documents, parked: end.parked }).toEqual(expected(end.log));
      }),
      { seed: 4, numRuns: 200 },
    );
    expect(deaths).toBeGreaterThan(50);
  });

  it('comes out the same from every single write of one script', async () => {
    const [script] = fc.sample(
      scripts.filter((all) => all.length > 30),
      { seed: 5, numRuns: 1 },
    );
    for (let after = 2, killed = 1; killed > 0; after += 1) {
      const end = await runKilled(script ?? [], [{ after, batch: 7, window: 7 }], {
        last_batch: 4,
        cached: 3,
      });
      killed = end.killed;
      expect({ documents: end.documents, parked: end.parked }).toEqual(expected(end.log));
    }
  });
});
