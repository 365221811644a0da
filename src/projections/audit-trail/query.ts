import { isWanted, type TrailEntry, type TrailFilter } from '../../domain/audit/trail.js';
import type { TenantId } from '../../domain/ids.js';
import type { Json } from '../../domain/json.js';
import { opened } from '../../domain/sealed.js';
import type { Place, Query } from '../../readstore/read-store.js';
import type { Page, Paging } from '../paging.js';
import type { ReadModels } from '../read-models.js';
import { auditTrail, byActor, byTime, type TrailDocument } from './projection.js';

/** Where refusals are looked up: beside the log. */
export interface Refusals {
  find(tenant: TenantId, query: Omit<Query, 'index' | 'order'>): Promise<readonly TrailEntry[]>;
}

/** How many lines are looked at for one page; it is then short, and the next one goes on. */
const LOOKED_AT = 20_000;
const AT_ONCE = 500;

type Source = (after: Place | undefined) => Promise<readonly TrailEntry[]>;

/**
 * Lines of the trail, the newest first: what was done, from the log, and what was refused, from beside it, in one
 * order. Undefined where `after` is no place in it.
 */
export const listTrail = async (
  models: ReadModels,
  refusals: Refusals,
  tenant: TenantId,
  filter: TrailFilter,
  { limit, after }: Paging,
): Promise<Page<TrailEntry> | undefined> => {
  const start = after === undefined ? undefined : toPlace(after);
  if (after !== undefined && !start) return undefined;
  const position = models.position(auditTrail);
  const data: TrailEntry[] = [];
  let looked = 0;
  let last: TrailEntry | undefined;
  for await (const entry of newestOf(sourcesOf(models, refusals, tenant, filter), start)) {
    if (looked === LOOKED_AT && last) return { data, next: fromEntry(last), position };
    looked += 1;
    if (isWanted(entry, filter)) {
      const full = data.at(-1);
      if (data.length === limit && full) return { data, next: fromEntry(full), position };
      data.push(entry);
    }
    last = entry;
  }
  return { data, position };
};

const sourcesOf = (
  models: ReadModels,
  refusals: Refusals,
  tenant: TenantId,
  { outcome, actor_id, from, to }: TrailFilter,
): readonly Source[] => {
  const range = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
  const reader = models.read(auditTrail, tenant);
  const done: Source = async (after) => {
    const place = after && {
      after: actor_id === undefined ? after : { ...after, values: [actor_id, ...after.values] },
    };
    const along =
      actor_id === undefined ? { index: byTime.name } : { index: byActor.name, equals: [actor_id] };
    const found = await reader.find({ ...along, range, order: 'descending', limit: AT_ONCE, ...place });
    return found.map(entryOf);
  };
  const refused: Source = (after) =>
    refusals.find(tenant, { range, limit: AT_ONCE, ...(after && { after }) });
  return [...(outcome === 'refused' ? [] : [done]), ...(outcome === 'done' ? [] : [refused])];
};

/** The lines of several sources, each the newest first, in one such order. */
async function* newestOf(sources: readonly Source[], after: Place | undefined): AsyncGenerator<TrailEntry> {
  const walks = sources.map((source) => walk(source, after));
  const heads = await Promise.all(walks.map((one) => one.next()));
  for (;;) {
    let newest: number | undefined;
    for (const [index, head] of heads.entries()) {
      const best = newest === undefined ? undefined : heads[newest];
      if (!head.done && (!best || best.done || isNewer(head.value, best.value))) newest = index;
    }
    const head = newest === undefined ? undefined : heads[newest];
    if (newest === undefined || !head || head.done) return;
    yield head.value;
    const next = await walks[newest]?.next();
    if (next) heads[newest] = next;
  }
}

async function* walk(source: Source, after: Place | undefined): AsyncGenerator<TrailEntry, undefined> {
  for (let place = after; ;) {
    const found = await source(place);
    yield* found;
    const last = found.at(-1);
    if (!last || found.length < AT_ONCE) return undefined;
    place = { values: [last.at], id: last.id };
  }
}

const isNewer = (one: TrailEntry, other: TrailEntry): boolean =>
  one.at === other.at ? one.id > other.id : one.at > other.at;

const entryOf = ({ actor_id: _, client, ...document }: TrailDocument): TrailEntry => ({
  ...document,
  ...(client && { client: opened(client) }),
});

const fromEntry = ({ at, id }: TrailEntry): Json => [at, id];

const toPlace = (json: Json): Place | undefined => {
  if (!Array.isArray(json) || json.length !== 2) return undefined;
  const [at, id] = json as readonly Json[];
  return typeof at === 'string' && typeof id === 'string' ? { values: [at], id } : undefined;
};
