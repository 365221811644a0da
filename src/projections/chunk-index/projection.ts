import type { EventId } from '../../domain/ids.js';
import { TELEMETRY_RECORDED } from '../../domain/telemetry/stored-chunk.js';
import { retirementIn, TELEMETRY_RETIRED } from '../../domain/retention/retention.js';
import { retirementsStream } from '../../domain/streams.js';
import { holdsRevision } from '../../domain/revision-ranges.js';
import { ROUTE_RULES_VERSION } from '../../domain/telemetry/route.js';
import type { RecordedEvent, Revision, StreamName } from '../../eventstore/event-store.js';
import type { Document } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';
import { telemetryRoutes } from '../routes/telemetry-routes.js';
import { chunkContents, type ChunkContents } from './contents.js';

/** Where a chunk is and what may be found in it: enough to know which chunks a search must not skip. */
export interface ChunkEntry extends Document, ChunkContents {
  readonly chunk: EventId;
  readonly stream: StreamName;
  readonly revision: Revision;
  readonly recorded_at: string;
  /** See {@link spanOf}. */
  readonly span: number;
}

/**
 * Classes of how much time a chunk covers. Among chunks of one class, those that touch a moment end at most the
 * class's length after it: a walk along `max_time` in each class finds them without looking at all that are newer.
 */
export const SPAN_CLASSES_MS: readonly number[] = [60_000, 3_600_000, 86_400_000, 2_678_400_000, Infinity];

const spanOf = (min_time: number, max_time: number): number =>
  SPAN_CLASSES_MS.findIndex((limit) => max_time - min_time <= limit);

/** A chunk with where it is. */
interface IndexedChunk {
  readonly event: RecordedEvent;
  readonly contents: ChunkContents;
}

/** One entry for each chunk of telemetry, by its time and what is in it. */
export const chunkIndex = defineProjection<ChunkEntry, IndexedChunk>({
  name: 'chunk-index',
  version: 100 * ROUTE_RULES_VERSION + 3,
  reads: [TELEMETRY_RECORDED, TELEMETRY_RETIRED],
  shows_routes: telemetryRoutes,
  history: 'record',
  also_in: (tenant) => [retirementsStream(tenant)],
  indexes: [{ name: 'by_time', fields: ['span', 'max_time'] }],
  parts: (event, routing) => {
    const { tenant_id: tenant } = event.metadata;
    if (tenant === undefined || event.type !== TELEMETRY_RECORDED) return [];
    return [{ tenant, id: event.id, part: { event, contents: chunkContents(event, routing) } }];
  },
  sweeps: (event) => {
    const retired = retirementIn(event);
    return retired
      ? SPAN_CLASSES_MS.map((_, span) => ({
          tenant: retired.tenant,
          index: 'by_time',
          equals: [span],
          range: { from: Date.parse(retired.earliest), to: Date.parse(retired.before) - 1 },
          matches: ({ stream, revision }) => holdsRevision(retired.records, stream, revision),
        }))
      : [];
  },
  fold: (_, { event, contents }, { id, position }) => {
    const { count, min_time, max_time, ...listed } = contents;
    return {
      id,
      position,
      chunk: event.id,
      stream: event.stream,
      revision: event.revision,
      count,
      recorded_at: event.metadata.recorded_at,
      min_time,
      max_time,
      span: spanOf(min_time, max_time),
      ...listed,
    };
  },
});
