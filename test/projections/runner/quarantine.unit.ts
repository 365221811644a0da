import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  quarantineDecider,
  quarantineEventTypes,
  type QuarantineEvent,
  type Quarantines,
} from '../../../src/domain/quarantine/quarantine.js';
import { setAsideBy, withoutAside } from '../../../src/domain/quarantine/set-aside.js';
import { readEvent } from '../../../src/domain/stored-event.js';
import { projections } from '../../../src/projections/all.js';
import type { Document } from '../../../src/readstore/read-store.js';
import { canonical, saidBy } from '../../../src/replay/canonical.js';
import { rebuild } from '../../../src/replay/rebuild.js';
import { verify } from '../../../src/replay/verify.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { caughtUp, hostOver, replayOf } from '../../support/projected.js';
import { happenings, QuarantineWorld } from '../../support/quarantine-world.js';
import type { ProjectionHost } from '../../../src/projections/runner/host.js';

const names = projections.map(({ name }) => name);

/** The read model of quarantines itself is there to tell of them, and the audit's of everything that was written. */
const comparable = ({ name }: { readonly name: string }): boolean =>
  name !== 'quarantines' && projections.find((projection) => projection.name === name)?.whole !== true;

const projectionOf = (wanted: string) => projections.find(({ name }) => name === wanted)!;

/** Every document by read model, tenant and id, numbers of events in their chunks aside: those of a log without them are others. */
const contents = async (store: MemoryReadStore, host: ProjectionHost) => {
  const found: Record<string, string> = {};
  for (const { name, version, generation } of (await host.status()).projections.filter(comparable))
    for await (const { key, document } of (
      await store.collection<Document>({
        name: `${name}-v${version}-g${generation?.generation ?? 0}`,
        indexes: [],
      })
    ).scan())
      found[`${name} ${key.tenant}/${key.id}`] = canonical(saidBy(projectionOf(name), document)).replaceAll(
        /,"(?:first|numbers)":(?:\d+|\[[\d,]*\])/g,
        '',
      );
  const parked = host
    .parked()
    .map(({ projection, kind, id, position, waiting }) => ({ projection, kind, id, position, waiting }))
    .sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  return { found, parked };
};

const fold = async (log: MemoryEventLog) => {
  const store = new MemoryReadStore();
  const host = await hostOver(log, store, projections);
  await caughtUp(host, log, projections);
  const result = await contents(store, host);
  await host.stop();
  return result;
};

/** The log as a store hands it out once what stands set aside of telemetry was cut out of its files. */
const cutOut = (log: MemoryEventLog): MemoryEventLog => {
  const decided = new Map<unknown, Quarantines>();
  for (const event of log.events) {
    const said = readEvent<QuarantineEvent>(quarantineEventTypes, event);
    const { tenant_id } = event.metadata;
    const before = decided.get(tenant_id) ?? quarantineDecider.initial;
    if (said) decided.set(tenant_id, quarantineDecider.evolve(before, said));
  }
  const cut = new MemoryEventLog(() => 5);
  cut.events.push(
    ...log.events.flatMap((event) => {
      const quarantines = decided.get(event.metadata.tenant_id) ?? quarantineDecider.initial;
      return event.metadata.chunk ? (withoutAside(event, setAsideBy(quarantines)) ?? []) : [event];
    }),
  );
  return cut;
};

