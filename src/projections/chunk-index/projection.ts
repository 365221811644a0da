import type { EventId } from '../../domain/ids.js';
import { decodeChunk, TELEMETRY_RECORDED, type TelemetryChunk } from '../../domain/telemetry/chunk.js';
import type { TextColumn } from '../../domain/telemetry/columns.js';
import type { RouteColumn } from '../../domain/telemetry/routes/shown.js';
import { retirementIn, TELEMETRY_RETIRED } from '../../domain/retention/retention.js';
import { retirementsStream } from '../../domain/streams.js';
import { holdsRevision } from '../../domain/revision-ranges.js';
import { ROUTE_RULES_VERSION } from '../../domain/telemetry/route.js';
import type { RecordedEvent, Revision, StreamName } from '../../eventstore/event-store.js';
import type { Document } from '../../readstore/read-store.js';
import { defineProjection } from '../projection.js';

/** Values of a field that an entry lists; a field with more of them is named in `overflow` and may hold any. */
const LISTED = 64;

/** Where a chunk is and what may be found in it: enough to know which chunks a search must not skip. */
export interface ChunkEntry extends Document {
  readonly chunk: EventId;
  readonly stream: StreamName;
  readonly revision: Revision;
  readonly count: number;
  readonly recorded_at: string;
  /** Epoch milliseconds of the earliest and the latest event. */
  readonly min_time: number;
  readonly max_time: number;
  /** See {@link spanOf}. */
  readonly span: number;
  readonly types: readonly string[];
  readonly services: readonly string[];
  /** As given. */
  readonly routes: readonly string[];
  /** Made of paths, under the tenant's route book as it was at the chunk. */
  readonly made_routes: readonly string[];
  readonly methods: readonly string[];
  readonly statuses: readonly number[];
  readonly overflow: readonly string[];
}

/**
 * Classes of how much time a chunk covers. Among chunks of one class, those that touch a moment end at most the
 * class's length after it: a walk along `max_time` in each class finds them without looking at all that are newer.
 */
export const SPAN_CLASSES_MS: readonly number[] = [60_000, 3_600_000, 86_400_000, 2_678_400_000, Infinity];

const spanOf = (min_time: number, max_time: number): number =>
  SPAN_CLASSES_MS.findIndex((limit) => max_time - min_time <= limit);

type Listed = Pick<
  ChunkEntry,
  'types' | 'services' | 'routes' | 'made_routes' | 'methods' | 'statuses' | 'overflow'
>;

/** Each status code once; they are below 600, and a table of them is several times as fast as a set. */
const different = (statuses: Uint16Array): readonly number[] => {
  const seen = new Uint8Array(600);
  const found: number[] = [];
  for (const status of statuses) {
    if (seen[status] === 1) continue;
    seen[status] = 1;
    found.push(status);
  }
  return found;
};

const list = (fields: {
  types: TextColumn;
  services: TextColumn;
  routes: RouteColumn;
  methods: TextColumn;
  statuses: readonly number[];
}): Listed => {
  const overflow: string[] = [];
  const bounded = <T>(name: string, values: readonly T[]): readonly T[] => {
    if (values.length <= LISTED) return values.toSorted();
    overflow.push(name);
    return [];
  };
  return {
    types: bounded('types', fields.types.values),
    services: bounded('services', fields.services.values),
    routes: bounded(
      'routes',
      fields.routes.values.filter((_, id) => !fields.routes.made[id]),
    ),
    made_routes: bounded(
      'made_routes',
      fields.routes.values.filter((_, id) => fields.routes.made[id]),
    ),
    methods: bounded('methods', fields.methods.values),
    statuses: bounded('statuses', fields.statuses),
    overflow,
  };
};

/** A chunk with where it is. */
interface IndexedChunk {
  readonly event: RecordedEvent;
  readonly chunk: TelemetryChunk;
}

/** One entry for each chunk of telemetry, by its time and what is in it. */
export const chunkIndex = defineProjection<ChunkEntry, IndexedChunk>({
  name: 'chunk-index',
  version: 100 * ROUTE_RULES_VERSION + 3,
  reads: [TELEMETRY_RECORDED, TELEMETRY_RETIRED],
  shows_routes: true,
  history: 'record',
  also_in: (tenant) => [retirementsStream(tenant)],
  indexes: [{ name: 'by_time', fields: ['span', 'max_time'] }],
  parts: (event, routing) => {
    const { tenant_id: tenant } = event.metadata;
    if (tenant === undefined || event.type !== TELEMETRY_RECORDED) return [];
    return [{ tenant, id: event.id, part: { event, chunk: decodeChunk(event, routing) } }];
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
  fold: (_, { event, chunk }, { id, position }) => {
    const { types, services, routes, methods, statuses, times, count } = chunk;
    let min_time = Infinity;
    let max_time = -Infinity;
    for (const time of times) {
      if (time < min_time) min_time = time;
      if (time > max_time) max_time = time;
    }
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
      ...list({ types, services, routes, methods, statuses: different(statuses) }),
    };
  },
});
