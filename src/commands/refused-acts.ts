import { createHash } from 'node:crypto';
import type { TrailEntry } from '../domain/audit/trail.js';
import { SYSTEM_TENANT, type TenantId } from '../domain/ids.js';
import { START, type Position } from '../eventstore/event-store.js';
import type { Clock } from '../platform/clock.js';
import type { Collection, CollectionSpec, Document, Query, ReadStore } from '../readstore/read-store.js';

/** Something that somebody wanted done and that was refused. */
export type RefusedAct = Pick<TrailEntry, 'actor' | 'action' | 'request_id'> &
  Required<Pick<TrailEntry, 'client' | 'code' | 'status'>>;

/** The same act of the same actor from the same place, refused for the same reason, of one day. */
interface RefusedDocument extends Document {
  readonly at: string;
  readonly first_at: string;
  readonly count: number;
  readonly actor_kind: TrailEntry['actor']['kind'];
  readonly actor_id: string;
  readonly action: string;
  readonly code: string;
  readonly status: number;
  readonly request_id: string;
  readonly address: string;
  readonly user_agent?: string;
}

const COLLECTION: CollectionSpec = {
  name: 'refused-acts',
  indexes: [{ name: 'by_time', fields: ['at'] }],
};

export interface RefusedActsOptions {
  /** Different refusals of a tenant that a process keeps apart on one day; the others are counted together. */
  readonly apart: number;
  readonly kept_days: number;
}

const defaults: RefusedActsOptions = { apart: 500, kept_days: 90 };
const DAY_MS = 86_400_000;
const DELETED_AT_ONCE = 1_000;

interface Day {
  readonly day: string;
  /** Ids of the day that this process keeps apart. */
  readonly apart: Set<string>;
  /** What is not written yet. */
  readonly waiting: Map<string, RefusedDocument>;
}

/**
 * What was refused. It is in no log, which is what keeps a flood of refusals, and the guard, from mattering to it: it
 * stands in the read store, bounded by tenant and day, and no rebuild makes it again. The last seconds before a crash
 * may be missing.
 */
export class RefusedActs {
  readonly #days = new Map<TenantId, Day>();
  #collection: Promise<Collection<RefusedDocument>> | undefined;
  readonly #options: RefusedActsOptions;

  constructor(
    private readonly store: Pick<ReadStore, 'collection' | 'forTenant'>,
    private readonly clock: Pick<Clock, 'now'>,
    /** Each process counts in documents of its own. */
    private readonly instance_id: string,
    options: Partial<RefusedActsOptions> = {},
  ) {
    this.#options = { ...defaults, ...options };
  }

  /** Notes a refusal; it is written later. Without a tenant: where nobody knows whose it is. */
  note(tenant: TenantId = SYSTEM_TENANT, act: RefusedAct): void {
    const at = new Date(this.clock.now()).toISOString();
    const day = this.#day(tenant, at.slice(0, 10));
    const own = this.#documentOf(day.day, act, at);
    if (!day.apart.has(own.id) && day.apart.size >= this.#options.apart)
      this.#count(day, asOther(own, day.day, this.instance_id));
    else {
      day.apart.add(own.id);
      this.#count(day, own);
    }
  }

  /** One walk along a tenant's refusals, the newest first; those that wait are written before. */
  async find(tenant: TenantId, query: Omit<Query, 'index' | 'order'>): Promise<readonly TrailEntry[]> {
    await this.#write(tenant);
    await this.#opened();
    const found = await this.store
      .forTenant(tenant)
      .find<RefusedDocument>(COLLECTION.name, { ...query, index: 'by_time', order: 'descending' });
    return found.map(entryOf);
  }

  /** Forgets what was refused to somebody of a tenant. */
  async forget(tenant: TenantId, actor_id: string): Promise<void> {
    await this.#write(tenant);
    const collection = await this.#opened();
    const theirs: string[] = [];
    for await (const { key, document } of collection.scan(tenant))
      if (document.actor_id === actor_id) theirs.push(key.id);
    await collection.write(theirs.map((id) => ({ tenant, id })));
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    for (const tenant of [...this.#days.keys()]) await this.#write(tenant);
  }

  #day(tenant: TenantId, today: string): Day {
    const known = this.#days.get(tenant);
    if (known?.day === today) return known;
    const day: Day = {
      day: today,
      apart: new Set(),
      waiting: known?.waiting ?? new Map<string, RefusedDocument>(),
    };
    this.#days.set(tenant, day);
    return day;
  }

  #count({ waiting }: Day, document: RefusedDocument): void {
    const before = waiting.get(document.id);
    waiting.set(document.id, before ? together(before, document) : document);
  }

  async #write(tenant: TenantId): Promise<void> {
    const day = this.#days.get(tenant);
    if (!day || day.waiting.size === 0) return;
    const waiting = [...day.waiting.values()];
    day.waiting.clear();
    try {
      const collection = await this.#opened();
      const found = await collection.load(waiting.map(({ id }) => ({ tenant, id })));
      const stored = new Map(found.map(({ document }) => [document.id, document] as const));
      await collection.write(
        waiting.map((one) => {
          const before = stored.get(one.id);
          return { tenant, id: one.id, document: before ? together(before, one) : one };
        }),
      );
      await this.#forgetOld(tenant, collection);
    } catch (error) {
      for (const one of waiting) this.#count(this.#days.get(tenant) ?? day, one);
      throw error;
    }
  }

