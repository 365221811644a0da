import { afterEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom, filter } from 'rxjs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemRandom } from '../../../src/platform/random.js';
import { ProjectionHost } from '../../../src/projections/runner/host.js';
import type { Collection, CollectionSpec, Document } from '../../../src/readstore/read-store.js';
import { acme, ledger, other, perform, tally, type Account, type Script } from '../../support/ledger.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { caughtUp, documentsOf, hostOver } from '../../support/projected.js';

const entry = (kind: Script['kind'], account: string, amount = 1, tenant = acme): Script => ({
  tenant,
  kind,
  accounts: [account],
  amount,
});

/** Takes a second for each write. */
class SlowReadStore extends MemoryReadStore {
  constructor(private readonly clock: ManualClock) {
    super();
  }

  override async collection<D extends Document>(spec: CollectionSpec): Promise<Collection<D>> {
    const collection = await super.collection<D>(spec);
    return {
      load: (keys) => collection.load(keys),
      scan: () => collection.scan(),
      write: (changes) => {
        this.clock.advance(1000);
        return collection.write(changes);
      },
    };
  }
}

describe('the projection host', () => {
  const hosts: ProjectionHost[] = [];
  afterEach(async () => {
    for (const host of hosts.splice(0)) await host.stop();
  });
  const started = async (...args: Parameters<typeof hostOver>): Promise<ProjectionHost> => {
    const host = await hostOver(...args);
    hosts.push(host);
    return host;
  };

  it('folds what was in the log before it started and what comes after', async () => {
    const log = new MemoryEventLog();
    perform(log, [entry('open', 'a', 2), entry('add', 'a', 3)]);
    const host = await started(log, new MemoryReadStore(), [ledger, tally]);
    await caughtUp(host, log, [ledger, tally]);
    perform(log, [entry('add', 'a', 5), entry('open', 'b', 1, other)]);
    await caughtUp(host, log, [ledger, tally]);
    expect((await host.read(ledger, acme).get('a'))?.sum).toBe(10);
    expect((await host.read(tally, acme).get('all'))?.count).toBe(3);
    expect(await host.read(ledger, acme).get('b')).toBeUndefined();
  });

  it('says how far it has got where no event was for it', async () => {
    const log = new MemoryEventLog();
    const host = await started(log, new MemoryReadStore(), [ledger]);
    log.append(acme, 'else', 'Ignored', {});
    await caughtUp(host, log, [ledger]);
    expect(host.position(ledger)).toBe(await log.head());
  });

  it('does not claim a position that the log has not got to', async () => {
    const log = new MemoryEventLog();
    const host = await started(log, new MemoryReadStore(), [ledger]);
    expect(await host.reached([ledger], 'ffffffffffffffff' as never, 1)).toBe(false);
  });

  it('tells which tenants’ documents changed, once they can be read', async () => {
    const log = new MemoryEventLog();
    const host = await started(log, new MemoryReadStore(), [ledger]);
    const change = firstValueFrom(host.changes.pipe(filter(({ tenants }) => tenants.size > 0)));
    perform(log, [entry('open', 'a', 2, other)]);
    const { projection, tenants, position } = await change;
    expect({ projection, tenants: [...tenants], position }).toEqual({
      projection: 'ledger',
      tenants: [other],
      position: await log.head(),
    });
    expect((await host.read(ledger, other).get('a'))?.sum).toBe(2);
  });

  it('goes on where it was after a restart', async () => {
    const log = new MemoryEventLog();
    const store = new MemoryReadStore();
    perform(log, [entry('open', 'a', 2)]);
    const first = await hostOver(log, store, [ledger]);
    await caughtUp(first, log, [ledger]);
    await first.stop();
    perform(log, [entry('add', 'a', 3)]);
    const second = await started(log, store, [ledger]);
    await caughtUp(second, log, [ledger]);
    expect((await second.read(ledger, acme).get('a'))?.sum).toBe(5);
  });

  it('lets a new read model catch up while the others stay at the log’s end', async () => {
    const log = new MemoryEventLog(() => 3);
    const store = new MemoryReadStore();
    perform(log, [entry('open', 'a'), ...Array.from({ length: 50 }, () => entry('add', 'a'))]);
    const first = await hostOver(log, store, [ledger]);
    await caughtUp(first, log, [ledger]);
    await first.stop();
    const second = await started(log, store, [ledger, tally]);
    await caughtUp(second, log, [ledger, tally]);
    perform(log, [entry('add', 'a')]);
    await caughtUp(second, log, [ledger, tally]);
    expect((await second.read(tally, acme).get('all'))?.count).toBe(52);
    expect((await second.status()).projections.map(({ state }) => state)).toEqual(['live', 'live']);
  });

  it('keeps writing where the read store fails for a while', async () => {
    const log = new MemoryEventLog();
    let refuse = 3;
    const store = new MemoryReadStore((operation) => {
      if (operation.startsWith('write ledger') && refuse-- > 0) throw new Error('away');
    });
    const host = await started(log, store, [ledger]);
    perform(log, [entry('open', 'a', 4)]);
    await caughtUp(host, log, [ledger]);
    expect((await host.read(ledger, acme).get('a'))?.sum).toBe(4);
    expect((await host.status()).trouble).toBeUndefined();
  });

  it('writes many batches that come at once together, and at once for somebody who waits', async () => {
    const log = new MemoryEventLog();
    const clock = new ManualClock();
    const host = new ProjectionHost([ledger], log, new SlowReadStore(clock), clock, systemRandom);
    hosts.push(host);
    await host.start();
    perform(log, [entry('open', 'a')]);
    await caughtUp(host, log, [ledger]);
    const first = host.position(ledger);
    perform(log, [entry('add', 'a')]);
    perform(log, [entry('add', 'a')]);
    await nextTurn();
    expect(host.position(ledger)).toBe(first);
    await caughtUp(host, log, [ledger]);
    expect((await host.read(ledger, acme).get('a'))?.sum).toBe(3);
  });

  it('ends where another process folds the same read model', async () => {
    const log = new MemoryEventLog();
    const store = new MemoryReadStore();
    const one = await started(log, store, [ledger]);
    const two = await started(log, store, [ledger]);
    perform(log, [entry('open', 'a')]);
    // The second may have read what the first wrote and have had nothing to write: what comes next it has, too.
    const opened = await log.head();
    await Promise.all([one, two].map((host) => host.reached([ledger], opened, 20_000)));
    perform(log, [entry('add', 'a')]);
    const ended = await Promise.race([one.ended(), two.ended()]);
    expect(ended?.name).toBe('CheckpointTaken');
  });

  it('holds no more documents in memory than it may', async () => {
    const log = new MemoryEventLog(() => 5);
    const store = new MemoryReadStore();
    const accounts = Array.from({ length: 200 }, (_, index) => `account-${index}`);
    perform(
      log,
      accounts.map((account) => entry('open', account)),
    );
    perform(
      log,
      accounts.map((account) => entry('add', account)),
    );
    const host = await started(log, store, [ledger], { cache: { documents: 10, bytes: 1e6 } });
    await caughtUp(host, log, [ledger]);
    const documents = Object.values(await documentsOf(store, 'ledger-v1-g1'));
    expect(documents.map((document) => (JSON.parse(document) as Account).sum)).toEqual(accounts.map(() => 2));
  });
});

