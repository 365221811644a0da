import { afterEach, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogClientIds } from '../../../src/clientids/embedded/log-client-ids.js';
import type { TelemetryIngest } from '../../../src/commands/ingest/ingest.js';
import { formatNamed } from '../../../src/domain/telemetry/access-log/formats.js';
import { UTC } from '../../../src/domain/telemetry/access-log/times.js';
import { addressOf } from '../../../src/domain/telemetry/address.js';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { START, type RecordedEvent } from '../../../src/eventstore/event-store.js';
import { statistics } from '../../../src/projections/metrics/statistics.js';
import { searchEvents } from '../../../src/projections/search/search.js';
import type { Json } from '../../../src/domain/json.js';
import { newLog, removeDirectory, smallLog } from '../../support/embedded-log.js';
import { openIngest } from '../../support/open-ingest.js';
import { decodeChunk, request, tenant, testModels } from '../../support/telemetry.js';

let opened: { directory: string; log: EmbeddedEventStore } | undefined;
const indexes: LogClientIds[] = [];

const closeIndexes = async (): Promise<void> => {
  for (const index of indexes.splice(0)) await index.close();
};

afterEach(async () => {
  if (!opened) return;
  await closeIndexes();
  await opened.log.close();
  await removeDirectory(opened.directory);
  opened = undefined;
});

const ingestInto = async (log: EmbeddedEventStore): Promise<TelemetryIngest> => {
  const { ingest, index } = await openIngest(log, opened?.directory ?? '');
  indexes.push(index);
  return ingest;
};

const everything = async (log: EmbeddedEventStore): Promise<RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of log.readAll(START)) events.push(...batch.events);
  return events;
};

const reopen = async (): Promise<EmbeddedEventStore> => {
  if (!opened) throw new Error('There is no log yet.');
  await closeIndexes();
  await opened.log.close();
  opened = { ...opened, log: await EmbeddedEventStore.open(opened.directory, smallLog) };
  return opened.log;
};

describe('ingest into the embedded log', () => {
  it('stores what 64 clients send at once, each event once, in far fewer records', async () => {
    opened = await newLog();
    const ingest = await ingestInto(opened.log);
    const results = await Promise.all(
      Array.from({ length: 640 }, (_, n) =>
        ingest.one(Buffer.from(`{"type":"a","message":"${n}"}`), request()),
      ),
    );
    expect(results.every(({ ok }) => ok)).toBe(true);
    const records = await everything(await reopen());
    const messages = records.flatMap((record) => decodeChunk(record).events.map(({ message }) => message));
    expect(messages.sort()).toEqual(Array.from({ length: 640 }, (_, n) => String(n)).sort());
    expect(records.length).toBeLessThan(64);
  });

  it('stores nothing twice under a key, before and after a restart', async () => {
    opened = await newLog();
    const body = Buffer.from(
      JSON.stringify(
        Array.from({ length: 3000 }, (_, n) => ({ type: 'a', message: `${n} ${'x'.repeat(500)}` })),
      ),
    );
    const send = (ingest: TelemetryIngest) => ingest.batch(body, 'json', request({ idempotency_key: 'k' }));
    const first = await send(await ingestInto(opened.log));
    const again = await send(await ingestInto(opened.log));
    const after = await send(await ingestInto(await reopen()));
    expect(first).toMatchObject({ ok: true, replayed: false, value: { accepted: 3000 } });
    const duplicates = { ok: true, value: { accepted: 0, duplicates: 3000 } };
    expect([again, after]).toMatchObject([duplicates, duplicates]);
    const records = await everything(opened.log);
    expect(records.flatMap((record) => decodeChunk(record).events)).toHaveLength(3000);
  });
});

