import {
  binaryEvent,
  jsonEvent,
  type AllStreamResolvedEvent,
  type EventData,
  type Position as StorePosition,
  type ResolvedEvent,
} from '@eventstore/db-client';
import type { EventId } from '../../domain/ids.js';
import type { JsonObject } from '../../domain/json.js';
import {
  BytesInPieces,
  toPosition,
  type EventMetadata,
  type NewEvent,
  type Position,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../event-store.js';

/** Stored format: the event's metadata with its schema version beside them. */
type StoredMetadata = EventMetadata & { readonly schema_version: number };

/**
 * Events as the client takes them: bytes as bytes, an object as JSON. Metadata are encoded here, once for events that
 * share them: the client would make base64 of each and bytes again.
 */
export const toEventData = (events: readonly NewEvent[]): EventData[] => {
  let last: Pick<NewEvent, 'metadata' | 'schema_version'> | undefined;
  let encoded = new Uint8Array(0);
  return events.map(({ id, type, schema_version, data: given, metadata }) => {
    const data = given instanceof BytesInPieces ? given.whole() : given;
    if (last?.metadata !== metadata || last.schema_version !== schema_version) {
      const stored: StoredMetadata = { ...metadata, schema_version };
      encoded = new Uint8Array(Buffer.from(JSON.stringify(stored)));
      last = { metadata, schema_version };
    }
    return data instanceof Uint8Array
      ? binaryEvent({ id, type, data, metadata: encoded })
      : jsonEvent({ id, type, data, metadata: encoded });
  });
};

/** What the server counts against its limit: the data, as stored, without metadata. */
export const dataBytes = ({ data }: NewEvent): number =>
  data instanceof Uint8Array || data instanceof BytesInPieces
    ? data.length
    : Buffer.byteLength(JSON.stringify(data));

/** A record as the port has it; undefined for the server's own records and for those that we did not write. */
export const toRecorded = (resolved: ResolvedEvent | AllStreamResolvedEvent): RecordedEvent | undefined => {
  const { event } = resolved;
  if (!event || event.type.startsWith('$') || event.streamId.startsWith('$')) return undefined;
  const stored: unknown = event.metadata;
  if (!isStoredMetadata(stored)) return undefined;
  const { schema_version, ...metadata } = stored;
  return {
    id: event.id as EventId,
    type: event.type,
    schema_version,
    data: event.data as JsonObject | Uint8Array,
    metadata,
    stream: event.streamId as StreamName,
    revision: Number(event.revision) as Revision,
    position: positionOf(resolved),
  };
};

const isStoredMetadata = (value: unknown): value is StoredMetadata =>
  typeof value === 'object' &&
  value !== null &&
  'schema_version' in value &&
  typeof value.schema_version === 'number';

/** A position is the record's commit position. */
export const positionOf = ({ event, commitPosition }: ResolvedEvent | AllStreamResolvedEvent): Position => {
  const commit = commitPosition ?? event?.position?.commit;
  if (commit === undefined)
    throw new Error('a record without a position: EventStoreDB 22.10 or later is needed');
  return toPosition(commit);
};

/** On the server's side commit and prepare position of a record are the same. */
export const toStorePosition = (position: Position): StorePosition => {
  const commit = BigInt(`0x${position}`);
  return { commit, prepare: commit };
};
