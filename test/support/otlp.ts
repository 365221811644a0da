import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { OtlpLogRecord, OtlpMap, OtlpSpan, OtlpValue } from '../../src/domain/telemetry/otlp/model.js';

/** An encoder of OTLP's two encodings, written from its definitions: what the decoders are held against. */

const isList = (value: OtlpValue): value is readonly OtlpValue[] => Array.isArray(value);
const tag = (field: number, wire: number): number => field * 8 + wire;
const part = (writer: BinaryWriter, field: number, bytes: Uint8Array): BinaryWriter =>
  writer.uint32(tag(field, 2)).bytes(bytes);

const valueBytes = (value: OtlpValue): Uint8Array => {
  const writer = new BinaryWriter();
  if (typeof value === 'string') writer.uint32(tag(1, 2)).string(value);
  else if (typeof value === 'boolean') writer.uint32(tag(2, 0)).bool(value);
  else if (typeof value === 'number' && Number.isInteger(value) && !Object.is(value, -0))
    writer.uint32(tag(3, 0)).int64(value);
  else if (typeof value === 'number') writer.uint32(tag(4, 1)).double(value);
  else if (value !== null && isList(value)) {
    const list = new BinaryWriter();
    for (const item of value) part(list, 1, valueBytes(item));
    part(writer, 5, list.finish());
  } else if (value !== null) part(writer, 6, mapBytes(value, 1));
  return writer.finish();
};

const mapBytes = (map: OtlpMap, field: number, writer = new BinaryWriter()): Uint8Array => {
  for (const [key, value] of map) {
    const entry = new BinaryWriter().uint32(tag(1, 2)).string(key);
    part(writer, field, part(entry, 2, valueBytes(value)).finish());
  }
  return writer.finish();
};

const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');

const spanBytes = (span: OtlpSpan): Uint8Array => {
  const writer = new BinaryWriter();
  part(writer, 1, hex(span.trace_id));
  part(writer, 2, hex(span.span_id));
  writer.uint32(tag(3, 2)).string('state=unknown to the decoder');
  part(writer, 4, hex(span.parent_span_id));
  writer.uint32(tag(5, 2)).string(span.name).uint32(tag(6, 0)).int32(span.kind);
  writer.uint32(tag(7, 1)).fixed64(span.start.toString()).uint32(tag(8, 1)).fixed64(span.end.toString());
  writer.raw(mapBytes(span.attributes, 9));
  const status = new BinaryWriter().uint32(tag(2, 2)).string(span.status_message);
  part(writer, 15, status.uint32(tag(3, 0)).int32(span.status_code).finish());
  return writer.uint32(tag(16, 5)).fixed32(1).finish();
};

const recordBytes = (record: OtlpLogRecord): Uint8Array => {
  const writer = new BinaryWriter();
  writer.uint32(tag(1, 1)).fixed64(record.time.toString());
  writer.uint32(tag(2, 0)).int32(record.severity_number);
  writer.uint32(tag(3, 2)).string(record.severity_text);
  if (record.body !== null) part(writer, 5, valueBytes(record.body));
  writer.raw(mapBytes(record.attributes, 6));
  part(writer, 9, hex(record.trace_id));
  part(writer, 10, hex(record.span_id));
  writer.uint32(tag(11, 1)).fixed64(record.observed.toString());
  return writer.uint32(tag(12, 2)).string(record.event_name).finish();
};

/** Each record under a resource and a scope of its own; the resource comes last, which protobuf allows. */
const exportBytes = (
  records: readonly { readonly resource: OtlpMap; readonly scope: string; readonly bytes: Uint8Array }[],
): Buffer => {
  const writer = new BinaryWriter();
  for (const { resource, scope, bytes } of records) {
    const about = new BinaryWriter().uint32(tag(1, 2)).string(scope).finish();
    const scopes = part(part(new BinaryWriter(), 1, about), 2, bytes).finish();
    const group = part(part(new BinaryWriter(), 2, scopes), 1, mapBytes(resource, 1)).finish();
    part(writer, 1, group);
  }
  return Buffer.from(writer.finish());
};

