import { publicId, uuidOf, type EventId, type TenantId } from '../ids.js';

/**
 * A telemetry event's public id is its address: a chunk's id is a UUID whose low 20 bits are zero, and the event's
 * is the same with its index in the chunk in those bits.
 */
const INDEX_DIGITS = 5;

/** How many events one chunk can address. */
export const MAX_CHUNK_COUNT = 16 ** INDEX_DIGITS;

/** Makes a chunk's id from a UUID. */
export const chunkIdOf = (uuid: string): EventId =>
  (uuid.slice(0, -INDEX_DIGITS) + '0'.repeat(INDEX_DIGITS)) as EventId;

/** The public id of a chunk's event. */
export const telemetryId = (chunk: EventId, index: number): string =>
  publicId('telemetry', chunk).slice(0, -INDEX_DIGITS) + index.toString(16).padStart(INDEX_DIGITS, '0');

/** Where an event is; undefined where the text is no id of a telemetry event. */
export const addressOf = (
  event_id: string,
): { readonly chunk: EventId; readonly index: number } | undefined => {
  const uuid = uuidOf('telemetry', event_id);
  return uuid === undefined
    ? undefined
    : { chunk: chunkIdOf(uuid), index: parseInt(uuid.slice(-INDEX_DIGITS), 16) };
};

/** Telemetry of a tenant that one instance recorded on a UTC day, `20260301`. */
export const telemetryStream = (id: TenantId, shard: string, day: string): string =>
  `telemetry-${id}-${shard}-${day}`;

/** What the names of all streams begin with that hold a tenant’s telemetry. */
export const telemetryStreams = (id: TenantId): string => `telemetry-${id}-`;

/** Whose telemetry a stream holds; undefined where it holds none. */
export const tenantOfTelemetry = (stream: string): TenantId | undefined =>
  /^telemetry-(ten_[0-9a-f]{32})-/.exec(stream)?.[1] as TenantId | undefined;
