import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject } from '../../../src/domain/json.js';
import { toPosition, type Position } from '../../../src/eventstore/event-store.js';
import { systemClock } from '../../../src/platform/clock.js';
import { positionAt } from '../../../src/replay/moments.js';
import { Past } from '../../../src/replay/past/past.js';
import { acme, expected, ledger, other, perform, scripts, tally } from '../../support/ledger.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';

const pastOf = (log: MemoryEventLog): Past => new Past(log, systemClock, [ledger, tally]);
const everything = { limit: 1000 };

/** The same log, as it was when it ended with a position. */
const truncated = (log: MemoryEventLog, position: Position): MemoryEventLog => {
  const before = new MemoryEventLog();
  before.events.push(...log.events.filter((event) => event.position <= position));
  return before;
};

const textOf = ({ $bytes: _, ...document }: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(document);

describe('a read model in the past', () => {
  it('is what the log that ended there makes, at every position and at every time', () =>
    fc.assert(
      fc.asyncProperty(scripts, fc.nat(60), fc.integer({ min: 1, max: 9 }), async (script, at, batch) => {
        const log = new MemoryEventLog(() => batch);
        perform(log, script);
        const last = log.events[at % log.events.length]!;
        const wanted = Object.entries(expected(truncated(log, last.position)).documents)
          .filter(([key]) => key.startsWith(acme))
          .map(([, text]) => text)
          .sort();
        for (const moment of [{ position: last.position }, { time: last.metadata.recorded_at }]) {
          const then = await pastOf(log).documentsAt(acme, 'ledger', moment, everything);
          expect(then).toMatchObject({ outcome: 'folded', more: false });
          const documents = then?.outcome === 'folded' ? then.documents : [];
          expect(documents.map((one) => textOf(one as JsonObject)).sort()).toEqual(wanted);
        }
        expect(await positionAt(log, last.metadata.recorded_at, new AbortController().signal)).toBe(
          last.position,
        );
      }),
      { numRuns: 60 },
    ));

  it('is asked for by document, too, and is nobody else’s', async () => {
    const log = new MemoryEventLog();
    perform(log, [
      { tenant: acme, kind: 'open', accounts: ['a', 'b'], amount: 1 },
      { tenant: other, kind: 'open', accounts: ['a'], amount: 7 },
      { tenant: acme, kind: 'add', accounts: ['a'], amount: 2 },
    ]);
    const now = { position: toPosition(1e9) };
    const one = await pastOf(log).documentsAt(acme, 'ledger', now, { id: 'a', limit: 1 });
    expect(one).toMatchObject({ documents: [{ id: 'a', sum: 3 }], more: false });
    const first = await pastOf(log).documentsAt(acme, 'ledger', now, { limit: 1 });
    expect(first).toMatchObject({ documents: [{ id: 'a' }], more: true });
    const theirs = await pastOf(log).documentsAt(other, 'ledger', now, everything);
    expect(theirs).toMatchObject({ documents: [{ id: 'a', sum: 7 }] });
    expect(await pastOf(log).documentsAt(acme, 'none', now, everything)).toBeUndefined();
  });

  it('that cannot be folded says at which record', async () => {
    const log = new MemoryEventLog();
    perform(log, [
      { tenant: acme, kind: 'open', accounts: ['a'], amount: 1 },
      { tenant: acme, kind: 'break', accounts: ['a'], amount: 1 },
    ]);
    const now = { position: toPosition(1e9) };
    expect(await pastOf(log).documentsAt(acme, 'ledger', now, everything)).toEqual({
      outcome: 'unfoldable',
      position: log.events[1]?.position,
      error: 'broken',
    });
  });
});

describe('a stream', () => {
  it('shows a tenant its own records, page by page', async () => {
    const log = new MemoryEventLog();
    for (let count = 0; count < 10; count += 1)
      log.append(count % 2 ? other : acme, 'shared', 'Noted', { count, token: 'x' });
    const past = pastOf(log);
    const seen: unknown[] = [];
    for (let from: number | undefined = 0; from !== undefined;) {
      const page: Awaited<ReturnType<Past['records']>> = await past.records(acme, 'shared', from, 2);
      seen.push(...page.data.map(({ data }) => data));
      from = page.next;
    }
    expect(seen).toEqual([0, 2, 4, 6, 8].map((count) => ({ count, token: '***' })));
    expect((await past.records(acme, '$all', 0, 5)).data).toEqual([]);
    expect((await past.records(acme, '', 0, 5)).data).toEqual([]);
  });
});
