import type { Json } from '../../domain/json.js';
import type { EventId, TenantId } from '../../domain/ids.js';
import { telemetryId } from '../../domain/telemetry/address.js';
import { chunkOfLines } from '../../domain/telemetry/chunk.js';
import { showEvent, type ShownEvent } from '../../domain/telemetry/shown-event.js';
import { queryOfFilter, type TelemetryFilter } from '../../domain/telemetry/filter.js';
import { bindQuery } from '../../domain/telemetry/query/match.js';
import { mayHold } from '../../domain/telemetry/query/prune.js';
import { group, type Query } from '../../domain/telemetry/query/query.js';
import { newestFirst, type Place, type Sought } from '../../domain/telemetry/query/sift.js';
import type { Routing } from '../../domain/telemetry/routes/shown.js';
import type { EventLog, Position, SiftedChunk } from '../../eventstore/event-store.js';
import { chunkIndex, type ChunkEntry } from '../chunk-index/projection.js';
import type { ReadModels } from '../read-models.js';
import { currentRoutes } from '../routes/query.js';
import { listedNow } from './listed.js';
import { NewestChunks } from './newest-chunks.js';

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
 * is then found over several requests instead of in one that never answers. Counted in events that are parsed; a
 * chunk has its price.
 */
const READ_A_PAGE = 150_000;
const PRICE_OF_A_CHUNK = 5;
/**
 * How many chunks are looked through together: one at first, then up to so many times as many each time, and no more
 * than should fill the page, or may still be read for it, by what was found in those before and what they took.
 */
const MORE_EACH_TIME = 4;
const MOST_CHUNKS = 256;
const MOST_EVENTS = 400_000;

interface Hit extends Place {
  readonly show: () => ShownEvent;
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

/** Comes after every event of its time. */
const LAST_ID = '';

/**
 * Finds events, newest first: the chunks that may hold some by their index, the events by having the log look through
 * those chunks.
 */
export const searchEvents = async (
  models: ReadModels,
  log: EventLog,
  tenant: TenantId,
  query: SearchQuery,
): Promise<SearchOutcome> => {
  const cursor = query.after === undefined ? undefined : readCursor(query.after);
  if (query.after !== undefined && !cursor) return { ok: false, code: 'invalid_cursor' };

  const snapshot = cursor?.snapshot ?? models.position(chunkIndex);
  const wanted = wantedOf(query);
  const sought: Sought = {
    ...(wanted && { query: wanted }),
    from: query.from ?? -Infinity,
    to: Math.min(query.to ?? Infinity, cursor?.time ?? Infinity),
    ...(cursor && { after: { time: cursor.time, id: cursor.id } }),
    // One more than are shown says that there is a next page.
    limit: query.limit + 1,
  };
  const routes = await currentRoutes(models, tenant);
  const chunks = new NewestChunks(models.read(chunkIndex, tenant), sought);
  let hits: readonly Hit[] = [];
  let read = 0;
  let bottom = -Infinity;
  const choose = (entry: ChunkEntry): Choice => {
    const mayMatter =
      entry.position <= snapshot &&
      entry.min_time <= sought.to &&
      (!wanted || mayHold(wanted, listedNow(entry, routes)));
    if (!mayMatter) return 'skip';
    // Chunks come by their latest event: once the page is full of newer ones, this and those to come cannot matter.
    const last = hits[query.limit];
    if (last && last.time > entry.max_time) return 'end';
    // A millisecond of progress at least, or the next page would begin where this one did.
    if (read >= READ_A_PAGE && entry.max_time + 1 < sought.to) {
      bottom = entry.max_time;
      return 'end';
    }
    read += PRICE_OF_A_CHUNK;
    return 'take';
  };
  let ended = false;
  let looked = 0;
  let events = 0;
  let taken = 0;
  for (let most = 1; !ended;) {
    const left = taken > 0 ? ((READ_A_PAGE - read) * events) / taken : MOST_EVENTS;
    const group = await take(chunks, { chunks: most, events: Math.min(MOST_EVENTS, left) }, choose);
    ended = group.ended;
    looked += group.entries.length;
    for (const { count } of group.entries) events += count;
    const sifted = await log.sift(group.entries, sought);
    const found = group.entries.flatMap(({ chunk }, i) => hitsIn(chunk, sifted[i], wanted, routes.book));
    if (found.length > 0) hits = [...hits, ...found].sort(newestFirst).slice(0, query.limit + 1);
    const price = sifted.reduce((sum, one) => sum + (one?.price ?? 0), 0);
    read += price;
    taken += price;
    const missing = Math.max(1, query.limit + 1 - hits.length);
    const enough = hits.length === 0 ? MOST_CHUNKS : Math.ceil((missing * looked) / hits.length);
    most = Math.min(MORE_EACH_TIME * most, enough, MOST_CHUNKS);
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
    data: page.map(({ show }) => show()),
    ...(more && { next: [more.time, more.id, snapshot] }),
  };
};

const wantedOf = ({ filter, query }: SearchQuery): Query | undefined => {
  const filtered = queryOfFilter(filter);
  return filtered && query ? group('and', [filtered, query]) : (filtered ?? query);
};

/** What is done with a chunk of the index: `end` leaves it and all that come after it. */
type Choice = 'take' | 'skip' | 'end';

/** The next chunks that are to be looked through together, one at least; `ended`: none comes after them. */
const take = async (
  chunks: NewestChunks,
  most: { readonly chunks: number; readonly events: number },
  choose: (entry: ChunkEntry) => Choice,
): Promise<{ readonly entries: readonly ChunkEntry[]; readonly ended: boolean }> => {
  const entries: ChunkEntry[] = [];
  let events = 0;
  while (entries.length < most.chunks && (entries.length === 0 || events < most.events)) {
    const entry = await chunks.next();
    const choice = entry ? choose(entry) : 'end';
    if (!entry || choice === 'end') return { entries, ended: true };
    if (choice === 'skip') continue;
    entries.push(entry);
    events += entry.count;
  }
  return { entries, ended: false };
};

const hitsIn = (
  id: EventId,
  sifted: SiftedChunk | undefined,
  wanted: Query | undefined,
  routing: Routing,
): readonly Hit[] => {
  if (!sifted || sifted.numbers.length === 0) return [];
  const { numbers, texts, receipt, recorded_at } = sifted;
  const chunk = chunkOfLines(id, texts, receipt, routing);
  const test = wanted && bindQuery(wanted, chunk);
  return numbers.flatMap((number, i) => {
    const event = chunk.events[i];
    if (!event || test?.(i) === false) return [];
    const place = { chunk: id, index: number, ...receipt };
    return [
      {
        time: chunk.times[i] ?? NaN,
        id: telemetryId(id, number),
        show: () => showEvent(event, place, recorded_at, routing),
      },
    ];
  });
};
