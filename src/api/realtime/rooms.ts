import type { TenantId } from '../../domain/ids.js';
import type { ModelChange } from '../../projections/read-models.js';
import type { ApiServices, ConnectionStats } from '../dependencies.js';
import type { Broadcaster } from './broadcaster.js';
import { canonical } from './protocol.js';
import { Room } from './room.js';
import type { Topic } from './topic.js';

/** The rooms that somebody is in, and which of them a change concerns. */
export class Rooms {
  readonly #byTenant = new Map<TenantId, Map<string, Room>>();

  constructor(
    private readonly api: Pick<ApiServices, 'models' | 'quarantines' | 'clock' | 'logger'>,
    private readonly broadcaster: Broadcaster,
  ) {}

  /** The room of a topic with these parameters; {@link release} it where nobody joined in the end. */
  find(tenant: TenantId, topic: Topic, params: unknown): Room {
    const rooms = this.#byTenant.get(tenant) ?? new Map<string, Room>();
    const name = nameOf(topic, params);
    const known = rooms.get(name);
    if (known) return known;
    const room = new Room({ tenant, topic, params }, this.api, this.broadcaster, (error) =>
      this.api.logger.error({ err: error, topic: topic.name }, 'a dashboard update failed'),
    );
    rooms.set(name, room);
    this.#byTenant.set(tenant, rooms);
    return room;
  }

  /** Lets a room go that nobody is in any more. */
  release(room: Room): void {
    if (room.size > 0) return;
    const { tenant, topic, params } = room.key;
    const rooms = this.#byTenant.get(tenant);
    const name = nameOf(topic, params);
    if (rooms?.get(name) === room) rooms.delete(name);
    if (rooms?.size === 0) this.#byTenant.delete(tenant);
    room.close();
  }

  changed(change: ModelChange): void {
    for (const tenant of change.tenants)
      for (const room of this.#byTenant.get(tenant)?.values() ?? [])
        if (room.key.topic.reads.some(({ name }) => name === change.projection)) room.touch();
  }

  stats(tenant: TenantId): Pick<ConnectionStats, 'subscriptions' | 'by_topic'> {
    const by_topic: Record<string, number> = {};
    let subscriptions = 0;
    for (const room of this.#byTenant.get(tenant)?.values() ?? []) {
      by_topic[room.key.topic.name] = (by_topic[room.key.topic.name] ?? 0) + room.size;
      subscriptions += room.size;
    }
    return { subscriptions, by_topic };
  }

  close(): void {
    for (const rooms of this.#byTenant.values()) for (const room of rooms.values()) room.close();
    this.#byTenant.clear();
  }
}

const nameOf = (topic: Topic, params: unknown): string => `${topic.name} ${canonical(params)}`;