  async #forgetOld(tenant: TenantId, collection: Collection<RefusedDocument>): Promise<void> {
    const to = new Date(this.clock.now() - this.#options.kept_days * DAY_MS).toISOString();
    const old = await this.store
      .forTenant(tenant)
      .find<RefusedDocument>(COLLECTION.name, { index: 'by_time', range: { to }, limit: DELETED_AT_ONCE });
    if (old.length > 0) await collection.write(old.map(({ id }) => ({ tenant, id })));
  }

  #opened(): Promise<Collection<RefusedDocument>> {
    return (this.#collection ??= this.store.collection<RefusedDocument>(COLLECTION));
  }

  #documentOf(day: string, act: RefusedAct, at: string): RefusedDocument {
    const { actor, action, code, status, request_id, client } = act;
    const { address, user_agent } = client;
    const name = [this.instance_id, actor.kind, actor.id, action, code, status, address, user_agent ?? ''];
    return {
      id: `${day}|${createHash('sha256').update(JSON.stringify(name)).digest('hex').slice(0, 32)}`,
      position: NOWHERE,
      at,
      first_at: at,
      count: 1,
      actor_kind: actor.kind,
      actor_id: actor.id,
      action,
      code,
      status,
      request_id,
      address,
      ...(user_agent !== undefined && { user_agent }),
    };
  }
}

/** These documents reflect no record. */
const NOWHERE: Position = START;

const together = (one: RefusedDocument, other: RefusedDocument): RefusedDocument => {
  const newest = other.at >= one.at ? other : one;
  return {
    ...newest,
    count: one.count + other.count,
    first_at: one.first_at < other.first_at ? one.first_at : other.first_at,
  };
};

/** A refusal as one of the others of its day: all that tells them apart is left out. */
const asOther = (
  { at, first_at, count, position, request_id, status }: RefusedDocument,
  day: string,
  instance_id: string,
): RefusedDocument => ({
  id: `${day}|other|${createHash('sha256').update(instance_id).digest('hex').slice(0, 16)}`,
  position,
  at,
  first_at,
  count,
  actor_kind: 'anonymous',
  actor_id: 'several',
  action: 'other',
  code: 'other',
  status,
  request_id,
  address: '',
});

const entryOf = (document: RefusedDocument): TrailEntry => {
  const { id, at, first_at, count, actor_kind, actor_id, action, code, status, request_id } = document;
  const { address, user_agent } = document;
  return {
    id,
    at,
    outcome: 'refused',
    actor: { kind: actor_kind, id: actor_id },
    action,
    request_id,
    client: { address, ...(user_agent !== undefined && { user_agent }) },
    code,
    status,
    count,
    first_at,
  };
};
