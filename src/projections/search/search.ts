import type { Json } from '../../domain/json.js';
import type { TenantId } from '../../domain/ids.js';
import {
  bytesOf,
  decodeChunk,
  decodeLines,
  receiptOf,
  showEvent,
  type ShownEvent,
  type TelemetryChunk,
} from '../../domain/telemetry/chunk.js';
import { telemetryId } from '../../domain/telemetry/address.js';
import { queryOfFilter, type TelemetryFilter } from '../../domain/telemetry/filter.js';
import { bindQuery } from '../../domain/telemetry/query/match.js';
import { mayHold } from '../../domain/telemetry/query/prune.js';
import { group, type Query } from '../../domain/telemetry/query/query.js';
import { LineScanner, needlesOf } from '../../domain/telemetry/query/scan.js';
import type { Routing } from '../../domain/telemetry/routes/shown.js';
import type { EventLog, Position, RecordedEvent } from '../../eventstore/event-store.js';
import { chunkIndex, type ChunkEntry } from '../chunk-index/projection.js';
import type { ReadModels } from '../read-models.js';
import { currentRoutes } from '../routes/query.js';
import { listedNow } from './listed.js';
import { NewestChunks } from './newest-chunks.js';
import { readChunk } from './read-chunk.js';

export interface SearchQuery {
  readonly filter: TelemetryFilter;
  /** Asked for as well as the filter. */
  readonly query?: Query;
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
/** Events that are only looked through as bytes for the price of one that is parsed. */
const SCANNED_FOR_ONE = 8;
/** Of how many events at least one must be a candidate for all of them to be parsed at once. */
const SPARSE = 4;

/** A place in the order of time and id, newest first: what comes after it is older. */
interface Place {
  readonly time: number;
  readonly id: string;
}

interface Hit extends Place {
  readonly stored: RecordedEvent;
  readonly chunk: TelemetryChunk;
  /** In what was read of the chunk, and in the chunk. */
  readonly read_index: number;
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
  const wanted = wantedOf(query);
  const needles = wanted && needlesOf(wanted);
  const scanner = needles && new LineScanner(needles);
  const routes = await currentRoutes(models, tenant);
  const mayMatter = (entry: ChunkEntry): boolean =>
    entry.position <= snapshot &&
    entry.min_time <= to &&
    (!wanted || mayHold(wanted, listedNow(entry, routes)));

  const chunks = new NewestChunks(models.read(chunkIndex, tenant), { from, to });
  let hits: Hit[] = [];
  let read = 0;
  let bottom = -Infinity;
  for (let entry = await chunks.next(); entry; entry = await chunks.next()) {
    if (!mayMatter(entry)) continue;
    // Chunks come by their latest event: once the page is full of newer ones, this and those to come cannot matter.
    const last = hits[query.limit];
    if (last && last.time > entry.max_time) break;
    // A millisecond of progress at least, or the next page would begin where this one did.
    if (read >= READ_A_PAGE && entry.max_time + 1 < to) {
      bottom = entry.max_time;
      break;
    }
    read += PRICE_OF_A_CHUNK;
    const stored = await readChunk(log, entry);
    if (!stored) continue;
    const part = partOf(stored, entry.count, scanner, routes.book);
    read += part.price;
    const found = hitsIn(stored, part, { from, to, cursor, wanted });
    if (found.length > 0) hits = [...hits, ...found].sort(newestFirst).slice(0, query.limit + 1);
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
    data: page.map((hit) => show(hit, routes.book)),
    ...(more && { next: [more.time, more.id, snapshot] }),
  };
};

const wantedOf = ({ filter, query }: SearchQuery): Query | undefined => {
  const filtered = queryOfFilter(filter);
  return filtered && query ? group('and', [filtered, query]) : (filtered ?? query);
};

/** What was read of a chunk. */
interface ChunkPart {
  readonly chunk: TelemetryChunk;
  /** The numbers in the chunk of the events that were read; absent where those are all. */
  readonly lines?: readonly number[];
  readonly price: number;
}

/** Reads as much of a chunk as may matter: what its bytes say cannot match is not parsed. */
const partOf = (
  stored: RecordedEvent,
  count: number,
  scanner: LineScanner | undefined,
  routing: Routing,
): ChunkPart => {
  const lines = scanner?.candidates(bytesOf(stored));
  if (!lines || lines.length * SPARSE > count) return { chunk: decodeChunk(stored, routing), price: count };
  return { chunk: decodeLines(stored, lines, routing), lines, price: lines.length + count / SCANNED_FOR_ONE };
};

const hitsIn = (
  stored: RecordedEvent,
  { chunk, lines }: ChunkPart,
  {
    from,
    to,
    cursor,
    wanted,
  }: {
    readonly from: number;
    readonly to: number;
    readonly cursor: Cursor | undefined;
    readonly wanted: Query | undefined;
  },
): readonly Hit[] => {
  const test = wanted && bindQuery(wanted, chunk);
  const hits: Hit[] = [];
  for (let read_index = 0; read_index < chunk.count; read_index += 1) {
    const time = chunk.times[read_index] ?? 0;
    if (time < from || time > to || (test && !test(read_index))) continue;
    const index = lines ? (lines[read_index] ?? 0) : read_index;
    const hit = { time, id: telemetryId(chunk.id, index), stored, chunk, read_index, index };
    if (!cursor || newestFirst(hit, cursor) > 0) hits.push(hit);
  }
  return hits;
};

const show = ({ stored, chunk, read_index, index }: Hit, routing: Routing): ShownEvent =>
  showEvent(
    // An index that `hitsIn` counted up to is in the chunk.
    chunk.events[read_index] ?? { type: '' },
    { chunk: chunk.id, index, ...receiptOf(stored) },
    stored.metadata.recorded_at,
    routing,
  );
