import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { OtlpLogRecord, OtlpMap, OtlpSpan, OtlpValue } from '../../../domain/telemetry/otlp/model.js';
import { Budget, decoding, malformed, type Decoded } from './budget.js';

const { Varint, Bit64, LengthDelimited } = WireType;

/** Reads one field and says true, or false where it is none that is known. */
type FieldReader = (field: number, wire: WireType, reader: BinaryReader) => boolean;

/** Walks a message's fields; those that the reader does not know are skipped, as protobuf wants. */
const walk = (bytes: Uint8Array, budget: Budget, read: FieldReader): void => {
  budget.node();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (!read(field, wire, reader)) reader.skip(wire, field);
    if (reader.pos > reader.len) throw malformed('The body is not valid protobuf: it ends in a field.');
  }
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The sub-messages of these fields, in one list each; what comes last on the wire may be needed first. */
const messages = (
  bytes: Uint8Array,
  budget: Budget,
  ...fields: readonly number[]
): readonly (readonly Uint8Array[])[] => {
  const found = fields.map((): Uint8Array[] => []);
  walk(bytes, budget, (field, wire, reader) => {
    const list = wire === LengthDelimited ? found[fields.indexOf(field)] : undefined;
    if (!list) return false;
    budget.node();
    list.push(reader.bytes());
    return true;
  });
  return found;
};

const safeInteger = (value: bigint | string): number | string => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
};

const readValue = (bytes: Uint8Array, budget: Budget, depth: number): OtlpValue => {
  budget.depth(depth);
  let value: OtlpValue = null;
  walk(bytes, budget, (field, wire, reader) => {
    if (field === 1 && wire === LengthDelimited) value = reader.string(true);
    else if (field === 2 && wire === Varint) value = reader.bool();
    else if (field === 3 && wire === Varint) value = safeInteger(reader.int64());
    else if (field === 4 && wire === Bit64) value = reader.double();
    else if (field === 5 && wire === LengthDelimited) {
      const [items = []] = messages(reader.bytes(), budget, 1);
      value = items.map((item) => readValue(item, budget, depth + 1));
    } else if (field === 6 && wire === LengthDelimited) {
      const [entries = []] = messages(reader.bytes(), budget, 1);
      value = readMap(entries, budget, depth + 1);
    } else if (field === 7 && wire === LengthDelimited)
      value = Buffer.from(reader.bytes()).toString('base64');
    else return false;
    return true;
  });
  return value;
};

const readMap = (entries: readonly Uint8Array[], budget: Budget, depth = 0): OtlpMap => {
  const map = new Map<string, OtlpValue>();
  for (const entry of entries) {
    let key = '';
    let value: OtlpValue = null;
    walk(entry, budget, (field, wire, reader) => {
      if (field === 1 && wire === LengthDelimited) key = reader.string(true);
      else if (field === 2 && wire === LengthDelimited) value = readValue(reader.bytes(), budget, depth);
      else return false;
      return true;
    });
    map.set(key, value);
  }
  return map;
};

type Open<T> = { -readonly [K in keyof T]: T[K] };

const readSpan = (bytes: Uint8Array, resource: OtlpMap, budget: Budget): OtlpSpan => {
  budget.record();
  const attributes: Uint8Array[] = [];
  const span: Open<OtlpSpan> = {
    resource,
    trace_id: '',
    span_id: '',
    parent_span_id: '',
    name: '',
    kind: 0,
    start: 0n,
    end: 0n,
    attributes: new Map(),
    status_code: 0,
    status_message: '',
  };
  walk(bytes, budget, (field, wire, reader) => {
    if (field === 6 && wire === Varint) span.kind = reader.int32();
    else if (field === 7 && wire === Bit64) span.start = BigInt(reader.fixed64());
    else if (field === 8 && wire === Bit64) span.end = BigInt(reader.fixed64());
    else if (wire !== LengthDelimited) return false;
    else if (field === 1) span.trace_id = hex(reader.bytes());
    else if (field === 2) span.span_id = hex(reader.bytes());
    else if (field === 4) span.parent_span_id = hex(reader.bytes());
    else if (field === 5) span.name = reader.string(true);
    else if (field === 9) attributes.push(reader.bytes());
    else if (field === 15) readStatus(reader.bytes(), span, budget);
    else return false;
    return true;
  });
  span.attributes = readMap(attributes, budget);
  return span;
};

