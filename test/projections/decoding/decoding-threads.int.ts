import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chunkIndex } from '../../../src/projections/chunk-index/projection.js';
import { decodingAhead, type Ahead } from '../../../src/projections/decoding/decoding-threads.js';
import type { JsonObject } from '../../../src/domain/json.js';
import type { QuarantinedRecord } from '../../../src/domain/quarantine/quarantine.js';
import { quarantineStream } from '../../../src/domain/streams.js';
import { RouteBook } from '../../../src/domain/telemetry/routes/book.js';
import { chunkContents } from '../../../src/projections/chunk-index/contents.js';
import { metrics } from '../../../src/projections/metrics/projection.js';
import { recentEvents } from '../../../src/projections/recent-events/projection.js';
import { usage } from '../../../src/projections/usage/projection.js';
import { rebuild } from '../../../src/replay/rebuild.js';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import {
  START,
  type EventBatch,
  type EventLog,
  type RecordedEvent,
} from '../../../src/eventstore/event-store.js';
import { compile, type Compiled } from '../../support/compiled.js';
import { appendPeople, planCut, sayCut } from '../../support/cuttable-log.js';
import { eventFactory, stream } from '../../support/log-events.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';
import { MemoryLogIndex } from '../../support/memory-log-index.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { caughtUp, documentsOf, hostOver, replayOf } from '../../support/projected.js';
import { happenings, QuarantineWorld } from '../../support/quarantine-world.js';
import { DIRECTORY, newSimulatedLog, simulated } from '../../support/simulated-log.js';
import { chunkOf, sealedOf, tenant as TENANT } from '../../support/telemetry.js';

const projections = [metrics, chunkIndex, recentEvents, usage];

let compiled: Compiled;
beforeAll(async () => {
  compiled = await compile('src/platform', 'src/domain', 'src/eventstore', 'src/projections');
});
afterAll(() => compiled.remove());

/** A log that gives other objects each time, as one on a disk does. */
class FreshLog extends MemoryEventLog {
  override async *readAll(...of: Parameters<EventLog['readAll']>): AsyncIterable<EventBatch> {
    for await (const batch of super.readAll(...of))
      yield {
        ...batch,
        events: batch.events.map((event) => ({
          ...event,
          // What was read into a reader's memory is fresh already.
          data: event.data instanceof Uint8Array && !of[2] ? Buffer.from(event.data) : event.data,
        })),
      };
  }
}

const events = fc.array(
  fc.record(
    {
      type: fc.constantFrom('api_call', 'error', 'user_action'),
      service: fc.constantFrom('shop', 'sänger', 'with "quotes"'),
      method: fc.constantFrom('GET', 'POST'),
      route: fc.constantFrom('/a', '/b/{id}'),
      path: fc.constantFrom('/a/1', '/b/2'),
      status_code: fc.constantFrom(200, 404, 503),
      duration_ms: fc.double({ min: 0, max: 1e4, noNaN: true }),
      timestamp: fc.integer({ min: 1_770_000_000_000, max: 1_770_000_300_000 }),
      weight: fc.constantFrom(1, 2, 10),
    },
    { requiredKeys: ['type'] },
  ),
  { minLength: 1, maxLength: 40 },
);

/** A log of chunks, some of which are stored in columns. */
const logOf = (chunks: readonly (readonly object[])[], sealed: readonly boolean[] = []): FreshLog => {
  const log = new FreshLog(() => 3);
  for (const [index, chunk] of chunks.entries()) {
    const { id, data, metadata } = chunkOf(chunk, { number: index + 1 });
    const appended = log.append(metadata.tenant_id!, 'telemetry', 'TelemetryRecorded', {}, metadata);
    const event = { ...appended, id, data };
    log.events[index] = sealed[index] ? sealedOf(event) : event;
  }
  return log;
};

