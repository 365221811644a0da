import { describe, expect, it } from '@jest/globals';
import { RouteBook } from '../../../../src/domain/telemetry/routes/book.js';
import fc from 'fast-check';
import { EncodedLines, LineRange } from '../../../../src/domain/telemetry/column-codec/decode.js';
import { encodeLines } from '../../../../src/domain/telemetry/column-codec/encode.js';
import type { ChunkHeader } from '../../../../src/domain/telemetry/chunk-header.js';
import { decodeChunk } from '../../../../src/domain/telemetry/chunk.js';
import type { StoredChunk } from '../../../../src/domain/telemetry/stored-chunk.js';
import type { EventId } from '../../../../src/domain/ids.js';
import { deflateCompression } from '../../../../src/platform/compression.js';
import { telemetryEvent } from '../../../support/lines.js';

const header = (count: number): ChunkHeader => ({
  codec: 'ndjson',
  count,
  min_time: 0,
  max_time: 0,
  received_at: 7,
  producer: 'test',
  first_sequence: 0,
});

/** What folds see of each event of a chunk. */
const rowsOf = (chunk: Omit<StoredChunk, 'id' | 'metadata'>, count: number): object[] => {
  const id = '0190b3c5-d1f8-7c0e-8a4f-000000000000' as EventId;
  const read = decodeChunk({ ...chunk, id, metadata: { chunk: header(count) } }, RouteBook.EMPTY);
  return Array.from({ length: count }, (_, i) => ({
    time: read.times[i],
    status: read.statuses[i],
    duration: read.durations[i],
    texts: [read.types, read.services, read.routes, read.methods].map(({ values, ids }) => values[ids[i]!]),
    weight: read.weights?.[i],
    durations: read.aggregates?.get(i),
  }));
};

const parsed = (lines: readonly string[]): object[] =>
  rowsOf({ data: Buffer.from(lines.join('\n')) }, lines.length);

const folded = (lines: readonly string[], from = 0): object[] => {
  const encoded = new EncodedLines(
    encodeLines(Buffer.from(lines.join('\n')), deflateCompression),
    deflateCompression,
  );
  const range = new LineRange(encoded, from, lines.length);
  // Nobody asks for the text.
  return rowsOf({ data: {}, lines: range }, range.count);
};

describe('what folds read of encoded events', () => {
  it('is what they would read of the parsed lines', () => {
    fc.assert(
      fc.property(fc.array(telemetryEvent, { minLength: 1, maxLength: 60 }), fc.nat(60), (events, from) => {
        const lines = events.map((event) => JSON.stringify(event));
        expect(folded(lines)).toEqual(parsed(lines));
        if (from < lines.length) expect(folded(lines, from)).toEqual(parsed(lines.slice(from)));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it.each([
    ['a key is escaped', '{"typ\\u0065":"a","service":"s"}'],
    [
      'a key stands there twice: the last one holds',
      '{"type":"a","type":"b","status_code":200,"status_code":404}',
    ],
    ['there is white space', '{ "type" : "a" ,\t"service":"b" }'],
    ['a text is escaped', '{"type":"a","service":"\\u00e4\\n\\"b\\"","path":"\\/x"}'],
    ['a text is not ASCII', '{"type":"a","service":"Zürich 😀"}'],
    ['a number is spelled oddly', '{"type":"a","duration_ms":1.50e1,"status_code":2.0e2}'],
    ['a time is a number', '{"type":"a","timestamp":1700000000000.7}'],
    ['a time is finer than a millisecond', '{"type":"a","timestamp":"2024-02-29T23:59:59.123456Z"}'],
    ['a time has a zone', '{"type":"a","timestamp":"2024-02-29T23:59:59+02:00"}'],
    [
      'a field is inside another one',
      '{"type":"a","attributes":{"service":"inner","status_code":7},"service":"outer"}',
    ],
    ['it stands for many', '{"type":"a","weight":3.5}'],
    [
      'it stands for many, with their durations',
      '{"type":"a","durations":{"values":[1,2.5],"counts":[3,4]}}',
    ],
    ['a path is empty', '{"type":"a","path":""}'],
    ['a route is empty', '{"type":"a","route":"","path":"/x"}'],
    ['a text looks like a value’s place', '{"type":"\uE0000","service":"\uE0001"}'],
  ])('is right where %s', (_, line) => {
    const plain =
      '{"type":"a","service":"s","status_code":200,"duration_ms":1.5,"timestamp":"2024-02-29T23:59:59Z"}';
    for (const lines of [
      [line],
      [line, line, plain],
      Array.from({ length: 50 }, (__, i) => (i % 3 ? line : plain)),
    ])
      expect(folded(lines)).toEqual(parsed(lines));
  });
});
