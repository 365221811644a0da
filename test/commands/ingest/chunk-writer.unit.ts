import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventStoreUnavailable, type Revision } from '../../../src/eventstore/event-store.js';
import type { TenantId } from '../../../src/domain/ids.js';
import { decodeChunk, ingestBench, NOW, request, tenant, type TestLog } from '../../support/telemetry.js';

const event = (n: number): Buffer => Buffer.from(JSON.stringify({ type: 'a', message: String(n) }));

/** Holds appends back until it is opened. */
const gate = (log: TestLog): { open: () => void } => {
  let open = (): void => undefined;
  const opened = new Promise<undefined>((resolve) => (open = () => resolve(undefined)));
  log.before = () => opened;
  return { open: () => open() };
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('many small requests', () => {
  it('share the appends: one under way, all that come meanwhile in the next', async () => {
    const { log, ingest } = ingestBench();
    const { open } = gate(log);
    const sent = Array.from({ length: 64 }, (_, n) => ingest.one(event(n), request()));
    await turn();
    open();
    const results = await Promise.all(sent);
    expect(log.appends).toBe(2);
    expect(log.events.map(({ metadata }) => metadata.chunk?.count)).toEqual([1, 63]);
    const messages = log.events.flatMap((stored) => decodeChunk(stored).events.map(({ message }) => message));
    expect(messages).toEqual(sent.map((_, n) => String(n)));
    const ids = results.map((result) => (result.ok ? result.value.event_id : ''));
    expect(new Set(ids).size).toBe(64);
  });

  it('whose senders were answered together wait for each other, and nobody for what does not come', async () => {
    const { log, ingest } = ingestBench();
    const send = (n: number) => ingest.one(event(n), request());
    /** Comes in one turn of the event loop after another. */
    const oneByOne = async (count: number) => {
      const sent: ReturnType<typeof send>[] = [];
      for (let n = 0; n < count; n += 1) {
        sent.push(send(n));
        await turn();
      }
      return Promise.all(sent);
    };
    const counts = () => log.events.map(({ metadata }) => metadata.chunk?.count);
    await oneByOne(3);
    expect(counts()).toEqual([1, 1, 1]);
    await Promise.all([send(0), send(1), send(2)]);
    expect(counts().slice(3)).toEqual([1, 2]);
    await oneByOne(3);
    expect(counts().slice(5)).toEqual([3]);
    await send(0);
    expect(counts().slice(6)).toEqual([1]);
  });

  it('are answered when their own chunk is durable, and not before', async () => {
    const { log, ingest } = ingestBench();
    const { open } = gate(log);
    let answered = 0;
    const sent = [1, 2, 3].map((n) => ingest.one(event(n), request()).then(() => (answered += 1)));
    await turn();
    expect(answered).toBe(0);
    open();
    await Promise.all(sent);
    expect(answered).toBe(3);
  });

  it('of different actors, origins, tenants or corrections of times never share a record', async () => {
    const { log, ingest } = ingestBench();
    const { open } = gate(log);
    const { principal } = request();
    const other = { ...principal, actor: { kind: 'user', id: 'usr_1' } as const };
    const stranger = { ...principal, tenant_id: 'ten_other' as TenantId };
    const sent = [
      request(),
      request({ principal: other }),
      request({ principal: other }),
      request({ origin: 'import' }),
      request({ principal: stranger }),
      request({ arrival: { received_at: NOW, sent_at: NOW - 60_000 } }),
      request({ arrival: { received_at: NOW, sent_at: NOW - 60_200 } }),
    ].map((context, n) => ingest.one(event(n), context));
    await turn();
    open();
    await Promise.all(sent);
    const who = log.events.map(({ stream, metadata: { tenant_id, actor, origin, chunk } }) => [
      stream.startsWith(`telemetry-${tenant_id ?? ''}-0-`),
      tenant_id,
      actor.id,
      origin,
      chunk?.count,
      chunk?.time_offset_ms,
    ]);
    expect(who).toHaveLength(5);
    expect(who).toEqual(
      expect.arrayContaining([
        [true, tenant, 'key_1', 'api', 1, undefined],
        [true, tenant, 'key_1', 'api', 2, 60_000],
        [true, tenant, 'usr_1', 'api', 2, undefined],
        [true, tenant, 'key_1', 'import', 1, undefined],
        [true, 'ten_other', 'key_1', 'api', 1, undefined],
      ]),
    );
  });

  it('number their records without a gap', async () => {
    const { log, ingest } = ingestBench();
    for (let n = 0; n < 5; n += 1)
      await ingest.batch(Buffer.from('[{"type":"a"},{"type":"b"}]'), 'json', request());
    expect(log.events.map(({ metadata }) => metadata.chunk?.first_sequence)).toEqual([0, 2, 4, 6, 8]);
  });
});

describe('the stream of the day', () => {
  it('is found at its end after a restart', async () => {
    const before = ingestBench();
    for (let n = 0; n < 3; n += 1) await before.ingest.one(event(n), request());
    const after = ingestBench({}, { log: before.log, clock: before.clock });
    expect((await after.ingest.one(event(3), request())).ok).toBe(true);
    expect(before.log.events.map(({ revision }) => revision)).toEqual([0, 1, 2, 3]);
  });

  it('changes at midnight, UTC', async () => {
    const { log, clock, ingest } = ingestBench();
    clock.time = Date.parse('2026-03-01T23:59:59.999Z');
    await ingest.one(event(1), request());
    clock.time += 1;
    await ingest.one(event(2), request());
    expect(log.events.map(({ stream, revision }) => [stream, revision])).toEqual([
      [`telemetry-${tenant}-0-20260301`, 0],
      [`telemetry-${tenant}-0-20260302`, 0],
    ]);
  });

  it('may be written by another between two appends', async () => {
    const { log, ingest } = ingestBench();
    await ingest.one(event(1), request());
    const other = ingestBench({}, { log });
    await other.ingest.one(event(2), request());
    expect((await ingest.one(event(3), request())).ok).toBe(true);
    expect(log.events.map(({ revision }) => revision)).toEqual([0, 1, 2]);
  });

  it('that another keeps writing faster is given up with an answer', async () => {
    const { log, ingest } = ingestBench();
    let actual = 0;
    log.before = () => Promise.resolve({ outcome: 'conflict', actual: (actual += 1) as Revision });
    expect(await ingest.one(event(1), request())).toMatchObject({
      ok: false,
      refusal: { kind: 'unavailable', code: 'write_contention' },
    });
  });
});

describe('a store that does not answer', () => {
  const unreachable = new EventStoreUnavailable('unreachable', 'gone');

  it('is asked again with the same record at the same revision, so that nothing is stored twice', async () => {
    const { log, ingest } = ingestBench();
    await ingest.one(event(0), request());
    log.after = (attempt) => {
      if (attempt === 2) throw unreachable;
    };
    const batch = Buffer.from('[{"type":"a"}]');
    expect(await ingest.batch(batch, 'json', request())).toMatchObject({
      ok: true,
      value: { accepted: 1, duplicates: 0 },
    });
    expect(log.events).toHaveLength(2);
    log.after = () => undefined;
    expect(await ingest.one(event(2), request())).toMatchObject({ ok: true });
    expect(log.events).toHaveLength(3);
  });

  it.each([
    ['unreachable', 'unavailable'],
    ['halted', 'unavailable'],
    ['disk_full', 'disk_full'],
  ] as const)('fails exactly the callers of that chunk: %s', async (reason, kind) => {
    const { log, ingest } = ingestBench();
    await ingest.one(event(0), request());
    let away = true;
    log.before = () => {
      if (away) throw new EventStoreUnavailable(reason, 'no');
      return Promise.resolve(undefined);
    };
    expect(await ingest.one(event(1), request())).toMatchObject({ ok: false, refusal: { kind } });
    away = false;
    expect(await ingest.one(event(2), request())).toMatchObject({ ok: true });
    const messages = log.events.flatMap((stored) => decodeChunk(stored).events.map(({ message }) => message));
    expect(messages).toEqual(['0', '2']);
  });

  it('passes on what nobody expected', async () => {
    const { log, ingest } = ingestBench();
    log.before = () => Promise.reject(new Error('a bug'));
    await expect(ingest.one(event(1), request())).rejects.toThrow('a bug');
    log.before = () => Promise.resolve(undefined);
    expect((await ingest.one(event(2), request())).ok).toBe(true);
  });
});

describe('a tenant with much waiting', () => {
  const stranger = { ...request().principal, tenant_id: 'ten_other' as TenantId };
  /** Ten events that make a chunk each. */
  const many = Buffer.from(
    Array.from({ length: 10 }, (_, n) => JSON.stringify({ type: 'a', message: String(n) })).join('\n'),
  );

  it('holds up another for one append at most, on a log that takes one at a time', async () => {
    const { log, ingest } = ingestBench({ chunk: { bytes: 10_000, events: 1 } });
    let busy: Promise<unknown> = Promise.resolve();
    log.before = () => {
      const mine = busy.then(turn);
      busy = mine;
      return mine.then(() => undefined);
    };
    const sent = ingest.batch(many, 'ndjson', request());
    await turn();
    const before = log.events.length;
    expect((await ingest.one(event(1), request({ principal: stranger }))).ok).toBe(true);
    const theirs = log.events.findIndex(({ metadata }) => metadata.tenant_id === stranger.tenant_id);
    expect(theirs - before).toBeLessThanOrEqual(1);
    expect((await sent).ok).toBe(true);
  });

  it('leaves room for another', async () => {
    const { log, ingest } = ingestBench({ waiting_bytes: 200 });
    const { open } = gate(log);
    const sent = Array.from({ length: 10 }, (_, n) => ingest.one(event(n), request()));
    const other = ingest.one(event(1), request({ principal: stranger }));
    await turn();
    open();
    const stored = (await Promise.all(sent)).filter(({ ok }) => ok);
    expect(stored.length).toBeGreaterThan(1);
    expect(stored.length).toBeLessThan(10);
    expect((await other).ok).toBe(true);
  });
});

describe('more than fits into memory', () => {
  it('is refused with a time to come back, and what waits is stored', async () => {
    const { log, chunks, ingest } = ingestBench({ waiting_bytes: 200 });
    const { open } = gate(log);
    const first = ingest.one(event(1), request());
    const second = ingest.one(event(2), request());
    expect(
      await ingest.one(Buffer.from(`{"type":"a","message":"${'x'.repeat(99)}"}`), request()),
    ).toMatchObject({
      ok: false,
      refusal: { kind: 'unavailable', code: 'overloaded', retry_after_seconds: 1 },
    });
    open();
    expect([(await first).ok, (await second).ok]).toEqual([true, true]);
    expect(chunks.waiting_bytes).toBe(0);
  });
});

describe('full chunks of a tenant', () => {
  const one_each = { chunk: { bytes: 10_000, events: 1 }, under_way: 3 };
  const messagesIn = (log: TestLog) =>
    log.events.flatMap((stored) => decodeChunk(stored).events.map(({ message }) => message));

  it('are under way together, as many as may be, once the end of the stream is known', async () => {
    const { log, ingest } = ingestBench(one_each);
    await ingest.one(event(0), request());
    const { open } = gate(log);
    const sent = Array.from({ length: 8 }, (_, n) => ingest.one(event(n + 1), request()));
    await turn();
    expect(log.appends).toBe(1 + 3);
    open();
    await Promise.all(sent);
    expect(messagesIn(log)).toEqual(Array.from({ length: 9 }, (_, n) => String(n)));
  });

  it('go one after another where nobody says more, and the last one waits for others to join', async () => {
    const single = ingestBench({ chunk: one_each.chunk });
    await single.ingest.one(event(0), request());
    const closed = gate(single.log);
    const behind = [1, 2, 3].map((n) => single.ingest.one(event(n), request()));
    await turn();
    expect(single.log.appends).toBe(2);
    closed.open();
    await Promise.all(behind);

    const { log, ingest } = ingestBench({ under_way: 3 });
    await ingest.one(event(0), request());
    const { open } = gate(log);
    const sent = [1, 2, 3].map((n) => ingest.one(event(n), request()));
    await turn();
    expect(log.appends).toBe(2);
    open();
    await Promise.all(sent);
    expect(log.events.map(({ metadata }) => metadata.chunk?.count)).toEqual([1, 1, 2]);
  });

  it('are stored once each, in whatever order a store takes them, answers or fails', async () => {
    const fates = fc.constantFrom('goes', 'goes', 'goes', 'late', 'lost', 'unanswered', 'another first');
    await fc.assert(
      fc.asyncProperty(fc.array(fates, { maxLength: 24, size: 'max' }), async (fate) => {
        const { log, clock, ingest } = ingestBench(one_each);
        const other = ingestBench({}, { log, clock });
        const unreachable = new EventStoreUnavailable('unreachable', 'gone');
        let strangers = 0;
        let meddling = false;
        log.before = async (attempt) => {
          if (meddling) return undefined;
          const what = fate[attempt];
          if (what === 'late') for (let turns = 0; turns < 3; turns += 1) await turn();
          if (what === 'lost') throw unreachable;
          if (what === 'another first') {
            meddling = true;
            if ((await other.ingest.one(event(1_000 + attempt), request())).ok) strangers += 1;
            meddling = false;
          }
          return undefined;
        };
        log.after = (attempt) => {
          if (!meddling && fate[attempt] === 'unanswered') throw unreachable;
        };
        const sent = Array.from({ length: 8 }, (_, n) => ingest.one(event(n), request()));
        const answers = await Promise.all(sent);
        const stored = messagesIn(log);
        expect(new Set(stored).size).toBe(stored.length);
        answers.forEach(({ ok }, n) => {
          if (ok) expect(stored).toContain(String(n));
        });
        expect(log.events.map(({ revision }) => revision)).toEqual(stored.map((_, n) => n));
        expect(strangers).toBeLessThanOrEqual(stored.length);
        log.before = () => Promise.resolve(undefined);
        log.after = () => undefined;
        expect((await ingest.one(event(9_999), request())).ok).toBe(true);
      }),
    );
  });
});
