import { afterEach, describe, expect, it } from '@jest/globals';
import { isGood, Operations, type Job, type JobKind } from '../../src/replay/operations.js';
import type { RetentionReport } from '../../src/processes/retention/run-retention.js';
import type { Replay } from '../../src/replay/rebuild.js';
import type { ProjectionHost } from '../../src/projections/runner/host.js';
import { systemClock } from '../../src/platform/clock.js';
import { acme, ledger, perform } from '../support/ledger.js';
import { MemoryEventLog } from '../support/memory-event-log.js';
import { MemoryReadStore } from '../support/memory-read-store.js';
import { caughtUp, hostOver } from '../support/projected.js';

const noRetention = (): Promise<RetentionReport> => Promise.resolve({ dry_run: true, tenants: [] });

describe('the operator’s view', () => {
  let host: ProjectionHost | undefined;
  afterEach(() => host?.stop());

  it('names what is parked, with the record that could not be folded and why', async () => {
    const log = new MemoryEventLog();
    perform(
      log,
      (['open', 'break', 'add'] as const).map((kind) => ({ tenant: acme, kind, accounts: ['a'], amount: 1 })),
    );
    host = await hostOver(log, new MemoryReadStore(), [ledger]);
    await caughtUp(host, log, [ledger]);
    const operations = new Operations({} as Replay, ['ledger'], host, undefined, noRetention, () => 'job');
    expect(await operations.status()).toMatchObject({
      projections: [{ name: 'ledger', parked: 1 }],
      parked: [
        { projection: 'ledger', id: 'a', position: log.events[1]?.position, error: 'broken', waiting: 2 },
      ],
    });
  });

  it('folds what is parked once more and says what came of it', async () => {
    const log = new MemoryEventLog();
    perform(
      log,
      (['open', 'break', 'add'] as const).map((kind) => ({ tenant: acme, kind, accounts: ['a'], amount: 1 })),
    );
    const readStore = new MemoryReadStore();
    host = await hostOver(log, readStore, [ledger]);
    await caughtUp(host, log, [ledger]);
    const operationsOf = (of: ProjectionHost) =>
      new Operations(
        { clock: systemClock } as unknown as Replay,
        ['ledger'],
        of,
        undefined,
        noRetention,
        () => 'job',
      );
    const ended = async (operations: Operations): Promise<Job> => {
      for (let job = operations.start('retry'); ; job = operations.job('job') ?? job) {
        if (job.state !== 'running') return job;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const again = await ended(operationsOf(host));
    expect(again.retried).toMatchObject([
      { projection: 'ledger', id: 'a', outcome: 'failed', error: 'broken' },
    ]);
    expect(isGood(again)).toBe(false);

    await host.stop();
    const mended: typeof ledger = {
      ...ledger,
      fold: (account, part, at) =>
        ledger.fold(account, part.kind === 'break' ? { ...part, kind: 'add' } : part, at),
    };
    host = await hostOver(log, readStore, [mended]);
    await caughtUp(host, log, [mended]);
    const folded = await ended(operationsOf(host));
    expect(folded.retried).toMatchObject([{ projection: 'ledger', id: 'a', outcome: 'folded' }]);
    expect(isGood(folded)).toBe(true);
    expect(host.parked()).toEqual([]);
  });

  it.each<[JobKind, readonly string[] | undefined, RegExp]>([
    ['rebuild', ['ledgre'], /no read model ledgre; there are ledger/],
    ['verify', ['ledger', 'x', 'y'], /no read model x, y/],
    ['log-verify', undefined, /own tools/],
    ['log-seal', undefined, /its own files/],
  ])('refuses a job that makes no sense: %s of %j', (kind, projections, said) => {
    const nobody = {
      status: () => Promise.reject(new Error('not asked')),
      parked: () => [],
      retry: () => Promise.reject(new Error('not asked')),
    };
    const operations = new Operations({} as Replay, ['ledger'], nobody, undefined, noRetention, () => 'job');
    expect(() => operations.start(kind, { ...(projections && { projections }) })).toThrow(said);
  });
});
