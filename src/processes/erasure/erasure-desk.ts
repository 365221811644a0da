import { stillToCut, type Erasure, type PersonField } from '../../domain/erasure/erasure.js';
import type { ErasureId, TenantId } from '../../domain/ids.js';
import type { EventLog } from '../../eventstore/event-store.js';
import type { Clock } from '../../platform/clock.js';
import { erasuresOf } from './erase-telemetry.js';
import { findPerson } from './find-person.js';
import type { SearchProgress } from './search-progress.js';

/** What an erasure would cut, or has cut: chunks, and events in them. */
export interface ErasureCounts {
  readonly chunks: number;
  readonly events: number;
}

/** An erasure, and how far the search for what it means has come. */
export interface StandingErasure extends Erasure {
  /** From 0 to 1; absent where this process does not look for it now. */
  readonly search_share?: number;
}

/** Tells people of erasures: what one would take, and how far one is. */
export class ErasureDesk {
  #counting = false;

  constructor(
    private readonly log: Pick<EventLog, 'readAll' | 'readStream' | 'head'>,
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly progress: SearchProgress,
  ) {}

  /** Counts what an erasure would cut now, and changes nothing. `busy`: somebody else's is being counted. */
  async count(tenant_id: TenantId, field: PersonField, value: string): Promise<ErasureCounts | 'busy'> {
    if (this.#counting) return 'busy';
    this.#counting = true;
    try {
      const erasures = await erasuresOf(this.log, tenant_id);
      const person = { tenant_id, field, isMeant: (one: string) => one === value };
      let chunks = 0;
      let events = 0;
      for await (const { found } of findPerson(this.log, this.clock, person, await this.log.head()))
        for (const { numbers, ...place } of found) {
          const more = stillToCut(erasures, place, numbers);
          if (!more) continue;
          chunks += 1;
          events += more.events;
        }
      return { chunks, events };
    } finally {
      this.#counting = false;
    }
  }

  /** All erasures of a tenant, the last requested first. */
  async list(tenant_id: TenantId): Promise<readonly StandingErasure[]> {
    const { erasures } = await erasuresOf(this.log, tenant_id);
    return [...erasures.values()].reverse().map((erasure) => this.#standing(erasure));
  }

  /** One of a tenant's erasures; undefined where there is none of that id. */
  async find(tenant_id: TenantId, erasure_id: string): Promise<StandingErasure | undefined> {
    const found = (await erasuresOf(this.log, tenant_id)).erasures.get(erasure_id as ErasureId);
    return found && this.#standing(found);
  }

  #standing(erasure: Erasure): StandingErasure {
    const search_share = this.progress.shareOf(erasure.erasure_id);
    return search_share === undefined ? erasure : { ...erasure, search_share };
  }
}
