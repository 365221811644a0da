import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { OtlpLogRecord, OtlpSpan, OtlpValue } from '../../../../src/domain/telemetry/otlp/model.js';
import { readJsonLogs, readJsonSpans } from '../../../../src/api/http/otlp/json.js';
import { readProtobufLogs, readProtobufSpans } from '../../../../src/api/http/otlp/protobuf.js';
import {
  jsonLogs,
  jsonSpans,
  logRecord,
  protobufLogs,
  protobufSpans,
  serverSpan,
} from '../../../support/otlp.js';

const SEED = { seed: 4, numRuns: 300 };
const word = fc.string({ unit: 'grapheme', maxLength: 12 });
const { value: anyValue } = fc.letrec<{ value: OtlpValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    word,
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).filter((number) => !Number.isInteger(number)),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(word, tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
  ),
}));
const map = fc.array(fc.tuple(word, anyValue), { maxLength: 5 }).map((entries) => new Map(entries));
const hex = (bytes: number) =>
  fc.uint8Array({ maxLength: bytes }).map((found) => Buffer.from(found).toString('hex'));
const nanos = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const span: fc.Arbitrary<OtlpSpan> = fc.record({
  resource: map,
  trace_id: hex(16),
  span_id: hex(8),
  parent_span_id: hex(8),
  name: word,
  kind: fc.integer({ min: 0, max: 9 }),
  start: nanos,
  end: nanos,
  attributes: map,
  status_code: fc.integer({ min: 0, max: 2 }),
  status_message: word,
});
const record: fc.Arbitrary<OtlpLogRecord> = fc.record({
  resource: map,
  scope: word,
  time: nanos,
  observed: nanos,
  severity_number: fc.integer({ min: 0, max: 30 }),
  severity_text: word,
  event_name: word,
  body: anyValue,
  attributes: map,
  trace_id: hex(16),
  span_id: hex(8),
});

describe('OTLP', () => {
  it('reads spans in both encodings as they were written', () => {
    fc.assert(
      fc.property(fc.array(span, { maxLength: 4 }), (spans) => {
        expect(readProtobufSpans(protobufSpans(spans))).toEqual({ ok: true, records: spans });
        expect(readJsonSpans(jsonSpans(spans))).toEqual({ ok: true, records: spans });
      }),
      SEED,
    );
  });

  it('reads log records in both encodings as they were written', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 4 }), (records) => {
        expect(readProtobufLogs(protobufLogs(records))).toEqual({ ok: true, records });
        expect(readJsonLogs(jsonLogs(records))).toEqual({ ok: true, records });
      }),
      SEED,
    );
  });

  it('answers garbage and damaged exports with a refusal or with what can be read, and never throws', () => {
    const spans = protobufSpans([serverSpan(), serverSpan()]);
    const json = jsonSpans([serverSpan(), serverSpan()]);
    const damage = (body: Buffer) =>
      fc
        .tuple(fc.nat(body.length - 1), fc.uint8Array({ maxLength: 6 }), fc.boolean())
        .map(([at, bytes, cut]) =>
          Buffer.concat([body.subarray(0, at), bytes, cut ? Buffer.alloc(0) : body.subarray(at + 1)]),
        );
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      damage(spans),
      damage(json),
    );
    const readers = [readProtobufSpans, readProtobufLogs, readJsonSpans, readJsonLogs];
    fc.assert(
      fc.property(bodies, fc.constantFrom(...readers), (body, read) => {
        const outcome = read(body);
        if (!outcome.ok) expect(outcome.detail).not.toBe('');
        return outcome.ok || outcome.status === 400;
      }),
      { seed: 4, numRuns: 5000 },
    );
  });

  it.each([
    ['a name where an enum is wanted', { kind: 'SPAN_KIND_SERVER' }],
    ['an id that is not hexadecimal', { traceId: 'CvdlGRbNQ92ESOshHIAxnA==' }],
    ['a time that is no whole number', { startTimeUnixNano: 1.5 }],
    ['attributes that are no list', { attributes: { a: 1 } }],
    ['a boolean as text', { attributes: [{ key: 'a', value: { boolValue: 'true' } }] }],
  ])('refuses JSON with %s', (_, fields) => {
    const body = Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [fields] }] }] }));
    expect(readJsonSpans(body)).toMatchObject({ ok: false, status: 400 });
  });

  it('knows lowerCamelCase alone and takes null for absent', () => {
    const span = { trace_id: '0af7651916cd43dd8448eb211c80319c', name: null, kind: 2 };
    const body = { resourceSpans: [{ resource: null, scopeSpans: [{ spans: [span] }] }], resource_spans: 1 };
    expect(readJsonSpans(Buffer.from(JSON.stringify(body)))).toMatchObject({
      ok: true,
      records: [{ trace_id: '', name: '', kind: 2 }],
    });
  });

  it('refuses values that are nested too deeply', () => {
    let body: OtlpValue = 'x';
    for (let depth = 0; depth < 20; depth += 1) body = [body];
    for (const outcome of [
      readProtobufLogs(protobufLogs([logRecord({ body })])),
      readJsonLogs(jsonLogs([logRecord({ body })])),
    ])
      expect(outcome).toMatchObject({ ok: false, status: 400 });
  });

  it('refuses a small body that would become a large heap', () => {
    const empty = Buffer.alloc(1_200_000, Buffer.from([0x0a, 0x00]));
    expect(readProtobufSpans(empty)).toMatchObject({ ok: false, status: 413 });
    const list = Buffer.from(`{"resourceSpans":[${'{},'.repeat(1_600_000)}{}]}`);
    expect(readJsonSpans(list)).toMatchObject({ ok: false, status: 413 });
  });
});
