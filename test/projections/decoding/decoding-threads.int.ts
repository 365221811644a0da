import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chunkIndex } from '../../../src/projections/chunk-index/projection.js';
import { decodingAhead, type Ahead } from '../../../src/projections/decoding/decoding-threads.js';
import { RouteBook } from '../../../src/domain/telemetry/routes/book.js';
import { chunkContents } from '../../../src/projections/chunk-index/contents.js';
import { metrics } from '../../../src/projections/metrics/projection.js';
import { recentEvents } from '../../../src/projections/recent-events/projection.js';
import { usage } from '../../../src/projections/usage/projection.js';
import { rebuild } from '../../../src/replay/rebuild.js';
import { START, type EventBatch, type EventLog } from '../../../src/eventstore/event-store.js';
import { compile, type Compiled } from '../../support/compiled.js';
import { MemoryEventLog } from '../../support/memory-event-log.js';
import { MemoryReadStore } from '../../support/memory-read-store.js';
import { caughtUp, documentsOf, hostOver, replayOf } from '../../support/projected.js';
import { happenings, QuarantineWorld } from '../../support/quarantine-world.js';
import { chunkOf, sealedOf } from '../../support/telemetry.js';

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
          data: event.data instanceof Uint8Array ? Buffer.from(event.data) : event.data,
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
const rebuilt = async (log: MemoryEventLog, ahead?: Ahead): Promise<readonly Record<string, string>[]> => {
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
    let lent = 0;
    const watched = (worth_it: number): Ahead => {
      const ahead = decodingAhead(program, { worth_it, few: 1, threads: 1 });
      return async function* (batches) {
        for await (const batch of ahead(batches)) {
          for (const event of batch.events) {
            // Unreadable from here on: who has been given what it says does not look.
            const { metadata } = event;
            const count = metadata.chunk!.count;
            Object.assign(metadata, { chunk: { ...metadata.chunk!, count: 99 } });
            try {
              chunkContents(event, RouteBook.EMPTY);
              lent += 1;
            } catch {
              // It was not decoded yet.
            }
            Object.assign(metadata, { chunk: { ...metadata.chunk!, count } });
          }
          yield batch;
        }
      };
    };
    const walk = async (worth_it: number): Promise<number> => {
      lent = 0;
      const batches = watched(worth_it)(log.readAll(START))[Symbol.asyncIterator]();
      while (!(await batches.next()).done);
      return lent;
    };
    expect(await walk(1000)).toBe(0);
    expect(await walk(0)).toBe(3);
  });
});