export const protobufSpans = (spans: readonly OtlpSpan[]): Buffer =>
  exportBytes(spans.map((span) => ({ resource: span.resource, scope: 'tests', bytes: spanBytes(span) })));

export const protobufLogs = (records: readonly OtlpLogRecord[]): Buffer =>
  exportBytes(records.map((record) => ({ ...record, bytes: recordBytes(record) })));

const jsonValue = (value: OtlpValue): object => {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number')
    return Number.isInteger(value) && !Object.is(value, -0)
      ? { intValue: value % 2 === 0 ? String(value) : value }
      : { doubleValue: Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value) };
  if (value === null) return {};
  return isList(value)
    ? { arrayValue: { values: value.map(jsonValue) } }
    : { kvlistValue: { values: jsonMap(value) } };
};

const jsonMap = (map: OtlpMap): object[] =>
  [...map].map(([key, value]) => ({ key, value: jsonValue(value), unknown_field: true }));

const groups = (
  names: readonly [string, string, string],
  records: readonly { readonly resource: OtlpMap; readonly scope: string; readonly json: object }[],
): Buffer =>
  Buffer.from(
    JSON.stringify({
      [names[0]]: records.map(({ resource, scope, json }) => ({
        [names[1]]: [{ scope: { name: scope }, [names[2]]: [json] }],
        resource: { attributes: jsonMap(resource), schemaUrl: 'ignored' },
      })),
    }),
  );

export const jsonSpans = (spans: readonly OtlpSpan[]): Buffer =>
  groups(
    ['resourceSpans', 'scopeSpans', 'spans'],
    spans.map((span) => ({
      resource: span.resource,
      scope: 'tests',
      json: {
        traceId: span.trace_id.toUpperCase(),
        spanId: span.span_id,
        parentSpanId: span.parent_span_id,
        name: span.name,
        kind: span.kind,
        startTimeUnixNano: span.start.toString(),
        endTimeUnixNano: span.end.toString(),
        attributes: jsonMap(span.attributes),
        status: { code: span.status_code, message: span.status_message },
        flags: 1,
      },
    })),
  );

export const jsonLogs = (records: readonly OtlpLogRecord[]): Buffer =>
  groups(
    ['resourceLogs', 'scopeLogs', 'logRecords'],
    records.map((record) => ({
      resource: record.resource,
      scope: record.scope,
      json: {
        timeUnixNano: record.time.toString(),
        observedTimeUnixNano: record.observed.toString(),
        severityNumber: record.severity_number,
        severityText: record.severity_text,
        eventName: record.event_name,
        body: record.body === null ? null : jsonValue(record.body),
        attributes: jsonMap(record.attributes),
        traceId: record.trace_id,
        spanId: record.span_id.toUpperCase(),
      },
    })),
  );

/** A server's span of `GET /orders/42` that took 12.5 ms. */
export const serverSpan = (more: Partial<OtlpSpan> = {}): OtlpSpan => ({
  resource: new Map([
    ['service.name', 'checkout'],
    ['service.version', '1.2.3'],
    ['deployment.environment.name', 'production'],
  ]),
  trace_id: '0af7651916cd43dd8448eb211c80319c',
  span_id: 'b7ad6b7169203331',
  parent_span_id: '',
  name: 'GET /orders/{id}',
  kind: 2,
  start: 1_790_000_000_000_000_000n,
  end: 1_790_000_000_012_500_000n,
  attributes: new Map<string, OtlpValue>([
    ['http.request.method', 'GET'],
    ['http.route', '/orders/{id}'],
    ['url.path', '/orders/42'],
    ['http.response.status_code', 200],
  ]),
  status_code: 0,
  status_message: '',
  ...more,
});

export const logRecord = (more: Partial<OtlpLogRecord> = {}): OtlpLogRecord => ({
  resource: new Map([['service.name', 'checkout']]),
  scope: 'orders',
  time: 1_790_000_000_000_000_000n,
  observed: 0n,
  severity_number: 9,
  severity_text: 'INFO',
  event_name: '',
  body: 'order placed',
  attributes: new Map(),
  trace_id: '0af7651916cd43dd8448eb211c80319c',
  span_id: 'b7ad6b7169203331',
  ...more,
});