describe('an event that cannot be folded', () => {
  const poisoned = async (script: readonly Script[], batch = 100) => {
    const log = new MemoryEventLog(() => batch);
    const store = new MemoryReadStore();
    perform(log, script);
    const host = await hostOver(log, store, [ledger, tally]);
    await caughtUp(host, log, [ledger, tally]);
    return { log, store, host };
  };
  const script = [
    entry('open', 'a', 1),
    entry('open', 'b', 1),
    entry('add', 'a', 2),
    entry('break', 'a', 100),
    entry('add', 'a', 4),
    entry('add', 'b', 8),
  ];

  it.each([1, 2, 3, 100])(
    'parks its document as it was, and the rest goes on (batches of %i)',
    async (batch) => {
      const { host, log } = await poisoned(script, batch);
      expect((await host.read(ledger, acme).get('a'))?.sum).toBe(3);
      expect((await host.read(ledger, acme).get('b'))?.sum).toBe(9);
      expect((await host.read(tally, acme).get('all'))?.count).toBe(6);
      expect(host.parked()).toEqual([
        {
          projection: 'ledger',
          kind: 'document',
          tenant: acme,
          id: 'a',
          position: log.events[3]?.position,
          error: 'broken',
          since: log.events[3]?.metadata.recorded_at,
          waiting: 2,
        },
      ]);
      expect((await host.status()).projections.map(({ parked }) => parked)).toEqual([1, 0]);
      await host.stop();
    },
  );

  it('stays parked over a restart, and its later events wait in order', async () => {
    const { host, log, store } = await poisoned(script);
    await host.stop();
    perform(log, [entry('add', 'a', 16), entry('add', 'b', 16)]);
    const again = await hostOver(log, store, [ledger, tally]);
    await caughtUp(again, log, [ledger, tally]);
    expect(again.parked()).toMatchObject([{ id: 'a', waiting: 3, error: 'broken' }]);
    expect((await again.read(ledger, acme).get('a'))?.sum).toBe(3);
    expect((await again.read(ledger, acme).get('b'))?.sum).toBe(25);
    await again.stop();
  });

  it('is folded from the log once it can be, with all that waited for it', async () => {
    const { host, log, store } = await poisoned(script);
    await host.stop();
    const mended = mend();
    const again = await hostOver(log, store, [mended, tally]);
    const key = { projection: 'ledger', kind: 'document', tenant: acme, id: 'a' } as const;
    expect(await again.retry(key)).toEqual({ outcome: 'folded', events: 2 });
    expect((await again.read(mended, acme).get('a'))?.sum).toBe(107);
    expect(again.parked()).toEqual([]);
    perform(log, [entry('add', 'a', 1)]);
    await caughtUp(again, log, [mended]);
    expect((await again.read(mended, acme).get('a'))?.sum).toBe(108);
    expect(await again.retry(key)).toEqual({ outcome: 'unknown' });
    await again.stop();
  });

  it('changes nothing where it still cannot be folded', async () => {
    const { host, log } = await poisoned(script);
    const key = { projection: 'ledger', kind: 'document', tenant: acme, id: 'a' } as const;
    expect(await host.retry(key)).toEqual({
      outcome: 'failed',
      position: log.events[3]?.position,
      error: 'broken',
    });
    expect((await host.read(ledger, acme).get('a'))?.sum).toBe(3);
    expect(host.parked()).toMatchObject([{ id: 'a', waiting: 2 }]);
    await host.stop();
  });

  it('parks its whole stream where it cannot be said what it touches', async () => {
    const { host } = await poisoned([
      entry('open', 'a', 1),
      entry('unreadable', 'a'),
      entry('add', 'a', 2),
      entry('open', 'a', 4, other),
    ]);
    expect((await host.read(ledger, acme).get('a'))?.sum).toBe(1);
    expect((await host.read(ledger, other).get('a'))?.sum).toBe(4);
    expect(host.parked()).toMatchObject([{ kind: 'stream', id: `accounts-${acme}`, waiting: 2 }]);
    await host.stop();
  });
});

/** The same read model by code that can fold what it could not before. */
const mend = (): typeof ledger => ({
  ...ledger,
  fold: (account, part, at) =>
    ledger.fold(account, part.kind === 'break' ? { ...part, kind: 'add' } : part, at),
});
