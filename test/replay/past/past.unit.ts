import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject } from '../../../src/domain/json.js';
import { quarantineStream } from '../../../src/domain/streams.js';
import { toPosition, type Position, type RecordedEvent } from '../../../src/eventstore/event-store.js';
import { systemClock } from '../../../src/platform/clock.js';
import { positionAt } from '../../../src/replay/moments.js';
import { Past } from '../../../src/replay/past/past.js';
import type { View } from '../../../src/replay/past/sight.js';
import { acme, expected, ledger, other, perform, scripts, tally } from '../../support/ledger.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';

const pastOf = (log: MemoryEventLog): Past => new Past(log, systemClock, [ledger, tally]);
const everything = { limit: 1000, view: 'then' as const };

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
    const one = await pastOf(log).documentsAt(acme, 'ledger', now, { ...everything, id: 'a', limit: 1 });
    expect(one).toMatchObject({ documents: [{ id: 'a', sum: 3 }], more: false });
    const first = await pastOf(log).documentsAt(acme, 'ledger', now, { ...everything, limit: 1 });
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

/** Sets a record aside, and says where in the log that was decided. */
const setAside = (log: MemoryEventLog, record: RecordedEvent): Position => {
  const { stream, revision, position, type } = record;
  const by = { kind: 'user', id: 'usr_1' };
  const quarantine_id = `qua_${log.events.length}`;
  const proposed = { quarantine_id, reason: 'false', by, records: [{ stream, revision, position, type }] };
  log.append(acme, quarantineStream(acme), 'QuarantineProposed', proposed);
  return log.append(acme, quarantineStream(acme), 'QuarantineApproved', { quarantine_id, by }).position;
};

describe('what has been set aside', () => {
  it('is in a read model of before, which says so, and in none of after, nor where it is left out', async () => {
    const log = new MemoryEventLog();
    perform(log, [
      { tenant: acme, kind: 'open', accounts: ['a'], amount: 1 },
      { tenant: acme, kind: 'add', accounts: ['a'], amount: 2 },
    ]);
    const added = log.events[1]!;
    const decided = setAside(log, added);
    const sumAt = async (position: Position, view: View) => {
      const then = await pastOf(log).documentsAt(acme, 'ledger', { position }, { limit: 9, view });
      return then?.outcome === 'folded' ? { documents: then.documents, since: then.set_aside_since } : then;
    };
    expect(await sumAt(added.position, 'then')).toMatchObject({ documents: [{ sum: 3 }], since: 1 });
    expect(await sumAt(added.position, 'corrected')).toMatchObject({ documents: [{ sum: 1 }], since: 0 });
    expect(await sumAt(decided, 'then')).toMatchObject({ documents: [{ sum: 1 }], since: 0 });
    log.append(acme, quarantineStream(acme), 'QuarantineReleased', {
      quarantine_id: 'qua_2',
      by: { kind: 'user', id: 'usr_1' },
    });
    expect(await sumAt(decided, 'then')).toMatchObject({ documents: [{ sum: 1 }], since: 0 });
    expect(await sumAt(decided, 'corrected')).toMatchObject({ documents: [{ sum: 3 }], since: 0 });
  });

  it('is in the state of a thing likewise', async () => {
    const log = new MemoryEventLog();
    const stream = 'rule-rul_1';
    const rule = {
      ...{
        rule_id: 'rul_1',
        name: 'first',
        severity: 'info',
        enabled: true,
        window_seconds: 60,
        for_seconds: 0,
      },
      condition: { metric: 'request_count', operator: '>', threshold: 1 },
    };
    const defined = log.append(acme, stream, 'AlertRuleDefined', rule);
    const changed = log.append(acme, stream, 'AlertRuleChanged', { ...rule, name: 'false' });
    const decided = setAside(log, changed);
    const at = (position: Position, view: View) => pastOf(log).stateOf(acme, stream, { position }, view);
    const first = { revision: 0, set_aside_since: 0 };
    expect(JSON.stringify(await at(changed.position, 'then'))).toContain('"name":"false"');
    expect(await at(changed.position, 'then')).toMatchObject({ revision: 1, set_aside_since: 1 });
    expect(await at(changed.position, 'corrected')).toMatchObject(first);
    expect(JSON.stringify(await at(decided, 'then'))).toContain('"name":"first"');
    expect(await at(decided, 'then')).toMatchObject(first);
    setAside(log, defined);
    expect(await at(changed.position, 'corrected')).toBeUndefined();
  });
});
