import type { EventId } from '../../domain/ids.js';
import type { JsonObject } from '../../domain/json.js';
import type { TimeSpan } from '../../domain/time-spans.js';
import {
  BytesInPieces,
  toPosition,
  withLentData,
  type EventMetadata,
  type NewEvent,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../event-store.js';
import { copyBytes } from '../../platform/copy-bytes.js';
import { FRAME_BYTES, openFrame } from './format.js';
import type { Frames } from './frames.js';
import type { LentMemory, MemoryPool } from './lent-memory.js';

/**
 * A record's payload: what is hashed. Stored format: every number here is on disk for good.
 *
 *   revision u64, id 16 bytes, schema version u32, metadata length u32, data length u32,
 *   stream length u16, type length u8, form u8, stream, type, metadata (JSON), data
 *
 * A truncation is a record too, hidden from readers: its revision is the first that stays visible.
 */
const FIXED_BYTES = 40;
const form = { json: 0, binary: 1, truncation: 2 } as const;

export const MAX_STREAM_BYTES = 1_024;
const MAX_TYPE_BYTES = 255;

interface Payload {
  readonly type: Buffer;
  readonly metadata: Buffer;
  readonly data: Uint8Array | BytesInPieces;
  readonly form: number;
}

/** An append as bytes before its revisions are known; `bytes` is what its limit counts. */
export interface PreparedEvents {
  readonly stream: Buffer;
  readonly events: readonly NewEvent[];
  readonly payloads: readonly Payload[];
  readonly bytes: number;
}

const empty = Buffer.alloc(0);
const NO_ID = Buffer.alloc(16);

/** The bytes that events will take. Throws a RangeError on a name that no log can hold: a mistake in the program. */
export const prepareEvents = (stream: StreamName, events: readonly NewEvent[]): PreparedEvents => {
  let bytes = 0;
  let lastMetadata: EventMetadata | undefined;
  let lastBytes = empty;
  const streamBytes = streamNameBytes(stream);
  const payloads = events.map((event): Payload => {
    const type = typeBytes(event.type);
    // The events of one append mostly share one stamp.
    if (event.metadata !== lastMetadata) {
      lastMetadata = event.metadata;
      lastBytes = Buffer.from(JSON.stringify(event.metadata));
    }
    const binary = event.data instanceof Uint8Array || event.data instanceof BytesInPieces;
    const data = binary ? event.data : Buffer.from(JSON.stringify(event.data));
    bytes += FRAME_BYTES + FIXED_BYTES + streamBytes.length + type.length + lastBytes.length + data.length;
    return { type, metadata: lastBytes, data, form: binary ? form.binary : form.json };
  });
  return { stream: streamBytes, events, payloads, bytes };
};

/** Appends from this size on stand in memory that is used again, where there is a pool for it. */
const LENT_BYTES = 64 * 1024;

/** Frames of the events at their revisions, still to be sealed. Binary data is copied here, and nowhere else. */
export const encodeEvents = (prepared: PreparedEvents, first: number, pool?: MemoryPool): Frames => {
  const { stream, events, payloads } = prepared;
  const memory = prepared.bytes < LENT_BYTES ? undefined : pool?.lend(prepared.bytes);
  const bytes = memory?.bytes ?? Buffer.allocUnsafe(prepared.bytes);
  const starts = new Uint32Array(payloads.length);
  let at = 0;
  for (const [i, payload] of payloads.entries()) {
    const event = events[i];
    if (!event) break;
    starts[i] = at;
    at = writeFrame(bytes, at, first + i, idBytes(event.id), event.schema_version, stream, payload);
  }
  return { bytes, starts, ...(memory && { memory }) };
};

/** The frame of a truncation, still to be sealed. */
export const encodeTruncation = (stream: StreamName, before: number): Frames => {
  const name = streamNameBytes(stream);
  const bytes = Buffer.allocUnsafe(FRAME_BYTES + FIXED_BYTES + name.length);
  const payload = { type: empty, metadata: empty, data: empty, form: form.truncation };
  writeFrame(bytes, 0, before, NO_ID, 0, name, payload);
  return { bytes, starts: Uint32Array.of(0) };
};

/** Writes a frame without its checksum; says where the next one goes. */
const writeFrame = (
  into: Buffer,
  frame: number,
  revision: number,
  id: Buffer,
  schemaVersion: number,
  stream: Buffer,
  { type, metadata, data, form }: Payload,
): number => {
  const start = frame + FRAME_BYTES;
  into.writeUIntLE(revision, start, 6);
  into.writeUInt16LE(0, start + 6);
  id.copy(into, start + 8);
  into.writeUInt32LE(schemaVersion, start + 24);
  into.writeUInt32LE(metadata.length, start + 28);
  into.writeUInt32LE(data.length, start + 32);
  into.writeUInt16LE(stream.length, start + 36);
  into.writeUInt8(type.length, start + 38);
  into.writeUInt8(form, start + 39);
  let at = start + FIXED_BYTES;
  for (const part of [stream, type, metadata, data]) {
    if (part instanceof BytesInPieces) part.write(into, at);
    else copyBytes(part, into, at);
    at += part.length;
  }
  openFrame(into, frame, at - start);
  return at;
};

/** What the index needs of a record. */
export interface RecordKey {
  readonly stream: StreamName;
  readonly revision: number;
  /** 16 bytes, copied. */
  readonly id: Buffer;
  readonly truncation: boolean;
}

/** Reads a record's key from its frame. */
export const readKey = (from: Buffer, at: number): RecordKey => {
  const start = at + FRAME_BYTES;
  return {
    stream: readStreamName(from, at),
    revision: from.readUIntLE(start, 6),
    id: Buffer.from(from.subarray(start + 8, start + 24)),
    truncation: isTruncation(from, at),
  };
};

export const isTruncation = (from: Buffer, at: number): boolean =>
  from[at + FRAME_BYTES + 39] === form.truncation;

export const readStreamName = (from: Buffer, at: number): StreamName => {
  const start = at + FRAME_BYTES + FIXED_BYTES;
  return from.toString('utf8', start, start + from.readUInt16LE(start - 4)) as StreamName;
};

export const readType = (from: Buffer, at: number): string => {
  const start = at + FRAME_BYTES;
  const type = start + FIXED_BYTES + from.readUInt16LE(start + 36);
  return from.toString('utf8', type, type + from.readUInt8(start + 38));
};

/** The payload that a record has, made of what readers see of it: in whichever store it stands, it is hashed as this. */
export const payloadOf = (record: RecordedEvent): Buffer =>
  encodeEvents(prepareEvents(record.stream, [record]), record.revision).bytes.subarray(FRAME_BYTES);

/** The type of a payload and its data, as they stand in it. */
export const partsOf = (
  payload: Buffer,
): { readonly type: string; readonly data: Buffer; readonly binary: boolean } => {
  const type = FIXED_BYTES + payload.readUInt16LE(36);
  return {
    type: payload.toString('utf8', type, type + payload.readUInt8(38)),
    data: payload.subarray(payload.length - payload.readUInt32LE(32)),
    binary: payload[39] === form.binary,
  };
};

/** How many bytes of data a payload has that begins at an offset. */
export const dataBytes = (from: Buffer, start: number): number => from.readUInt32LE(start + 32);

/** Of a payload what says which record it is: all of it up to the metadata. */
export const identityOf = (payload: Buffer): Buffer =>
  payload.subarray(0, FIXED_BYTES + payload.readUInt16LE(36) + payload.readUInt8(38));

/**
 * A payload of telemetry without some of its events, as it would have been acknowledged without them. `gone`: the
 * numbers of those that are not there already; `cut`: of those that are to go. Undefined where no event is left.
 */
export const payloadWithout = (
  payload: Buffer,
  gone: readonly number[],
  cut: ReadonlySet<number>,
): Buffer | undefined => {
  const { data } = partsOf(payload);
  const before = new Set(gone);
  let number = -1;
  const lines = data
    .toString('latin1')
    .split('\n')
    .filter(() => {
      do number += 1;
      while (before.has(number));
      return !cut.has(number);
    });
  if (lines.length === 0) return undefined;
  const left = Buffer.concat([
    payload.subarray(0, payload.length - data.length),
    Buffer.from(lines.join('\n'), 'latin1'),
  ]);
  left.writeUInt32LE(left.length - (payload.length - data.length), 32);
  return left;
};

/** Which record a payload is of: its stream, its revision and its type. */
export const placeOf = (
  payload: Buffer,
): { readonly stream: StreamName; readonly revision: number; readonly type: string } => ({
  stream: readStreamName(payload, -FRAME_BYTES),
  revision: payload.readUIntLE(0, 6),
  type: readType(payload, -FRAME_BYTES),
});

/** Reads from a frame in which stretch of time the telemetry that it holds happened; undefined where it holds none. */
export const readTimes = (from: Buffer, at: number): TimeSpan | undefined => {
  const start = at + FRAME_BYTES;
  if (from[start + 39] !== form.binary) return undefined;
  const { chunk } = readMetadata(from, at);
  return chunk && { from: chunk.min_time, to: chunk.max_time };
};

const readMetadata = (from: Buffer, at: number): EventMetadata => {
  const start = at + FRAME_BYTES;
  const metadata = start + FIXED_BYTES + from.readUInt16LE(start + 36) + from.readUInt8(start + 38);
  return JSON.parse(
    from.toString('utf8', metadata, metadata + from.readUInt32LE(start + 28)),
  ) as EventMetadata;
};

export const payloadBytes = (from: Buffer, at: number): number => from.readUInt32LE(at);

/** Reads an event from its frame. Binary data is a view of the buffer, not a copy. */
export const readEvent = (from: Buffer, at: number, number: number): RecordedEvent => {
  const start = at + FRAME_BYTES;
  const stream = start + FIXED_BYTES;
  const type = stream + from.readUInt16LE(start + 36);
  const metadata = type + from.readUInt8(start + 38);
  const data = metadata + from.readUInt32LE(start + 28);
  const end = data + from.readUInt32LE(start + 32);
  return {
    id: idText(from, start + 8),
    type: from.toString('utf8', type, metadata),
    schema_version: from.readUInt32LE(start + 24),
    data:
      from[start + 39] === form.binary
        ? from.subarray(data, end)
        : (JSON.parse(from.toString('utf8', data, end)) as JsonObject),
    metadata: readMetadata(from, at),
    stream: from.toString('utf8', stream, type) as StreamName,
    revision: from.readUIntLE(start, 6) as Revision,
    position: toPosition(number),
  };
};

/** The same of memory that is used again: binary data can be had as long as somebody holds it. */
export const readLentEvent = (from: Buffer, at: number, number: number, memory: LentMemory): RecordedEvent =>
  withLentData(readEvent(from, at, number), () => {
    memory.insist();
  });

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** An event id as its 16 bytes. */
export const idBytes = (id: EventId): Buffer => {
  if (!UUID.test(id)) throw new RangeError(`an event id must be a UUID in lower case: ${JSON.stringify(id)}`);
  return Buffer.from(id.replaceAll('-', ''), 'hex');
};

const idText = (from: Buffer, at: number): EventId => {
  const hex = from.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as EventId;
};

/** A stream's name as its bytes. Throws a RangeError on one that no store can hold. */
export const streamNameBytes = (stream: StreamName): Buffer => {
  const bytes = Buffer.from(stream);
  if (stream === '' || stream.startsWith('$') || bytes.length > MAX_STREAM_BYTES || stream.includes('\0'))
    throw new RangeError(`no stream can have the name ${JSON.stringify(stream)}`);
  return bytes;
};

const typeBytes = (type: string): Buffer => {
  let bytes = types.get(type);
  if (!bytes) {
    bytes = Buffer.from(type);
    if (bytes.length === 0 || bytes.length > MAX_TYPE_BYTES)
      throw new RangeError(`no event can have the type ${JSON.stringify(type)}`);
    if (types.size < 1_024) types.set(type, bytes);
  }
  return bytes;
};
const types = new Map<string, Buffer>();
