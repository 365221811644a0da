import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RouteBook } from '../../src/domain/telemetry/routes/book.js';
import { EncodedLines, LineRange } from '../../src/domain/telemetry/column-codec/decode.js';
import { encodeLines } from '../../src/domain/telemetry/column-codec/encode.js';
import {
  bytesOf,
  pickLines,
  receiptOf,
  TELEMETRY_RECORDED,
} from '../../src/domain/telemetry/stored-chunk.js';
import { chunkOfLines, decodeChunk } from '../../src/domain/telemetry/chunk.js';
import type { RecordedEvent } from '../../src/eventstore/event-store.js';
import { deflateCompression } from '../../src/platform/compression.js';
import { projections } from '../../src/projections/all.js';
import { eventsStream } from '../../src/projections/dashboard/events-stream.js';
import { recentEvents } from '../../src/projections/recent-events/projection.js';
import { eventById } from '../../src/projections/search/event-by-id.js';
import { searchEvents } from '../../src/projections/search/search.js';
import { chunkOf, foldAll, NOW, tenant, TestLog, testModels } from '../support/telemetry.js';

/** An event's timestamp, as its sender wrote it. */
const said = fc.oneof(
  fc.constant(undefined),
  fc.integer({ min: NOW - 9e7, max: NOW }),
  fc.integer({ min: NOW - 9e7, max: NOW }).map((time) => new Date(time).toISOString()),
);
const event = fc.record(
  {
    timestamp: said,
    service: fc.constantFrom('a', 'b', 'ü"'),
    status_code: fc.constantFrom(200, 500),
    duration_ms: fc.constantFrom(1, 10.5),
    message: fc.constantFrom('needle', 'hay'),
    weight: fc.constantFrom(2, 3.5),
  },
  { requiredKeys: [] },
);
type Sample = typeof event extends fc.Arbitrary<infer T> ? T : never;

const chunks = fc.array(
  fc.record({
    events: fc.array(event, { minLength: 1, maxLength: 8 }),
    offset: fc.constantFrom(0, 1_000, -1_000, 3_600_000, -86_400_000 * 400, NOW - 5_000),
  }),
  { minLength: 1, maxLength: 4 },
);

const written = ({ timestamp, ...fields }: Sample, offset: number): object => ({
  type: 'api_call',
  ...fields,
  ...(timestamp !== undefined && {
    timestamp:
      typeof timestamp === 'number'
        ? timestamp + offset
        : new Date(Date.parse(timestamp) + offset).toISOString(),
  }),
});

/** A chunk by whose header its events' times are corrected. */
const corrected = (events: readonly Sample[], offset: number, number: number): RecordedEvent => {
  const stored = chunkOf(
    events.map((one) => written(one, 0)),
    { number },
  );
  const { chunk } = stored.metadata;
  if (!chunk || offset === 0) return stored;
  return { ...stored, metadata: { ...stored.metadata, chunk: { ...chunk, time_offset_ms: offset } } };
};

/** The same as if the sender's clock had been right. */
const right = (events: readonly Sample[], offset: number, number: number): RecordedEvent =>
  chunkOf(
    events.map((one) => written(one, offset)),
    { number },
  );

const logOf = (events: readonly RecordedEvent[]): TestLog => {
  const log = new TestLog();
  log.events.push(...events);
  return log;
};

describe('times that a chunk’s header corrects', () => {
  it('are read as if they had been right, from the bytes, from columns, and line by line', () => {
    fc.assert(
      fc.property(chunks, (all) => {
        for (const { events, offset } of all) {
          const stored = corrected(events, offset, 1);
          const times = Array.from(decodeChunk(right(events, offset, 1), RouteBook.EMPTY).times);
          expect(Array.from(decodeChunk(stored, RouteBook.EMPTY).times)).toEqual(times);
          const numbers = events.map((_, i) => i);
          expect(
            Array.from(
              chunkOfLines(stored.id, pickLines(stored, numbers), receiptOf(stored), RouteBook.EMPTY).times,
            ),
          ).toEqual(times);
          const encoded = new EncodedLines(
            encodeLines(bytesOf(stored), deflateCompression),
            deflateCompression,
          );
          const sealed = { ...stored, data: {}, lines: new LineRange(encoded, 0, events.length) };
          expect(Array.from(decodeChunk(sealed, RouteBook.EMPTY).times)).toEqual(times);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('are so in every read model, in searches, by id and in the tail', async () => {
    await fc.assert(
      fc.asyncProperty(chunks, fc.boolean(), async (all, sparse) => {
        const logs = [corrected, right].map((make) =>
          logOf(all.map(({ events, offset }, i) => make(events, offset, i + 1))),
        );
        const models = logs.map((log) => testModels(() => log.events));
        for (const projection of projections) {
          if (!projection.reads.includes(TELEMETRY_RECORDED) || projection === recentEvents) continue;
          const [one, other] = logs.map((log) => foldAll(projection, log.events));
          expect(one).toEqual(other);
        }
        const found = await Promise.all(
          logs.map(async (log, i) => {
            const outcome = await searchEvents(models[i]!, log, tenant, {
              filter: sparse ? { q: 'needle' } : {},
              from: NOW - 9e7,
              to: NOW + 3_600_000,
              limit: 1000,
            });
            return outcome.ok && outcome.data;
          }),
        );
        expect(found[0]).toEqual(found[1]);
        const tails = await Promise.all(models.map((of) => eventsStream(of, tenant, { limit: 200 })));
        expect(tails[0]).toEqual(tails[1]);
        for (const shown of tails[0]?.data ?? []) {
          const [one, other] = await Promise.all(
            logs.map((log, i) => eventById(models[i]!, log, tenant, shown.event_id)),
          );
          expect(one).toMatchObject({ timestamp: shown.timestamp });
          expect({ ...one, time_offset_ms: undefined }).toEqual({ ...other, time_offset_ms: undefined });
        }
      }),
      { seed: 2, numRuns: 40 },
    );
  });
});
