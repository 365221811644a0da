import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readProtobufSpans } from '../../../../src/api/http/otlp/protobuf.js';
import { spanLines, type SpanLines } from '../../../../src/api/http/otlp/span-lines.js';
import { readMade } from '../../../../src/commands/ingest/made-events.js';
import { readBatch, type ReadLimits } from '../../../../src/commands/ingest/read-events.js';
import type { Received } from '../../../../src/commands/ingest/received.js';
import type { TextColumn } from '../../../../src/domain/telemetry/columns.js';
import type { OtlpSpan, OtlpValue } from '../../../../src/domain/telemetry/otlp/model.js';
import { eventOfSpan } from '../../../../src/domain/telemetry/otlp/span.js';
import { protobufSpans, serverSpan } from '../../../support/otlp.js';

const NOW = 1_700_000_000_000;
const SEED = { seed: 11, numRuns: 2000 };

const linesOf = (found: SpanLines | undefined): readonly unknown[] => {
  if (!found) throw new Error('The export was left to the thorough decoder.');
  return found.events === 0
    ? []
    : found.lines
        .toString()
        .split('\n')
        .map((line): unknown => JSON.parse(line));
};

const textsOf = ({ values, ids }: TextColumn): readonly (string | undefined)[] =>
  Array.from(ids, (number) => values[number]);

/** What is kept of events that were read, in one form whoever read them. */
const contents = ({ body, starts, ends, times, time_offset_ms, columns, client_ids }: Received) => ({
  lines: Array.from(starts, (start, i) => body.toString('utf8', start, ends[i])),
  times: Array.from(times),
  time_offset_ms,
  columns: columns && {
    statuses: [...columns.statuses],
    durations: [...columns.durations],
    types: textsOf(columns.types),
    services: textsOf(columns.services),
    routes: textsOf(columns.routes),
    paths: textsOf(columns.paths),
    methods: textsOf(columns.methods),
    weights: columns.weights,
  },
  client_ids:
    client_ids && 'bytes' in client_ids
      ? Array.from(client_ids.starts, (start) => {
          const at = start + client_ids.offset;
          return client_ids.bytes.toString('utf8', at, at + client_ids.length);
        })
      : (client_ids ?? []),
});

/**
 * Whether what is known of spans from making their lines is what the reader of batches says of the same lines; where
 * that is nothing, the reader says what is wrong with one of them.
 */
const expectKnownAsRead = ({ lines, events, known }: SpanLines, limits: Partial<ReadLimits>): void => {
  const by = { events, now: NOW, ...limits };
  const made = readMade(lines, known, by);
  const read = readBatch(lines, 'ndjson', by);
  if (!read.ok) throw new Error(read.detail);
  if (made) expect(contents(made.received)).toEqual(contents(read.received));
  expect(made === undefined).toBe(read.rejected.length > 0);
};

/** What decoding to objects makes of an export; undefined where it is refused. */
const thorough = (body: Buffer) => {
  const decoded = readProtobufSpans(body);
  if (!decoded.ok) return undefined;
  const outcomes = decoded.records.map(eventOfSpan);
  return {
    events: outcomes.flatMap((outcome) =>
      outcome.kind === 'event' ? [JSON.parse(JSON.stringify(outcome.event)) as unknown] : [],
    ),
    ignored: outcomes.filter(({ kind }) => kind === 'ignored').length,
    rejected: outcomes.filter(({ kind }) => kind === 'rejected').length,
    reasons: [
      ...new Set(outcomes.flatMap((outcome) => (outcome.kind === 'rejected' ? [outcome.reason] : []))),
    ],
  };
};

const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', ' ', '/a b ', 'x'.repeat(33), 'y'.repeat(600), 'z'.repeat(9000)),
  },
);
const whole = fc.oneof(
  fc.nat(70_000),
  fc.maxSafeInteger(),
  fc.constantFrom(0, 99, 100, 200, 404, 500, 599, 600),
);
const scalar: fc.Arbitrary<OtlpValue> = fc.oneof(
  text,
  whole,
  fc.boolean(),
  fc.double({ noNaN: true }).filter((number) => !Number.isInteger(number)),
  fc.constantFrom<OtlpValue>(NaN, Infinity, -0, null, ['a', 1], new Map([['a', 'b']])),
);
const path = fc.oneof(
  fc.webPath(),
  fc.tuple(fc.webPath(), fc.webQueryParameters()).map(([local, query]) => `${local}?${query}&token=abc`),
  fc.constantFrom('http://me:secret@example.com/a?sig=1#x', '/a#b', 'C:/a', '?', '', '*'),
);
const name = fc.oneof(
  fc.constantFrom(
    ...['http.request.method', 'http.route', 'http.response.status_code', 'http.request.body.size'],
    ...['http.response.body.size', 'user.id', 'enduser.id', 'user_agent.original', 'server.address'],
    ...['server.port', 'client.address', 'error.type', 'network.peer.address', 'http.method', 'http.target'],
    ...['http.status_code', 'net.host.name', 'http.request.header.cookie', 'http.response.body', 'span.name'],
    ...['service.version', 'host.name', 'parent_span_id', '__proto__', '12', 'url.full', 'http.host'],
  ),
  fc.string({ maxLength: 8 }),
);
const attributes = fc
  .tuple(
    fc.constantFrom<OtlpValue>('GET', 'POST', '_OTHER', 'get ', 7),
    fc.option(path),
    fc.option(fc.webQueryParameters()),
    fc.array(fc.tuple(name, scalar), { maxLength: 8 }),
  )
  .map(([method, local, query, others]) => {
    const map = new Map<string, OtlpValue>([['http.request.method', method]]);
    if (local !== null) map.set('url.path', local);
    if (query !== null) map.set('url.query', query);
    for (const [key, value] of others) map.set(key, value);
    return map;
  });
