import type { TenantId } from '../../domain/ids.js';
import type { Provenance } from '../../domain/provenance.js';
import { addressOf } from '../../domain/telemetry/address.js';
import { linesOf, receiptOf } from '../../domain/telemetry/stored-chunk.js';
import { showEvent, type ShownEvent } from '../../domain/telemetry/shown-event.js';
import type { TelemetryEvent } from '../../domain/telemetry/event.js';
import type { EventLog, Position, Revision, StreamName } from '../../eventstore/event-store.js';
import { chunkIndex } from '../chunk-index/projection.js';
import type { ReadModels } from '../read-models.js';
import { currentRoutes } from '../routes/query.js';
import { readChunk } from './read-chunk.js';

/** An event with where it stands in the log and where it came from. */
export interface EventWithProvenance extends ShownEvent {
  readonly position: Position;
  readonly stream: StreamName;
  readonly revision: Revision;
  readonly index: number;
  readonly provenance: Provenance;
  /** What was added to the time that the event says, by what its sender said of its clock. */
  readonly time_offset_ms?: number;
}

/** One event of a tenant; undefined where there is none of that id. */
export const eventById = async (
  models: ReadModels,
  log: EventLog,
  tenant: TenantId,
  event_id: string,
): Promise<EventWithProvenance | undefined> => {
  const address = addressOf(event_id);
  const entry = address && (await models.read(chunkIndex, tenant).get(address.chunk));
  const stored = entry && (await readChunk(log, entry));
  if (!stored || stored.metadata.tenant_id !== tenant) return undefined;
  const lines = linesOf(stored);
  const line = lines[stored.kept ? stored.kept.indexOf(address.index) : address.index];
  if (line === undefined) return undefined;
  const { book } = await currentRoutes(models, tenant);
  const { chunk, ...provenance } = stored.metadata;
  const { position, stream, revision } = stored;
  const place = { chunk: stored.id, index: address.index, ...receiptOf(stored) };
  return {
    ...showEvent(JSON.parse(line) as TelemetryEvent, place, provenance.recorded_at, book),
    ...{ position, stream, revision, index: address.index, provenance },
    ...(chunk?.time_offset_ms !== undefined && { time_offset_ms: chunk.time_offset_ms }),
  };
};