/** The documents that a rebuild makes. */
const rebuilt = async (log: EventLog, ahead?: Ahead): Promise<readonly Record<string, string>[]> => {
  const store = new MemoryReadStore();
  const host = await hostOver(log, store, projections, { ...(ahead && { ahead }) });
  try {
    await caughtUp(host, log, projections);
    const names = projections.map(({ name }) => name);
    for (const outcome of await rebuild(replayOf(host, log), names))
      expect(outcome).toMatchObject({ outcome: 'switched', comparison: { equal: true } });
    return await Promise.all(
      projections.map(({ name, version }) => documentsOf(store, `${name}-v${version}-g2`)),
    );
  } finally {
    await host.stop();
  }
};

/** Counts the chunks that were decoded before they were handed out. */
const counting = (ahead: Ahead, decoded: { chunks: number }): Ahead =>
  async function* (read) {
    for await (const batch of ahead(read)) {
      for (const event of batch.events) {
        const { metadata } = event;
        const { chunk } = metadata;
        if (!chunk) continue;
        // Unreadable while this is looked at: who has been given what it says does not read it.
        Object.assign(metadata, { chunk: { ...chunk, count: 99_999 } });
        try {
          chunkContents(event, RouteBook.EMPTY);
          decoded.chunks += 1;
        } catch {
          // It was not decoded yet.
        }
        Object.assign(metadata, { chunk });
      }
      yield batch;
    }
  };

/** Sets some events of every fifth chunk aside, and every seventh wholly. */
const setSomeAside = async (log: EmbeddedEventStore): Promise<void> => {
  const records: QuarantinedRecord[] = [];
  let number = 0;
  for await (const { events } of log.readAll(START, { types: ['TelemetryRecorded'] }))
    for (const { stream: name, revision: at, position, type, metadata, kept } of events) {
      number += 1;
      const count = metadata.chunk?.count ?? 0;
      const first = kept?.[0] ?? 0;
      const named = { stream: name, revision: at, position, type };
      if (number % 7 === 0) records.push(named);
      else if (number % 5 === 0 && count > 1)
        records.push({ ...named, indexes: [[first, first + 1]], count });
    }
  const quarantine_id = 'qua_2';
  const by = { kind: 'user', id: 'usr_1' };
  const factory = eventFactory(900);
  const proposal = { quarantine_id, reason: 'a test', records, by } as unknown as JsonObject;
  expect(
    await log.append(stream(quarantineStream(TENANT)), 'none', [
      factory.json(proposal, 'QuarantineProposed'),
      factory.json({ quarantine_id, by }, 'QuarantineApproved'),
    ]),
  ).toMatchObject({ outcome: 'appended' });
};