const kills = fc.array(
  fc.record({ after: fc.integer({ min: 1, max: 50 }), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  { minLength: 1, maxLength: 3 },
);

describe('read models of a log in which records are set aside', () => {
  it('are those of a log that never had them, whenever it was decided and wherever the process was killed', async () => {
    let deaths = 0;
    let set_aside = 0;
    await fc.assert(
      fc.asyncProperty(
        happenings,
        kills,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 30 }),
        async (script, killed, batch, window) => {
          const world = new QuarantineWorld(() => batch);
          const { log } = world;
          const options = { window: { events: window, milliseconds: 1e6 } };
          let store = new MemoryReadStore();
          let done = 0;
          const happenUntil = (share: number): void => {
            for (const end = Math.ceil(script.length * share); done < end; done += 1)
              world.happen(script[done]!);
          };
          for (const { after, at } of [...killed].sort((one, other) => one.at - other.at)) {
            // The first writes make the pointers; before them there is nothing to lose.
            let left = projections.length + after;
            let hit: () => void = () => undefined;
            const dead = new Promise<void>((resolve) => (hit = resolve));
            store = store.withRules(() => {
              if (left > 0) left -= 1;
              else {
                hit();
                throw new Error('killed');
              }
            });
            const host = await hostOver(log, store, projections, options);
            happenUntil(at);
            if (
              await Promise.race([dead.then(() => true), caughtUp(host, log, projections).then(() => false)])
            )
              deaths += 1;
            await host.stop();
          }
          store = store.withRules(() => undefined);
          const host = await hostOver(log, store, projections, options);
          happenUntil(0.7);
          await caughtUp(host, log, projections);
          happenUntil(1);
          await caughtUp(host, log, projections);
          const clean = world.clean();
          if (clean.events.length < log.events.length) set_aside += 1;
          const wanted = await fold(clean);
          expect(await contents(store, host)).toEqual(wanted);
          // Made again in one pass, from nothing.
          expect(await fold(log)).toEqual(wanted);
          await host.stop();
        },
      ),
      { seed: 11, numRuns: Number(process.env.QUARANTINE_RUNS ?? 60) },
    );
    expect(set_aside).toBeGreaterThan(20);
    expect(deaths).toBeGreaterThan(5);
  });

  it(
    'are what a replay makes, compared and switched to while records are set aside and brought back',
    () =>
      fc.assert(
        fc.asyncProperty(happenings, fc.boolean(), async (script, switched) => {
          const world = new QuarantineWorld(() => 3);
          const store = new MemoryReadStore();
          const host = await hostOver(world.log, store, projections);
          const half = Math.floor(script.length / 2);
          for (const one of script.slice(0, half)) world.happen(one);
          const replay = replayOf(host, world.log);
          const running = switched ? rebuild(replay, names) : verify(replay, names);
          for (const one of script.slice(half)) {
            world.happen(one);
            await new Promise((resolve) => setImmediate(resolve));
          }
          for (const outcome of await running)
            if (outcome.outcome === 'verified') expect(outcome).toMatchObject({ equal: true });
            else if (outcome.outcome === 'switched')
              expect(outcome).toMatchObject({ comparison: { equal: true } });
            else expect(outcome.outcome).toBe('poisoned');
          await host.stop();
        }),
        { seed: 12, numRuns: 25 },
      ),
    120_000,
  );

  it('are the same once it is cut out of the files, whether they were folded before that, after it, or half of each', async () => {
    let cut = 0;
    await fc.assert(
      fc.asyncProperty(happenings, fc.double({ min: 0, max: 1, noNaN: true }), async (script, share) => {
        const world = new QuarantineWorld(() => 5);
        const store = new MemoryReadStore();
        const early = await hostOver(world.log, store, projections);
        const half = Math.floor(script.length * share);
        for (const one of script.slice(0, half)) world.happen(one);
        await caughtUp(early, world.log, projections);
        await early.stop();
        for (const one of script.slice(half)) world.happen(one);
        const rewritten = cutOut(world.log);
        if (rewritten.events.some(({ kept }) => kept)) cut += 1;
        const wanted = await fold(world.clean());
        const late = await hostOver(rewritten, store, projections);
        await caughtUp(late, rewritten, projections);
        expect(await contents(store, late)).toEqual(wanted);
        await late.stop();
        expect(await fold(rewritten)).toEqual(wanted);
      }),
      { seed: 13, numRuns: Number(process.env.QUARANTINE_RUNS ?? 60) },
    );
    expect(cut).toBeGreaterThan(4);
  }, 120_000);
});

it('retired telemetry does not come back with the release of a quarantine', async () => {
  const world = new QuarantineWorld();
  const event = { route: 1, duration: 1, status: 200 };
  const old = { kind: 'telemetry', tenant: 0, events: [{ ...event, minute: -60 }] } as const;
  const young = { kind: 'telemetry', tenant: 0, events: [{ ...event, minute: 60 }] } as const;
  const aside = { kind: 'quarantine', tenant: 0, picks: [{ record: 0, indexes: [], more: 0 }] } as const;
  const store = new MemoryReadStore();
  for (const one of [old, young, { kind: 'retire', tenant: 0 } as const, aside]) world.happen(one);
  const host = await hostOver(world.log, store, projections);
  await caughtUp(host, world.log, projections);
  world.happen({ kind: 'release', tenant: 0, which: 0 });
  await caughtUp(host, world.log, projections);
  const { found } = await contents(store, host);
  const entries = Object.keys(found).filter((key) => key.startsWith('chunk-index'));
  expect(entries).toHaveLength(1);
  expect(found).toEqual((await fold(world.log)).found);
  await host.stop();
});

it('where an event of a route book is set aside only what stands behind it is read, and made what it would be without it', async () => {
  const world = new QuarantineWorld();
  const { log } = world;
  const event = { route: 1, duration: 1, status: 200 };
  const sent = (minute: number) =>
    ({ kind: 'telemetry', tenant: 0, events: [{ ...event, minute }] }) as const;
  for (const minute of [-80, -60, -40]) world.happen(sent(minute));
  const define = { kind: 'domain', tenant: 0, what: 10, of: 1 } as const;
  world.happen(define);
  const defined = log.events.at(-1)!;
  for (const minute of [20, 40, 60]) world.happen(sent(minute));
  const store = new MemoryReadStore();
  const host = await hostOver(log, store, projections);
  await caughtUp(host, log, projections);
  const before = await contents(store, host);
  const read: string[] = [];
  const readAll = log.readAll.bind(log);
  log.readAll = (after, filter) => {
    if (filter?.stream_prefix?.startsWith('telemetry-') && !filter.times) read.push(after);
    return readAll(after, filter);
  };
  const numbers = log.events.map(({ position }) => position);
  const record = numbers.indexOf(defined.position);
  world.happen({ kind: 'quarantine', tenant: 0, picks: [{ record, indexes: [], more: 0 }] });
  await caughtUp(host, log, projections);
  const after = await contents(store, host);
  expect(after).not.toEqual(before);
  expect(after).toEqual(await fold(world.clean()));
  // The index of chunks and the sums.
  expect(read).toEqual([defined.position, defined.position]);
  world.happen({ kind: 'release', tenant: 0, which: 0 });
  await caughtUp(host, log, projections);
  expect((await contents(store, host)).found).toEqual(before.found);
  await host.stop();
});
