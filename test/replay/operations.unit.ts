import { afterEach, describe, expect, it } from '@jest/globals';
import { Operations, type JobKind } from '../../src/replay/operations.js';
import type { Replay } from '../../src/replay/rebuild.js';
import type { ProjectionHost } from '../../src/projections/runner/host.js';
import { acme, ledger, perform } from '../support/ledger.js';
import { MemoryEventLog } from '../support/memory-event-log.js';
import { MemoryReadStore } from '../support/memory-read-store.js';
import { caughtUp, hostOver } from '../support/projected.js';

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
    const operations = new Operations({} as Replay, ['ledger'], host, undefined, () => 'job');
    expect(await operations.status()).toMatchObject({
      projections: [{ name: 'ledger', parked: 1 }],
      parked: [
        { projection: 'ledger', id: 'a', position: log.events[1]?.position, error: 'broken', waiting: 2 },
      ],
    });
  });

  it.each<[JobKind, readonly string[] | undefined, RegExp]>([
    ['rebuild', ['ledgre'], /no read model ledgre; there are ledger/],
    ['verify', ['ledger', 'x', 'y'], /no read model x, y/],
    ['log-verify', undefined, /own tools/],
  ])('refuses a job that makes no sense: %s of %j', (kind, projections, said) => {
    const nobody = { status: () => Promise.reject(new Error('not asked')), parked: () => [] };
    const operations = new Operations({} as Replay, ['ledger'], nobody, undefined, () => 'job');
    expect(() => operations.start(kind, { ...(projections && { projections }) })).toThrow(said);
  });
});
