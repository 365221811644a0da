import type { TenantId } from '../../domain/ids.js';
import type { Json } from '../../domain/json.js';
import type { Position } from '../../eventstore/event-store.js';
import type { Register } from '../../readstore/read-store.js';
import type { Replay, ReplayResult } from './replay.js';

/** What its runner has to know besides what is shown. */
export interface StoredReplay extends Replay {
  /** The process that runs it, or did when it ended. */
  readonly instance_id: string;
  /** Epoch milliseconds: when that process last said that it does. */
  readonly touched: number;
  /** What somebody asked of a running one. */
  readonly asked?: 'pause' | 'cancel';
  /** The range, once it is settled which positions are meant. */
  readonly range?: { readonly after: Position; readonly until?: Position };
  /** Results of the read models that are compared already. */
  readonly results: readonly ReplayResult[];
}

/** Whose replays: a tenant's, or the operator's. */
export type Owner = TenantId;

/** The replays that there are, in the read store's register: values that move by compare-and-set, none in the log. */
export class StoredReplays {
  constructor(private readonly register: Register) {}

  async get(owner: Owner, id: string): Promise<StoredReplay | undefined> {
    const entry = await this.register.get(keyOf(owner, id));
    return entry && toReplay(entry.value);
  }

  /** An owner's, the newest first: ids grow with time. */
  async of(owner: Owner): Promise<readonly StoredReplay[]> {
    const entries = await this.register.list(`${PREFIX}${owner}/`);
    return entries.map(({ value }) => toReplay(value)).sort((one, other) => (one.id < other.id ? 1 : -1));
  }

  /** Everybody's. */
  async all(): Promise<readonly { readonly owner: Owner; readonly replay: StoredReplay }[]> {
    const entries = await this.register.list(PREFIX);
    return entries.map(({ key, value }) => ({
      owner: key.slice(PREFIX.length, key.lastIndexOf('/')) as Owner,
      replay: toReplay(value),
    }));
  }

  async add(owner: Owner, replay: StoredReplay): Promise<void> {
    await this.register.set(keyOf(owner, replay.id), replay as unknown as Json, 0);
  }

  /** Changes a replay to what `by` makes of it, asked again where another was faster; undefined: there is none. */
  async change(
    owner: Owner,
    id: string,
    by: (replay: StoredReplay) => StoredReplay,
  ): Promise<StoredReplay | undefined> {
    for (;;) {
      const entry = await this.register.get(keyOf(owner, id));
      if (!entry) return undefined;
      const before = toReplay(entry.value);
      const after = by(before);
      if (after === before) return before;
      if (await this.register.set(keyOf(owner, id), after as unknown as Json, entry.version)) return after;
    }
  }

  async forget(owner: Owner, id: string): Promise<void> {
    await this.register.delete(keyOf(owner, id));
  }
}

const PREFIX = 'replays/';
const keyOf = (owner: Owner, id: string): string => `${PREFIX}${owner}/${id}`;

/** Replays are written by this file only, so the register's word is taken for them. */
const toReplay = (value: Json): StoredReplay => value as unknown as StoredReplay;
