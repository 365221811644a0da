import type { Json } from '../../domain/json.js';
import type { TenantId } from '../../domain/ids.js';
import {
  decodeChunk,
  showEvent,
  type ShownEvent,
  type TelemetryChunk,
} from '../../domain/telemetry/chunk.js';
import { telemetryId } from '../../domain/telemetry/address.js';
import { compileFilter, type TelemetryFilter } from '../../domain/telemetry/filter.js';
import type { EventLog, Position, RecordedEvent } from '../../eventstore/event-store.js';
import { chunkIndex, type ChunkEntry } from '../chunk-index/projection.js';
import type { ReadModels } from '../read-models.js';
import { NewestChunks } from './newest-chunks.js';
import { readChunk } from './read-chunk.js';

export interface SearchQuery {
  readonly filter: TelemetryFilter;
  /** Epoch milliseconds, both included. */
  readonly from?: number;
  readonly to?: number;
  readonly limit: number;
  /** Where an earlier page ended. */
  readonly after?: Json;
}

export type SearchOutcome =
  | {
      readonly ok: true;
      readonly position: Position;
      readonly data: readonly ShownEvent[];
      /** Where the next page goes on; absent at the end. */
      readonly next?: Json;
    }
  | { readonly ok: false; readonly code: 'invalid_cursor' };

/**
 * How much one page may read before it ends short of its limit, with a cursor all the same: what is rare in a long log
 * is then found over several requests instead of in one that never answers. Counted in events; a chunk has its price.
 */
const READ_A_PAGE = 300_000;
const PRICE_OF_A_CHUNK = 500;

/** A place in the order of time and id, newest first: what comes after it is older. */
interface Place {
  readonly time: number;
  readonly id: string;
}

interface Hit extends Place {
  readonly stored: RecordedEvent;
  readonly chunk: TelemetryChunk;
  readonly index: number;
}

/** A page's end, and the log position that the whole sequence of pages shows: what is recorded later is not in it. */
interface Cursor extends Place {
  readonly snapshot: Position;
}

const readCursor = (json: Json): Cursor | undefined => {
  if (!Array.isArray(json) || json.length !== 3) return undefined;
  const [time, id, snapshot] = json as readonly Json[];
  return typeof time === 'number' &&
    typeof id === 'string' &&
    typeof snapshot === 'string' &&
    /^[0-9a-f]{16}$/.test(snapshot)
    ? { time, id, snapshot: snapshot as Position }
    : undefined;
};

const newestFirst = (one: Place, other: Place): number =>
  other.time - one.time || (one.id < other.id ? 1 : one.id > other.id ? -1 : 0);

/** Comes after every event of its time. */
const LAST_ID = '';

/** Finds events, newest first: the chunks that may hold some by their index, the events by reading those chunks. */
export const searchEvents = async (
  models: ReadModels,
  log: EventLog,
  tenant: TenantId,
  query: SearchQuery,
): Promise<SearchOutcome> => {
  const cursor = query.after === undefined ? undefined : readCursor(query.after);
  if (query.after !== undefined && !cursor) return { ok: false, code: 'invalid_cursor' };

  const snapshot = cursor?.snapshot ?? models.position(chunkIndex);
  const from = query.from ?? -Infinity;
  const to = Math.min(query.to ?? Infinity, cursor?.time ?? Infinity);
  const wanted = compileFilter(query.filter);
  const mayHold = (entry: ChunkEntry): boolean =>
    entry.position <= snapshot && entry.min_time <= to && couldMatch(entry, query.filter);

  const chunks = new NewestChunks(models.read(chunkIndex, tenant), { from, to });
  let hits: Hit[] = [];
  let read = 0;
  let bottom = -Infinity;
  for (let entry = await chunks.next(); entry; entry = await chunks.next()) {
    if (!mayHold(entry)) continue;
    // Chunks come by their latest event: once the page is full of newer ones, this and those to come cannot matter.
    const last = hits[query.limit];
    if (last && last.time > entry.max_time) break;
    // A millisecond of progress at least, or the next page would begin where this one did.
    if (read >= READ_A_PAGE && entry.max_time + 1 < to) {
      bottom = entry.max_time;
      break;
    }
    read += entry.count + PRICE_OF_A_CHUNK;
    const stored = await readChunk(log, entry);
    const found = stored ? hitsIn(stored, { from, to, cursor, wanted }) : [];
    hits = [...hits, ...found].sort(newestFirst).slice(0, query.limit + 1);
  }

  // Where reading stopped early, only what is newer than every chunk not read is sure to be the newest.
  const sure = hits.filter(({ time }) => time > bottom);
  const page = sure.slice(0, query.limit);
  const end = page.at(-1);
  const more: Place | undefined =
    sure.length > query.limit && end
      ? { time: end.time, id: end.id }
      : bottom > -Infinity
        ? { time: bottom + 1, id: LAST_ID }
        : undefined;
  return {
    ok: true,
    position: snapshot,
    data: page.map(show),
    ...(more && { next: [more.time, more.id, snapshot] }),
  };
};

const hitsIn = (
  stored: RecordedEvent,
  {
    from,
    to,
    cursor,
    wanted,
  }: {
    readonly from: number;
    readonly to: number;
    readonly cursor: Cursor | undefined;
    readonly wanted: ReturnType<typeof compileFilter>;
  },
): readonly Hit[] => {
  const chunk = decodeChunk(stored);
  const hits: Hit[] = [];
  for (let index = 0; index < chunk.count; index += 1) {
    const time = chunk.times[index] ?? 0;
    if (time < from || time > to || !wanted(chunk, index)) continue;
    const hit = { time, id: telemetryId(chunk.id, index), stored, chunk, index };
    if (!cursor || newestFirst(hit, cursor) > 0) hits.push(hit);
  }
  return hits;
};

const show = ({ stored, chunk, index }: Hit): ShownEvent =>
  showEvent(
    // An index that `hitsIn` counted up to is in the chunk.
    chunk.events[index] ?? { type: '' },
    { chunk: chunk.id, index, received_at: stored.metadata.chunk?.received_at ?? 0 },
    stored.metadata.recorded_at,
  );

/** Whether a chunk may hold what a filter wants, as far as the index knows. */
const couldMatch = (entry: ChunkEntry, filter: TelemetryFilter): boolean => {
  const lists = <T>(name: string, values: readonly T[], value: T | undefined): boolean =>
    value === undefined || entry.overflow.includes(name) || values.includes(value);
  return (
    lists('types', entry.types, filter.type) &&
    lists('services', entry.services, filter.service) &&
    lists('routes', entry.routes, filter.route) &&
    lists('methods', entry.methods, filter.method) &&
    lists('statuses', entry.statuses, filter.status) &&
    (filter.status_class === undefined ||
      entry.overflow.includes('statuses') ||
      entry.statuses.some((status) => Math.floor(status / 100) === filter.status_class))
  );
};
