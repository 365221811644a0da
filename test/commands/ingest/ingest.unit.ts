import { describe, expect, it } from '@jest/globals';
import { addressOf } from '../../../src/domain/telemetry/address.js';
import { EventStoreUnavailable } from '../../../src/eventstore/event-store.js';
import type { CommandResult } from '../../../src/commands/command.js';
import { decodeChunk, ingestBench, NOW, request, TestLog } from '../../support/telemetry.js';

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const call = (n = 0) => ({ type: 'api_call', path: `/orders/${n}`, status_code: 200 });
const calls = (count: number) => Array.from({ length: count }, (_, n) => call(n));

const valueOf = <R>(result: CommandResult<R>): R => {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.refusal)}`);
  return result.value;
};
const refusalOf = (result: CommandResult<unknown>) => {
  if (result.ok) throw new Error('was not refused');
  return result.refusal;
};

describe('sending one event', () => {
  it('stores the bytes as received, and the id says where', async () => {
    const { log, ingest } = ingestBench();
    const text = '{ "type":"api_call",  "status_code": 2e2, "message":"ä€😀" }';
    const { event_id, recorded_at } = valueOf(await ingest.one(Buffer.from(text), request()));
    expect(log.events).toHaveLength(1);
    expect(Buffer.from(log.events[0]!.data as Uint8Array).toString()).toBe(text);
    expect(addressOf(event_id)).toEqual({ chunk: log.events[0]!.id, index: 0 });
    expect(recorded_at).toBe(log.events[0]!.metadata.recorded_at);
  });

  it('blanks raw line breaks between tokens, which changes no value', async () => {
    const { log, ingest } = ingestBench();
    const event = { type: 'error', message: 'one\ntwo', attributes: { a: 1 } };
    valueOf(await ingest.one(Buffer.from(JSON.stringify(event, undefined, 2)), request()));
    expect(decodeChunk(log.events[0]!).events).toEqual([event]);
  });

  it('says who sent it and through which request', async () => {
    const { log, ingest } = ingestBench();
    valueOf(await ingest.one(json(call()), request({ request_id: 'r1', origin: 'import' })));
    expect(log.events[0]?.metadata).toMatchObject({
      actor: { kind: 'api_key', id: 'key_1' },
      origin: 'import',
      request_id: 'r1',
      causation_id: 'r1',
      chunk: { codec: 'ndjson', count: 1, min_time: NOW, max_time: NOW, received_at: NOW },
    });
  });

  it.each([
    ['broken JSON', '{"type":', 'invalid_json'],
    ['nothing', '', 'invalid_json'],
    ['two documents', '{"type":"a"}{"type":"b"}', 'invalid_json'],
    ['depth 100,000', '['.repeat(100_000) + ']'.repeat(100_000), 'too_deep'],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'not_utf8'],
  ])('refuses %s and stores nothing', async (_, body, code) => {
    const { log, ingest } = ingestBench();
    expect(refusalOf(await ingest.one(Buffer.from(body), request()))).toMatchObject({
      kind: 'invalid',
      code,
    });
    expect(log.appends).toBe(0);
  });

  it.each([
    ['no type', {}, '/type', 'required'],
    ['a wrong type', { type: 'a', status_code: '200' }, '/status_code', 'wrong_type'],
    ['an unknown field', { type: 'a', colour: 'red' }, '/colour', 'unknown_field'],
    ['an array', [], '', 'wrong_type'],
    ['a nested attribute', { type: 'a', attributes: { a: { b: 1 } } }, '/attributes/a', 'wrong_type'],
    ['no time', { type: 'a', timestamp: 'yesterday' }, '/timestamp', 'invalid_timestamp'],
    ['a weight of nothing', { type: 'a', weight: 0 }, '/weight', 'too_small'],
    ['a sampling rate above one', { type: 'a', sample_rate: 1.1 }, '/sample_rate', 'too_large'],
    ['durations without counts', { type: 'a', durations: { values: [1] } }, '/durations/counts', 'required'],
    [
      'a negative duration',
      { type: 'a', durations: { values: [1, -1], counts: [1, 1] } },
      '/durations/values/1',
      'too_small',
    ],
    [
      'a part of a request',
      { type: 'a', durations: { values: [1], counts: [1.5] } },
      '/durations/counts/0',
      'wrong_type',
    ],
    [
      'too many durations',
      { type: 'a', durations: { values: Array(513).fill(1), counts: Array(513).fill(1) } },
      '/durations/values',
      'too_many',
    ],
    [
      'more durations than requests',
      { type: 'a', weight: 1, durations: { values: [1], counts: [2] } },
      '/durations/counts',
      'too_large',
    ],
    ['a time far ahead', { type: 'a', timestamp: NOW + 86_400_001 }, '/timestamp', 'timestamp_in_future'],
  ])('names what is wrong: %s', async (_, event, pointer, code) => {
    const { log, ingest } = ingestBench();
    const refusal = refusalOf(await ingest.one(json(event), request()));
    expect(refusal).toMatchObject({ kind: 'invalid', code: 'invalid_event' });
    expect(refusal.errors?.[0]).toMatchObject({ pointer, code });
    expect(log.appends).toBe(0);
  });

  it.each(['{"type":"a","__proto__":{"x":1}}', '{"type":"a","attributes":{"__proto__":1}}'])(
    'refuses __proto__ wherever it stands: %s',
    async (body) => {
      const { log, ingest } = ingestBench();
      expect(refusalOf(await ingest.one(Buffer.from(body), request()))).toMatchObject({
        code: 'invalid_event',
      });
      expect(log.appends).toBe(0);
    },
  );

  it('takes a time 24 hours ahead', async () => {
    const { ingest } = ingestBench();
    const event = { type: 'a', timestamp: new Date(NOW + 86_400_000).toISOString() };
    expect((await ingest.one(json(event), request())).ok).toBe(true);
  });

  it('refuses more than 256 KB as too large', async () => {
    const { ingest } = ingestBench();
    const body = json({ type: 'a', message: 'x'.repeat(256 * 1024) });
    expect(refusalOf(await ingest.one(body, request()))).toMatchObject({ kind: 'too_large' });
  });
});

describe('who may send', () => {
  it('is who holds the permission, and nobody without a tenant', async () => {
    const { log, ingest } = ingestBench();
    const { principal } = request();
    const reader = { ...principal, permissions: new Set(['telemetry:read'] as const) };
    const nobody = { actor: principal.actor, permissions: principal.permissions };
    for (const who of [reader, nobody])
      expect(refusalOf(await ingest.one(json(call()), request({ principal: who })))).toMatchObject({
        kind: 'forbidden',
      });
    expect(log.appends).toBe(0);
  });

  it('is nobody while a deployment is under way, unless it lets telemetry in', async () => {
    const { log, guard, ingest } = ingestBench();
    const begun = (mode: 'strict' | 'allow_ingest', epoch: number) =>
      guard.apply({
        type: 'DeploymentBegun',
        data: { deployment_id: 'dep_1' as never, release: '2', mode, epoch },
      });
    begun('strict', 1);
    expect(refusalOf(await ingest.batch(json([call()]), 'json', request()))).toMatchObject({
      kind: 'guarded',
      code: 'deployment_in_progress',
    });
    expect(log.appends).toBe(0);
    begun('allow_ingest', 2);
    valueOf(await ingest.batch(json([call()]), 'json', request()));
    expect(log.events[0]?.metadata).toMatchObject({ deployment_id: 'dep_1', guard_epoch: 2 });
  });
});

describe('sending a batch', () => {
  it.each([
    ['an array', JSON.stringify(calls(3)), 'json'],
    ['an array over many lines', JSON.stringify(calls(3), undefined, 2), 'json'],
    ['events in an object', JSON.stringify({ events: calls(3) }), 'json'],
    [
      'a JSON text a line',
      `${calls(3)
        .map((one) => JSON.stringify(one))
        .join('\r\n\n')}\n`,
      'ndjson',
    ],
  ] as const)('takes %s', async (_, body, format) => {
    const { log, ingest } = ingestBench();
    const answer = valueOf(await ingest.batch(Buffer.from(body), format, request()));
    expect(answer).toMatchObject({ accepted: 3, duplicates: 0, rejected: 0, errors: [] });
    expect(log.events.flatMap((event) => decodeChunk(event).events)).toEqual(calls(3));
  });

  it('stores the valid events and names the others', async () => {
    const { log, ingest } = ingestBench();
    const body = `[{"type":"a"},{"type":"b","id":"x","status_code":9},{"type":"c"}, 7 ,{"type":tru},{"type":"d"}]`;
    const answer = valueOf(await ingest.batch(Buffer.from(body), 'json', request()));
    expect(answer.accepted).toBe(3);
    expect(answer.rejected).toBe(3);
    expect(answer.errors).toEqual([
      {
        index: 1,
        id: 'x',
        pointer: '/status_code',
        code: 'too_small',
        detail: expect.any(String),
        retryable: false,
      },
      { index: 3, pointer: '', code: 'wrong_type', detail: expect.any(String), retryable: false },
      { index: 4, pointer: '', code: 'invalid_json', detail: expect.any(String), retryable: false },
    ]);
    expect(decodeChunk(log.events[0]!).events.map(({ type }) => type)).toEqual(['a', 'c', 'd']);
  });

  it('shows a hundred errors, all of them when asked', async () => {
    const { ingest } = ingestBench();
    const body = json([call(), ...Array.from({ length: 150 }, () => ({}))]);
    const few = valueOf(await ingest.batch(body, 'json', request()));
    expect([few.rejected, few.errors.length]).toEqual([150, 100]);
    const all = valueOf(await ingest.batch(body, 'json', request(), { verbose: true }));
    expect(all.errors).toHaveLength(150);
  });

  it('stores nothing of an atomic batch with one bad event', async () => {
    const { log, ingest } = ingestBench();
    const refusal = refusalOf(await ingest.batch(json([call(), {}]), 'json', request(), { atomic: true }));
    expect(refusal).toMatchObject({ kind: 'unprocessable', code: 'batch_rejected' });
    expect(refusal.errors).toMatchObject([{ pointer: '/1/type', code: 'required' }]);
    expect(log.appends).toBe(0);
  });

  it.each([
    ['all invalid', '[{},{}]', 'invalid', 'no_valid_events'],
    ['empty', '[]', 'invalid', 'no_events'],
    ['broken', '[{"type":"a"}', 'invalid', 'invalid_json'],
    ['one event', '{"type":"a"}', 'invalid', 'invalid_batch'],
    ['10,001 events', JSON.stringify(calls(10_001)), 'too_large', 'too_many_events'],
    ['depth 100,000', '['.repeat(100_000) + ']'.repeat(100_000), 'invalid', 'no_valid_events'],
  ])('is refused as a whole: %s', async (_, body, kind, code) => {
    const { log, ingest } = ingestBench();
    expect(refusalOf(await ingest.batch(Buffer.from(body), 'json', request()))).toMatchObject({ kind, code });
    expect(log.appends).toBe(0);
  });

  it('keeps every chunk below the size that stores take', async () => {
    const { log, ingest } = ingestBench();
    const events = Array.from({ length: 3000 }, (_, n) => ({
      type: 'a',
      message: `${n} ${'x'.repeat(700)}`,
    }));
    valueOf(await ingest.batch(json(events), 'json', request()));
    expect(log.events.length).toBeGreaterThan(1);
    for (const { data } of log.events) expect((data as Uint8Array).length).toBeLessThanOrEqual(900_000);
    expect(log.events.flatMap((event) => decodeChunk(event).events)).toEqual(events);
  });

  it('names the events of a chunk that could not be stored as worth sending again', async () => {
    const { log, ingest } = ingestBench({ chunk: { bytes: 900_000, events: 2 } });
    log.before = (attempt) =>
      attempt === 2
        ? Promise.reject(new EventStoreUnavailable('disk_full', 'full'))
        : Promise.resolve(undefined);
    const answer = valueOf(await ingest.batch(json([call(0), {}, ...calls(4)]), 'json', request()));
    expect(answer.accepted).toBe(3);
    expect(answer.errors.map(({ index, code, retryable }) => [index, code, retryable])).toEqual([
      [1, 'required', false],
      [3, 'disk_full', true],
      [4, 'disk_full', true],
    ]);
  });
});

describe('an Idempotency-Key', () => {
  const keyed = (key = 'k') => request({ idempotency_key: key });

  it('gives the first answer again', async () => {
    const { log, ingest } = ingestBench();
    const first = await ingest.batch(json(calls(3)), 'json', keyed());
    const second = await ingest.batch(json(calls(3)), 'json', keyed());
    expect(second).toEqual({ ...first, replayed: true });
    expect(log.events).toHaveLength(1);
  });

  it('stores nothing twice after a restart on another day, even where the claims were thrown away', async () => {
    const before = ingestBench({ chunk: { bytes: 900_000, events: 2 } });
    const first = await before.ingest.batch(json(calls(5)), 'json', keyed());
    const one = await before.ingest.one(json(call()), keyed());
    before.clock.time += 3 * 86_400_000;
    const after = ingestBench(
      { chunk: { bytes: 900_000, events: 2 } },
      { log: before.log, clock: before.clock },
    );
    const second = await after.ingest.batch(json(calls(5)), 'json', keyed());
    expect(valueOf(second)).toEqual({ ...valueOf(first), accepted: 0, duplicates: 5 });
    expect(valueOf(await after.ingest.one(json(call()), keyed())).event_id).toBe(valueOf(one).event_id);
    expect(before.log.events).toHaveLength(4);
  });

  it('is refused with another body', async () => {
    const { log, ingest } = ingestBench();
    valueOf(await ingest.one(json(call(1)), keyed()));
    expect(refusalOf(await ingest.one(json(call(2)), keyed()))).toMatchObject({ kind: 'unprocessable' });
    expect(log.events).toHaveLength(1);
  });

  it('is another one for another credential and for the other route', async () => {
    const { log, ingest } = ingestBench();
    valueOf(await ingest.one(json(call(1)), keyed()));
    valueOf(await ingest.batch(json(calls(2)), 'json', keyed()));
    const { principal } = request();
    const other = { ...principal, actor: { kind: 'api_key', id: 'key_2' } as const };
    valueOf(await ingest.one(json(call(1)), request({ idempotency_key: 'k', principal: other })));
    expect(log.events).toHaveLength(3);
  });

  it('is in flight until the first answer', async () => {
    const log = new TestLog();
    const { ingest } = ingestBench({}, { log });
    let release = (): void => undefined;
    const appending = new Promise<void>((isAppending) => {
      log.before = () => {
        isAppending();
        return new Promise((resolve) => (release = () => resolve(undefined)));
      };
    });
    const first = ingest.one(json(call()), keyed());
    expect(refusalOf(await ingest.one(json(call()), keyed()))).toMatchObject({ kind: 'conflict' });
    await appending;
    release();
    expect((await first).ok).toBe(true);
  });

  it('is free again after a failure, and the repetition stores what was missing', async () => {
    const { log, ingest } = ingestBench({ chunk: { bytes: 900_000, events: 2 } });
    log.before = (attempt) =>
      attempt === 2
        ? Promise.reject(new EventStoreUnavailable('disk_full', 'full'))
        : Promise.resolve(undefined);
    expect(refusalOf(await ingest.batch(json(calls(4)), 'json', keyed()))).toMatchObject({
      kind: 'disk_full',
    });
    expect(valueOf(await ingest.batch(json(calls(4)), 'json', keyed()))).toMatchObject({
      accepted: 2,
      duplicates: 2,
      rejected: 0,
    });
    expect(log.events.flatMap((event) => decodeChunk(event).events)).toEqual(calls(4));
  });

  it('that a crash left in flight is taken over after the restart', async () => {
    const log = new TestLog();
    const crashed = ingestBench({}, { log });
    log.before = () => new Promise(() => undefined);
    void crashed.ingest.one(json(call()), keyed());
    await new Promise((resolve) => setImmediate(resolve));
    log.before = () => Promise.resolve(undefined);
    const after = ingestBench({}, { log, store: crashed.store });
    expect((await after.ingest.one(json(call()), keyed())).ok).toBe(true);
    expect(log.events).toHaveLength(1);
  });
});
