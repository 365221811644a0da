import { afterEach, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { ChunkWriter } from '../../../src/commands/ingest/chunk-writer.js';
import { TelemetryIngest } from '../../../src/commands/ingest/ingest.js';
import { Claims } from '../../../src/commands/claims.js';
import { DeploymentGuard } from '../../../src/commands/guard.js';
import { RecordWriter } from '../../../src/commands/writer.js';
import { parseAccessLogLine } from '../../../src/domain/telemetry/access-log.js';
import { decodeChunk } from '../../../src/domain/telemetry/chunk.js';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { START, type RecordedEvent } from '../../../src/eventstore/event-store.js';
import { systemClock } from '../../../src/platform/clock.js';
import { systemRandom } from '../../../src/platform/random.js';
import { statistics } from '../../../src/projections/metrics/statistics.js';
import { searchEvents } from '../../../src/projections/search/search.js';
import type { Json } from '../../../src/domain/json.js';
import { newLog, removeDirectory, smallLog } from '../../support/embedded-log.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { request, tenant, testModels } from '../../support/telemetry.js';

let opened: { directory: string; log: EmbeddedEventStore } | undefined;

afterEach(async () => {
  if (!opened) return;
  await opened.log.close();
  await removeDirectory(opened.directory);
  opened = undefined;
});

const ingestInto = (log: EmbeddedEventStore): TelemetryIngest => {
  const instance = { instance_id: 'test', release: '1' };
  const guard = new DeploymentGuard(false);
  const writer = new RecordWriter(log, guard, systemClock, instance);
  const chunks = new ChunkWriter(writer, systemClock, systemRandom, instance, { shard: '0' });
  const { register } = new MemoryReadStore();
  const claims = new Claims(register, systemClock, systemRandom, Buffer.alloc(32), instance.instance_id);
  return new TelemetryIngest(chunks, guard, claims, systemClock, systemRandom);
};

const everything = async (log: EmbeddedEventStore): Promise<RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for await (const batch of log.readAll(START)) events.push(...batch.events);
  return events;
};

const reopen = async (): Promise<EmbeddedEventStore> => {
  if (!opened) throw new Error('There is no log yet.');
  await opened.log.close();
  opened = { ...opened, log: await EmbeddedEventStore.open(opened.directory, smallLog) };
  return opened.log;
};

describe('ingest into the embedded log', () => {
  it('stores what 64 clients send at once, each event once, in far fewer records', async () => {
    opened = await newLog();
    const ingest = ingestInto(opened.log);
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
    const first = await send(ingestInto(opened.log));
    const again = await send(ingestInto(opened.log));
    const after = await send(ingestInto(await reopen()));
    expect(first).toMatchObject({ ok: true, replayed: false, value: { accepted: 3000 } });
    const duplicates = { ok: true, value: { accepted: 0, duplicates: 3000 } };
    expect([again, after]).toMatchObject([duplicates, duplicates]);
    const records = await everything(opened.log);
    expect(records.flatMap((record) => decodeChunk(record).events)).toHaveLength(3000);
  });
});

const real = new URL('../../../../shared/data/apache_access.log', import.meta.url);

(existsSync(real) ? describe : describe.skip)('the access log of a real server', () => {
  const byStatus = { 200: 9126, 206: 45, 301: 164, 304: 445, 403: 2, 404: 213, 416: 2, 500: 3 };

  it('is 10,000 events by statistics and by search', async () => {
    opened = await newLog();
    const ingest = ingestInto(opened.log);
    const lines = readFileSync(real, 'utf8').trimEnd().split('\n');
    for (let from = 0; from < lines.length; from += 1000) {
      const events = lines.slice(from, from + 1000).map((line) => {
        const parsed = parseAccessLogLine(line, { service: 'web' });
        if (!parsed.ok) throw new Error(parsed.reason);
        return JSON.stringify(parsed.event);
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