const readStatus = (bytes: Uint8Array, span: Open<OtlpSpan>, budget: Budget): void =>
  walk(bytes, budget, (field, wire, reader) => {
    if (field === 2 && wire === LengthDelimited) span.status_message = reader.string(true);
    else if (field === 3 && wire === Varint) span.status_code = reader.int32();
    else return false;
    return true;
  });

const readRecord = (bytes: Uint8Array, resource: OtlpMap, scope: string, budget: Budget): OtlpLogRecord => {
  budget.record();
  const attributes: Uint8Array[] = [];
  const record: Open<OtlpLogRecord> = {
    resource,
    scope,
    time: 0n,
    observed: 0n,
    severity_number: 0,
    severity_text: '',
    event_name: '',
    body: null,
    attributes: new Map(),
    trace_id: '',
    span_id: '',
  };
  walk(bytes, budget, (field, wire, reader) => {
    if (field === 1 && wire === Bit64) record.time = BigInt(reader.fixed64());
    else if (field === 11 && wire === Bit64) record.observed = BigInt(reader.fixed64());
    else if (field === 2 && wire === Varint) record.severity_number = reader.int32();
    else if (wire !== LengthDelimited) return false;
    else if (field === 3) record.severity_text = reader.string(true);
    else if (field === 5) record.body = readValue(reader.bytes(), budget, 0);
    else if (field === 6) attributes.push(reader.bytes());
    else if (field === 9) record.trace_id = hex(reader.bytes());
    else if (field === 10) record.span_id = hex(reader.bytes());
    else if (field === 12) record.event_name = reader.string(true);
    else return false;
    return true;
  });
  record.attributes = readMap(attributes, budget);
  return record;
};

const scopeName = (scopes: readonly Uint8Array[], budget: Budget): string => {
  let name = '';
  for (const scope of scopes)
    walk(scope, budget, (field, wire, reader) => {
      if (field !== 1 || wire !== LengthDelimited) return false;
      name = reader.string(true);
      return true;
    });
  return name;
};

/** Traces and logs are built alike: resources of scopes of records. */
const readExport = <T>(
  body: Uint8Array,
  read: (record: Uint8Array, resource: OtlpMap, scope: string, budget: Budget) => T,
): Decoded<T> =>
  decoding(() => {
    const budget = new Budget();
    const records: T[] = [];
    const [groups = []] = messages(body, budget, 1);
    for (const group of groups) {
      const [resources = [], scopes = []] = messages(group, budget, 1, 2);
      const resource = readMap(
        resources.flatMap((bytes) => messages(bytes, budget, 1)[0] ?? []),
        budget,
      );
      for (const scope of scopes) {
        const [about = [], found = []] = messages(scope, budget, 1, 2);
        const name = scopeName(about, budget);
        for (const record of found) records.push(read(record, resource, name, budget));
      }
    }
    return records;
  }, 'protobuf');

/** Reads the attributes of a Resource; undefined where it is not valid. */
export const readResource = (bytes: Uint8Array, budget: Budget): OtlpMap | undefined => {
  const decoded = decoding(() => [readMap(messages(bytes, budget, 1)[0] ?? [], budget)], 'protobuf');
  return decoded.ok ? decoded.records[0] : undefined;
};

/** Reads one Span; undefined where it is not valid. */
export const readOneSpan = (bytes: Uint8Array, resource: OtlpMap, budget: Budget): OtlpSpan | undefined => {
  const decoded = decoding(() => [readSpan(bytes, resource, budget)], 'protobuf');
  return decoded.ok ? decoded.records[0] : undefined;
};

/** Reads an ExportTraceServiceRequest. */
export const readProtobufSpans = (body: Uint8Array): Decoded<OtlpSpan> =>
  readExport(body, (bytes, resource, _scope, budget) => readSpan(bytes, resource, budget));

/** Reads an ExportLogsServiceRequest. */
export const readProtobufLogs = (body: Uint8Array): Decoded<OtlpLogRecord> => readExport(body, readRecord);