const id = (bytes: number) =>
  fc
    .oneof(
      { weight: 12, arbitrary: fc.uint8Array({ minLength: bytes, maxLength: bytes }) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
      { weight: 1, arbitrary: fc.constant(new Uint8Array(bytes)) },
    )
    .map((found) => Buffer.from(found).toString('hex'));
const nanos = fc.oneof(
  fc.bigInt({ min: 1_700_000_000_000_000_000n, max: 1_700_000_001_000_000_000n }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 1n, 999_999n, 1_000_000n),
);
const resource = fc.oneof(
  fc.constant(
    new Map<string, OtlpValue>([
      ['service.name', 'checkout'],
      ['service.version', '1.2.3'],
    ]),
  ),
  fc
    .array(
      fc.tuple(fc.constantFrom('service.name', 'service.version', 'cloud.region', 'host.name', 'os'), scalar),
      { maxLength: 4 },
    )
    .map((entries) => new Map(entries)),
);
const span: fc.Arbitrary<OtlpSpan> = fc
  .record({
    resource,
    trace_id: id(16),
    span_id: id(8),
    parent_span_id: fc.oneof(fc.constant(''), id(8)),
    name: fc.oneof(text, fc.constantFrom('GET', 'GET /', 'POST /orders')),
    kind: fc.constantFrom(0, 1, 2, 2, 2, 3, 5),
    start: nanos,
    end: nanos,
    attributes,
    status_code: fc.integer({ min: 0, max: 2 }),
    status_message: fc.oneof(fc.constant(''), text),
  })
  .chain((made) =>
    // Most spans are named as they should be.
    fc.boolean().map((usual) => {
      const route = made.attributes.get('http.route');
      return usual && typeof route === 'string' ? { ...made, name: `GET ${route}` } : made;
    }),
  );

describe('Spans read into lines', () => {
  it('say of a plain span what mapping its object says', () => {
    const body = protobufSpans([
      serverSpan({
        span_id: '0000000000000001',
        attributes: new Map<string, OtlpValue>([
          ...serverSpan().attributes,
          ['server.port', 8443],
          ['retry', true],
          ['load', 0.25],
        ]),
      }),
      serverSpan({ span_id: '0000000000000002', kind: 3, parent_span_id: '0000000000000001' }),
      serverSpan({ span_id: '0000000000000003', kind: 1 }),
    ]);
    const found = spanLines(body);
    expect(linesOf(found)).toEqual(thorough(body)?.events);
    expect(found).toMatchObject({ events: 2, spans: 3, ignored: 1, rejected: 0 });
    expect(found?.known.unchecked).toEqual([]);
  });

  it('are known as the reader of batches would know them, by whatever limits', () => {
    const limits = fc.record(
      {
        sent_at: fc.constantFrom(NOW - 5_000, NOW, NOW + 3_600_000),
        event_bytes: fc.constantFrom(100, 400, 600, 65_536),
        oldest_time: fc.constantFrom(0, NOW - 1000, NOW, NOW + 500),
      },
      { requiredKeys: [] },
    );
    let known = 0;
    fc.assert(
      fc.property(fc.array(span, { maxLength: 4 }), limits, (spans, by) => {
        const found = spanLines(protobufSpans(spans));
        if (!found) return;
        expectKnownAsRead(found, by);
        if (readMade(found.lines, found.known, { events: found.events, now: NOW, ...by })) known += 1;
        found.release();
      }),
      { ...SEED, numRuns: 500 },
    );
    expect(known).toBeGreaterThan(100);
  });

  it('are read from each export anew, however large the one before was', () => {
    const many = protobufSpans(
      Array.from({ length: 400 }, (_, n) => serverSpan({ span_id: (n + 1).toString(16).padStart(16, '0') })),
    );
    const one = protobufSpans([serverSpan()]);
    const before = linesOf(spanLines(one));
    const large = spanLines(many);
    expect(linesOf(large)).toEqual(thorough(many)?.events);
    large?.release();
    expect(linesOf(spanLines(one))).toEqual(before);
  });

  it('agree with the thorough decoder on whatever they take', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.array(span, { maxLength: 4 }), (spans) => {
        const body = protobufSpans(spans);
        const found = spanLines(body);
        if (!found) return;
        taken += 1;
        const expected = thorough(body);
        expect(linesOf(found)).toEqual(expected?.events);
        expect(found).toMatchObject({
          spans: spans.length,
          ignored: expected?.ignored,
          rejected: expected?.rejected,
          reasons: expected?.reasons,
        });
      }),
      SEED,
    );
    // What is left over has a resource that is no text, and the like.
    expect(taken).toBeGreaterThan(SEED.numRuns * 0.9);
  });

  it('take nothing that is broken otherwise than the thorough decoder does', () => {
    const whole_body = protobufSpans([serverSpan(), serverSpan({ span_id: '0000000000000002' })]);
    fc.assert(
      fc.property(
        fc.nat(whole_body.length - 1),
        fc.nat(255),
        fc.constantFrom('set', 'cut', 'insert'),
        (at, byte, how) => {
          const body =
            how === 'cut'
              ? whole_body.subarray(0, at)
              : Buffer.concat([
                  whole_body.subarray(0, at),
                  Buffer.from([byte]),
                  whole_body.subarray(how === 'set' ? at + 1 : at),
                ]);
          const found = spanLines(body);
          if (found) expect(linesOf(found)).toEqual(thorough(body)?.events);
        },
      ),
      { ...SEED, numRuns: 5000 },
    );
  });
});
