import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EventStoreUnavailable, START, type EventBatch } from '../../../src/eventstore/event-store.js';
import { EventStoreDbLog } from '../../../src/eventstore/eventstoredb/event-store-db-log.js';
import { ofEventStoreDb } from '../../support/eventstoredb-options.js';
import { eventFactory, revision, stream, type EventFactory } from '../../support/log-events.js';
import { install, type Installation } from './harness.js';

const support = join(import.meta.dirname, '..', '..', 'support');

describe('the log on EventStoreDB', () => {
  let installation: Installation;
  let log: EventStoreDbLog;
  let event: EventFactory;

  beforeEach(async () => {
    installation = await install(7);
    log = await installation.open();
    event = eventFactory();
    await log.append(stream('first'), 'none', [event.json()]);
  });
  afterEach(() => installation.close());

  /** All events that the server holds of a stream, hidden ones too. */
  const stored = (name: string): string[] =>
    installation.server.database.records.filter((record) => record.stream === name).map(({ id }) => id);

  it('uses one plain Append call for each append, never the shared one', async () => {
    await Promise.all([1, 2, 3].map((n) => log.append(stream(`orders-${n}`), 'none', [event.json()])));
    await log.truncate(stream('orders-1'), revision(1));

    const { calls } = installation.server;
    expect(calls.filter((call) => call === 'Append')).toHaveLength(5);
    expect(calls).not.toContain('BatchAppend');
  });

  it('writes each event once where the server dies with writes in flight, whatever it had stored of them', async () => {
    const { server } = installation;
    const events = Array.from({ length: 60 }, () => event.json());
    const writes = events.map((one, n) => log.append(stream(`orders-${n}`), 'none', [one]));
    while (server.inFlight < 20) await new Promise(setImmediate);
    await server.kill();
    const before = events.filter((_, n) => stored(`orders-${n}`).length > 0).length;
    await server.start();

    const outcomes = await Promise.all(writes);
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(events.length);
    for (const [n, outcome] of outcomes.entries()) {
      expect(outcome).toMatchObject({ outcome: 'appended', revision: 0, repeated: false });
      expect(stored(`orders-${n}`)).toEqual([events[n]?.id]);
    }
  });

  it('says that the store is unreachable where the server stays away, and is well again when it is back', async () => {
    const impatient = await installation.open({ retryFor: 300, deadline: 200 });
    await impatient.append(stream('second'), 'none', [event.json()]);
    await installation.server.kill();

    const writes = Array.from({ length: 40 }, (_, n) =>
      impatient.append(stream(`orders-${n}`), 'none', [event.json()]),
    );
    for (const result of await Promise.allSettled(writes))
      expect(result).toMatchObject({ status: 'rejected', reason: { reason: 'unreachable' } });
    expect(await impatient.health()).toMatchObject({ status: 'unreachable' });
    await expect(impatient.head()).rejects.toThrow(EventStoreUnavailable);

    await installation.server.start();
    expect(await impatient.append(stream('orders-1'), 'none', [event.json()])).toMatchObject({
      outcome: 'appended',
    });
    expect(await impatient.health()).toEqual({ status: 'ok' });
  });

  it('gives up a server that does not answer, and the append is there once where it was carried out after all', async () => {
    const impatient = await installation.open({ retryFor: 200, deadline: 100 });
    await impatient.append(stream('second'), 'none', [event.json()]);
    const late = event.json();
    installation.server.pause();
    await expect(impatient.append(stream('orders-1'), 'none', [late])).rejects.toMatchObject({
      reason: 'unreachable',
    });
    installation.server.resume();

    expect(await log.append(stream('orders-1'), 'none', [late])).toMatchObject({ revision: 0 });
    expect(stored('orders-1')).toEqual([late.id]);
  });

  it('leaves no promise unattended where the server dies for good under a process with many writes in flight', async () => {
    const { server, directory } = installation;
    const program = join(support, 'eventstoredb-server', 'writes-in-flight.ts');
    const child = spawn(
      process.execPath,
      ['--import', join(support, 'typescript.mjs'), program, server.url, join(directory, 'child'), '60'],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '' } },
    );
    let said = '';
    let complained = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complained += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    while (!said.includes('"writing"')) await once(child.stdout, 'data');
    server.pause();
    while (server.inFlight < 40) await new Promise(setImmediate);
    await server.kill();
    const [code] = (await once(child, 'close')) as [number];

    expect({ code, complained }).toEqual({ code: 0, complained: '' });
    const [reasons, last] = said.trim().split('\n').slice(-2);
    expect(JSON.parse(reasons ?? '')).toEqual(Array.from({ length: 61 }, () => 'unreachable'));
    expect(last).toBe('"ended"');
  });

  it('ends what waits when it is closed', async () => {
    const closing = await installation.open();
    await closing.append(stream('second'), 'none', [event.json()]);
    await installation.server.kill();
    const write = closing.append(stream('orders-1'), 'none', [event.json()]);
    const rejected = expect(write).rejects.toMatchObject({ reason: 'closed' });

    await closing.close();
    await rejected;
  });

  it('knows events that another process appended, at the revision where the server would write them again', async () => {
    const other = await installation.open();
    const [one, two] = [event.json(), event.json()];
    await log.append(stream('orders-1'), 'none', [one]);
    const first = await other.append(stream('orders-1'), revision(0), [two]);

    expect(await log.append(stream('orders-1'), revision(1), [two])).toEqual({ ...first, repeated: true });
    expect(await log.append(stream('orders-1'), revision(0), [two])).toEqual({ ...first, repeated: true });
    expect(stored('orders-1')).toEqual([one.id, two.id]);
  });

  it('makes its index of ids again where it was lost', async () => {
    const indexDirectory = join(installation.directory, 'lost');
    const known = event.json();
    const opened = await installation.open({ indexDirectory });
    const first = await opened.append(stream('orders-1'), 'none', [known]);
    await opened.close();
    await rm(indexDirectory, { recursive: true });

    const again = await installation.open({ indexDirectory });
    expect(await again.append(stream('orders-2'), 'none', [known])).toEqual({ ...first, repeated: true });
  });

  it.each([
    ['that is shorter', 0],
    ['that has its records elsewhere', 5],
  ])('makes its index of ids again where it belongs to another log %s', async (_, others) => {
    const indexDirectory = join(installation.directory, 'shared');
    const known = event.json();
    const opened = await installation.open({ indexDirectory });
    await opened.append(stream('orders-1'), 'none', [known]);
    await opened.close();

    const elsewhere = await install();
    try {
      const longer = await elsewhere.open();
      for (let n = 0; n < others; n += 1)
        await longer.append(stream(`others-${n}`), 'none', [event.json({ text: 'x'.repeat(37) })]);
      const there = await elsewhere.open({ indexDirectory });
      expect(await there.append(stream('orders-1'), 'none', [known])).toMatchObject({ repeated: false });
      expect(elsewhere.server.database.lastRevision('orders-1')).toBe(0);
    } finally {
      await elsewhere.close();
    }
  });

  it('finds the position of a repeat that the server does not give, because the events are hidden', async () => {
    const events = event.many(2);
    const first = await log.append(stream('orders-1'), 'none', events);
    await log.truncate(stream('orders-1'), revision(2));

    const unaware = await installation.open();
    expect(await unaware.append(stream('orders-1'), 'none', events)).toEqual({ ...first, repeated: true });
  });

  it('takes the limit of the server for its own where it was told a higher one', async () => {
    const daring = await installation.open({ maxAppendBytes: 2_000_000 });
    const outcome = await daring.append(stream('orders-1'), 'none', [
      event.binary(new Uint8Array(1_048_577)),
    ]);
    expect(outcome).toEqual({ outcome: 'too_large', bytes: 1_048_577, limit: 1_048_576 });
  });

  it('closes where readers left early what they had asked for', async () => {
    await log.append(stream('orders-1'), 'none', event.many(50));
    for (let n = 0; n < 20; n += 1) {
      for await (const { revision: first } of log.readStream(stream('orders-1'))) if (first === 0) break;
      for await (const batch of log.readAll(START)) if (batch.events.length > 0) break;
      await log.head();
    }
    await log.close();
  });

  it('refuses an append that holds one id twice, which the server would write twice', async () => {
    const one = event.json();
    await expect(log.append(stream('orders-1'), 'none', [one, one])).rejects.toThrow('twice');
    expect(stored('orders-1')).toEqual([]);
  });

  it('delivers neither records of the server nor those that others wrote, and goes past them', async () => {
    const { database } = installation.server;
    const nothing = new Uint8Array(0);
    const foreign = { type: 'Foreign', json: true, metadata: nothing, data: Buffer.from('{}') };
    database.append('$stats', 'any', [
      { ...foreign, id: '00000000-0000-8000-9100-000000000001', type: '$statsCollected' },
    ]);
    database.append('their-1', 'any', [{ ...foreign, id: '00000000-0000-8000-9100-000000000002' }]);
    const last = await log.append(stream('orders-1'), 'none', [event.json()]);

    const batches: EventBatch[] = [];
    for await (const batch of log.readAll(START)) batches.push(batch);
    expect(batches.flatMap(({ events }) => events.map((one) => one.stream))).toEqual(['first', 'orders-1']);
    expect(await log.head()).toBe(last.outcome === 'appended' && last.position);
  });

  it('keeps what operators set of a stream when it truncates it', async () => {
    const { database } = installation.server;
    await log.append(stream('orders-1'), 'none', event.many(3));
    database.append('$$orders-1', 'any', [
      {
        id: '00000000-0000-8000-9100-000000000001',
        type: '$metadata',
        json: true,
        metadata: new Uint8Array(0),
        data: Buffer.from('{"$maxCount":10,"team":"blue"}'),
      },
    ]);
    await log.truncate(stream('orders-1'), revision(2));

    const text = Buffer.from(database.events('$$orders-1')?.at(-1)?.data ?? []).toString();
    expect(JSON.parse(text)).toEqual({ $maxCount: 10, team: 'blue', $tb: 2 });
  });

  it('is not opened on an address that makes conflicts unreadable', async () => {
    const opening = EventStoreDbLog.open({
      ...ofEventStoreDb,
      url: 'esdb://127.0.0.1:2113?tls=false&throw-on-append-failure=false',
      indexDirectory: join(installation.directory, 'never'),
    });
    await expect(opening).rejects.toThrow('throwOnAppendFailure');
  });

  it('follows the log through many restarts of the server without gap or repeat', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const done = (async () => {
      for await (const { events } of log.subscribe(START, { stream_prefix: 'orders-' }, controller.signal)) {
        seen.push(...events.map((one) => one.revision));
        if (seen.length >= 100) return;
      }
    })();
    for (let next = 0; next < 100; next += 10) {
      await log.append(stream('orders-1'), next === 0 ? 'none' : revision(next - 1), event.many(10));
      await installation.server.kill();
      await installation.server.start();
    }
    await done;
    controller.abort();
    expect(seen).toEqual([...Array(100).keys()]);
  });
});
