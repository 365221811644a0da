import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readBatch } from '../../../src/commands/ingest/read-events.js';
import { columnsOf, cut, pack, timesOf, type Piece } from '../../../src/commands/ingest/received.js';
import type { EventId } from '../../../src/domain/ids.js';
import type { ChunkHeader } from '../../../src/domain/telemetry/chunk-header.js';
import { keepColumns, type TelemetryChunk } from '../../../src/domain/telemetry/chunk.js';
import { decodeChunk } from '../../support/telemetry.js';

const now = Date.parse('2025-06-01T12:00:00Z');
const id = '0197280d-5e00-7000-8000-000000000000' as EventId;

const word = fc.constantFrom('', 'a', 'b', 'ü', 'x'.repeat(40));
const event = fc.record(
  {
    type: fc.constantFrom('api_call', 'error', 'tick', 'Not Valid'),
    timestamp: fc.oneof(
      fc.integer({ min: 0, max: now }),
      fc.double({ min: 0, max: now, noNaN: true }),
      fc.constantFrom('2025-06-01T11:00:00.123456+02:00', 'yesterday'),
    ),
    service: word,
    method: word,
    route: word,
    path: fc.constantFrom('/users/42', '/users/43?x=1', '/health', ''),
    status_code: fc.integer({ min: 99, max: 600 }),
    duration_ms: fc.double({ min: 0, max: 1e9, noNaN: true }),
    user_id: word,
    weight: fc.constantFrom(1, 2.5, 1000, 0),
    durations: fc.constantFrom({ values: [1, 3], counts: [4, 5] }, { values: [1], counts: [1, 2] }),
  },
  { requiredKeys: ['type'] },
);

const shape = ({
  count,
  times,
  statuses,
  durations,
  weights,
  aggregates,
  events,
  ...chunk
}: TelemetryChunk) => ({
  count,
  times,
  statuses,
  durations,
  // Events that say that they stand for one request are plain, with and without the column.
  weights: Array.from({ length: count }, (_, index) => weights?.[index] ?? 1),
  aggregates: new Map(aggregates),
  events,
  texts: [chunk.types, chunk.services, chunk.routes, chunk.methods].map(({ values, ids }) => ({
    values,
    ids: Array.from(ids),
  })),
});

const piecesOf = (
  requests: readonly (readonly object[])[],
  events: number,
  sent_at?: number,
): readonly Piece[] =>
  requests.flatMap((request) => {
    const reading = readBatch(Buffer.from(JSON.stringify(request)), 'json', { events: 1000, now, sent_at });
    return reading.ok ? cut(reading.received, { bytes: 10_000, events }) : [];
  });

const headerOf = (pieces: readonly Piece[], first_sequence: number): ChunkHeader => ({
  codec: 'ndjson',
  count: pieces.reduce((sum, { from, to }) => sum + to - from, 0),
  ...timesOf(pieces, now),
  received_at: now,
  ...(pieces[0]?.received.time_offset_ms && { time_offset_ms: pieces[0].received.time_offset_ms }),
  producer: 'test',
  first_sequence,
});

const read = (pieces: readonly Piece[], chunk: ChunkHeader): TelemetryChunk =>
  decodeChunk({ id, data: pack(pieces).whole(), metadata: { chunk } });

describe('the columns that were made when events were checked', () => {
  const requests = fc.array(fc.array(event, { minLength: 2, maxLength: 12 }), { minLength: 1, maxLength: 5 });

  it('are those of the stored chunk, however requests were cut and joined', () => {
    fc.assert(
      fc.property(
        requests,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom(undefined, now, now - 3_600_000, now + 86_400_000),
        (sent, size, n, sent_at) => {
          const pieces = piecesOf(sent, size, sent_at).slice(0, n);
          if (pieces.length === 0) return;
          const header = headerOf(pieces, 0);
          const columns = columnsOf(pieces, now);
          if (!columns) throw new Error('A batch has columns.');
          const parsed = shape(read(pieces, header));
          keepColumns(id, header, columns);
          expect(shape(read(pieces, header))).toEqual(parsed);
        },
      ),
      { seed: 11, numRuns: 500 },
    );
  });

  it('are not taken for those of another packing of the same id', () => {
    const [first = [], second = []] = ['GET', 'PUT'].map((method) =>
      piecesOf([[{ type: 'tick', method }, { type: 'tick' }]], 10),
    );
    const columns = columnsOf(first, now);
    if (columns) keepColumns(id, headerOf(first, 0), columns);
    expect(read(second, headerOf(second, 2)).methods.values).toEqual(['PUT', '']);
  });
});