describe('events with ids of their own', () => {
  const event = (id: number) => ({ type: 'a', id: `id-${String(id)}`, message: `${id} ${'x'.repeat(400)}` });
  const batch = (from: number, to: number): Buffer =>
    Buffer.from(JSON.stringify(Array.from({ length: to - from }, (_, n) => event(from + n))));

  it('are stored once, in many chunks, over a restart and over the loss of the index', async () => {
    opened = await newLog();
    const ingest = await ingestInto(opened.log);
    const results = [
      await ingest.batch(batch(0, 5000), 'json', request()),
      ...(await Promise.all([
        ingest.batch(batch(4000, 6000), 'json', request()),
        ingest.batch(batch(3000, 7000), 'json', request()),
      ])),
    ];
    expect(results).toMatchObject([
      { ok: true, value: { accepted: 5000, duplicates: 0 } },
      { ok: true, value: { accepted: 1000, duplicates: 1000 } },
      { ok: true, value: { accepted: 1000, duplicates: 3000 } },
    ]);
    const restarted = await ingestInto(await reopen());
    expect(await restarted.batch(batch(0, 7500), 'json', request())).toMatchObject({
      ok: true,
      value: { accepted: 500, duplicates: 7000 },
    });
    await closeIndexes();
    await removeDirectory(join(opened.directory, 'index', 'client-ids'));
    const again = await ingestInto(opened.log);
    expect(await again.batch(batch(0, 7500), 'json', request())).toMatchObject({
      ok: true,
      value: { accepted: 0, duplicates: 7500 },
    });
    const stored = (await everything(opened.log)).flatMap((record) => decodeChunk(record).events);
    expect(new Set(stored.map(({ id }) => id)).size).toBe(7500);
    expect(stored).toHaveLength(7500);
  });

  it('name the first one, and the one that its id then finds is the same', async () => {
    opened = await newLog();
    const ingest = await ingestInto(opened.log);
    await ingest.batch(batch(0, 3000), 'json', request());
    const send = async (by: TelemetryIngest) => {
      const result = await by.one(Buffer.from(JSON.stringify(event(2222))), request());
      if (!result.ok || result.value.duplicate !== true) throw new Error('was stored again');
      return addressOf(result.value.event_id);
    };
    const address = await send(ingest);
    const chunks = await everything(opened.log);
    const chunk = chunks.find(({ id }) => id === address?.chunk);
    expect(chunk && decodeChunk(chunk).events[address?.index ?? -1]).toEqual(event(2222));
    expect(await send(await ingestInto(await reopen()))).toEqual(address);
  });
});

const real = new URL('../../../../shared/data/apache_access.log', import.meta.url);

(existsSync(real) ? describe : describe.skip)('the access log of a real server', () => {
  const byStatus = { 200: 9126, 206: 45, 301: 164, 304: 445, 403: 2, 404: 213, 416: 2, 500: 3 };

  it('is 10,000 events by statistics and by search', async () => {
    opened = await newLog();
    const ingest = await ingestInto(opened.log);
    const lines = readFileSync(real, 'utf8').trimEnd().split('\n');
    for (let from = 0; from < lines.length; from += 1000) {
      const events = lines.slice(from, from + 1000).map((line) => {
        const read = formatNamed('combined')?.read(line, { labels: { service: 'web' }, zone: UTC });
        if (!read?.ok) throw new Error(`Not read: ${line}`);
        return read.text;
      });
      const send = () =>
        ingest.batch(
          Buffer.from(events.join('\n')),
          'ndjson',
          request({ idempotency_key: `lines-${from}`, origin: 'import' }),
        );
      const stored = { ok: true, value: { accepted: 1000 } };
      expect([await send(), await send()]).toMatchObject([stored, { ...stored, replayed: true }]);
    }

    const records = await everything(opened.log);
    const models = testModels(() => records);
    const outcome = await statistics(models, tenant, { group_by: ['status'] });
    if (!outcome.ok) throw new Error(outcome.code);
    expect(outcome.status).toEqual(byStatus);
    expect(outcome.totals.requests).toBe(10_000);

    const found: Record<string, number> = {};
    for (const status of Object.keys(byStatus).map(Number)) {
      let after: Json | undefined;
      let last = Infinity;
      do {
        const page = await searchEvents(models, opened.log, tenant, {
          filter: { status },
          limit: 1000,
          ...(after !== undefined && { after }),
        });
        if (!page.ok) throw new Error(page.code);
        found[status] = (found[status] ?? 0) + page.data.length;
        for (const { timestamp } of page.data) {
          expect(Date.parse(timestamp)).toBeLessThanOrEqual(last);
          last = Date.parse(timestamp);
        }
        after = page.next;
      } while (after !== undefined);
    }
    expect(found).toEqual(byStatus);
  });
});