describe('telemetry that threads decode', () => {
  it('makes the same documents, byte for byte', async () => {
    const program = compiled.url('src/projections/decoding/decoding-worker');
    const ahead = decodingAhead(program, { worth_it: 0, few: 1, threads: 2 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(events, { minLength: 1, maxLength: 12 }),
        fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
        async (chunks, sealed) => {
          const here = await rebuilt(logOf(chunks));
          expect(Object.keys(here[1]!)).toHaveLength(chunks.length);
          expect(await rebuilt(logOf(chunks, sealed), ahead)).toEqual(here);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('makes the same documents where records are set aside, come back and are retired', async () => {
    const program = compiled.url('src/projections/decoding/decoding-worker');
    const ahead = decodingAhead(program, { worth_it: 0, few: 1, threads: 2 });
    await fc.assert(
      fc.asyncProperty(happenings, fc.boolean(), async (script, in_columns) => {
        const world = new QuarantineWorld(() => 7);
        for (const happening of script) world.happen(happening);
        const fresh = (): FreshLog => {
          const log = new FreshLog(() => 7);
          for (const event of world.log.events)
            log.events.push(in_columns && event.data instanceof Uint8Array ? sealedOf(event) : event);
          return log;
        };
        expect(await rebuilt(fresh(), ahead)).toEqual(await rebuilt(world.log));
      }),
      { numRuns: 12 },
    );
  });

  it('is decoded where it is folded where the threads cannot', async () => {
    const log = logOf([[{ type: 'api_call' }], [{ type: 'error' }]]);
    const broken = await compiled.add('broken', 'throw new Error("cannot start");');
    const ahead = decodingAhead(broken, { worth_it: 0, few: 1, threads: 1 });
    expect(await rebuilt(log, ahead)).toEqual(await rebuilt(log));
  });

  it('is really decoded there, and not before it is worth it', async () => {
    const log = logOf([[{ type: 'api_call' }], [{ type: 'error' }], [{ type: 'api_call' }]]);
    const program = compiled.url('src/projections/decoding/decoding-worker');
    const walk = async (worth_it: number): Promise<number> => {
      const decoded = { chunks: 0 };
      const ahead = counting(decodingAhead(program, { worth_it, few: 1, threads: 1 }), decoded);
      const batches = ahead((room) => log.readAll(START, {}, room))[Symbol.asyncIterator]();
      while (!(await batches.next()).done);
      return decoded.chunks;
    };
    expect(await walk(1000)).toBe(0);
    expect(await walk(0)).toBe(3);
  });

  it('gives memory back once a batch is folded: nobody sees there what was read since', async () => {
    const program = compiled.url('src/projections/decoding/decoding-worker');
    const ahead = decodingAhead(program, { worth_it: 0, few: 1, threads: 2 });
    const log = new FreshLog(() => 1);
    for (const event of logOf(Array.from({ length: 40 }, (_, n) => [{ type: 'api_call', duration_ms: n }]))
      .events)
      log.events.push(event);
    const memories = new Set<ArrayBufferLike>();
    const passed: RecordedEvent[] = [];
    for await (const { events } of ahead((room) => log.readAll(START, {}, room))) {
      for (const event of passed) expect(() => event.data).toThrow('given back');
      for (const event of events) {
        const data = event.data as Uint8Array;
        expect([...data]).toEqual([...(log.events[passed.length]?.data as Uint8Array)]);
        memories.add(data.buffer);
        passed.push(event);
      }
    }
    expect(passed).toHaveLength(40);
    expect(memories.size).toBeLessThan(12);
  });

  it('makes the same documents of a log on a disk, sealed and raw, with events cut out and others set aside', async () => {
    const index = new MemoryLogIndex();
    const sizes = { segmentBytes: 40 * 1024, maxAppendBytes: 32 * 1024 };
    const { files, log: written } = await newSimulatedLog({ index, ...sizes });
    const chunks = stream(`telemetry-${TENANT}-0-20260101`);
    await appendPeople(written, 2, chunks);
    await written.seal();
    await appendPeople(written, 3, chunks);
    const { cuts, through } = await sayCut(written, await planCut(written, 'person-1'));
    await written.dropping.drop({ records: {}, cuts }, through, {
      isAllowed: () => true,
      signal: new AbortController().signal,
    });
    await setSomeAside(written);
    await appendPeople(written, 5, chunks);
    await written.close();
    // What is recent is in memory as long as the log is open.
    const log = await EmbeddedEventStore.open(DIRECTORY, simulated(files, { index, ...sizes }));
    try {
      const kinds = { cut: 0, sealed: 0, raw: 0 };
      for await (const { events } of log.readAll(START))
        for (const { type, lines, kept } of events)
          if (type === 'TelemetryRecorded') kinds[lines ? (kept ? 'cut' : 'sealed') : 'raw'] += 1;
      for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(5);
      const program = compiled.url('src/projections/decoding/decoding-worker');
      const decoded = { chunks: 0 };
      const ahead = counting(decodingAhead(program, { worth_it: 0, few: 1, threads: 2 }), decoded);
      expect(await rebuilt(log, ahead)).toEqual(await rebuilt(log));
      expect(decoded.chunks).toBeGreaterThanOrEqual(kinds.cut + kinds.sealed + kinds.raw);
    } finally {
      await log.close();
    }
  });
});
