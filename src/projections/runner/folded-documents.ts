import { SYSTEM_TENANT } from '../../domain/ids.js';
import type { Position, RecordedEvent } from '../../eventstore/event-store.js';
import type { Collection, Document, DocumentKey } from '../../readstore/read-store.js';
import type { Part, Projection, Sweep } from '../projection.js';
import { DocumentCache, keyText, type Cached } from './document-cache.js';
import type { LaneContext } from './lane-context.js';
import type { ParkedKey, Parking } from './parking.js';
import type { Sight } from './sight.js';
import { Sweeping } from './sweeping.js';

/** An event that a rebuild could not fold: it stops there, where the served read model would park the key. */
export class Poisoned extends Error {
  constructor(
    readonly projection: string,
    readonly key: ParkedKey,
    readonly position: Position,
    readonly reason: string,
  ) {
    super(`${projection} cannot fold ${key.kind} ${key.id} at ${position}: ${reason}`);
    this.name = 'Poisoned';
  }
}

/** One generation: its projection, its collection and what it is called. */
export interface GenerationParts {
  readonly projection: Projection<Document, unknown>;
  readonly collection: Collection<Document>;
  readonly name: string;
  readonly parking: Parking;
}

/** The documents of one generation in memory, into which events are folded one by one. */
export class FoldedDocuments {
  readonly cache: DocumentCache;
  readonly #sweeping: Sweeping;

  constructor(
    private readonly context: Pick<LaneContext, 'store' | 'cache' | 'attempt'>,
    private readonly parts: GenerationParts,
    private readonly sight: Sight,
    /** A served read model parks what cannot be folded; one that is being rebuilt stops there. */
    public on_poison: 'park' | 'throw',
  ) {
    this.cache = new DocumentCache(context.cache);
    this.#sweeping = new Sweeping(
      parts.projection,
      parts.collection,
      ({ tenant }, query) => context.store.forTenant(tenant).find(parts.name, query),
      context.attempt,
    );
  }

  /** Loads those that are not in memory. */
  async load(keys: readonly DocumentKey[]): Promise<void> {
    const missing = new Map<string, DocumentKey>();
    for (const { tenant, id } of keys)
      if (!this.cache.has({ tenant, id })) missing.set(keyText({ tenant, id }), { tenant, id });
    if (missing.size > 0) await this.reload(missing);
  }

  /** Documents as the store has them, in place of what is in memory. */
  async reload(keys: ReadonlyMap<string, DocumentKey>): Promise<readonly Cached[]> {
    const found = await this.context.attempt(() => this.parts.collection.load([...keys.values()]));
    const documents = new Map(found.map(({ key, document }) => [keyText(key), document] as const));
    return [...keys].map(([text, key]) => this.cache.put(key, documents.get(text)));
  }

  /** The same of one. */
  async reloadOne(key: DocumentKey): Promise<Cached> {
    await this.reload(new Map([[keyText(key), key]]));
    return this.cache.use(key);
  }

  /** What an event says, by documents; nothing where it waits with its stream. */
  partsOf(event: RecordedEvent): readonly Part<unknown>[] {
    const { parking, projection } = this.parts;
    const key = streamKey(event);
    if (parking.size > 0 && parking.holds(key, event.position)) {
      parking.add(key, event);
      return [];
    }
    try {
      return [...projection.parts(event, this.sight.routing(event))];
    } catch (error) {
      this.refuse(key, event, reasonOf(error));
      return [];
    }
  }

  /** What an event says of one document. Throws where the event cannot be taken apart. */
  partFor({ tenant, id }: DocumentKey, event: RecordedEvent): Part<unknown> | undefined {
    const { parking, projection } = this.parts;
    if (parking.holds(streamKey(event), event.position)) return undefined;
    return [...projection.parts(event, this.sight.routing(event))].find(
      (part) => part.tenant === tenant && part.id === id,
    );
  }

  /** Why an event cannot be taken apart, or undefined where it can. */
  unreadable(event: RecordedEvent): string | undefined {
    try {
      Array.from(this.parts.projection.parts(event, this.sight.routing(event)));
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** One part into one document; says why where that cannot be done. The document is then unfit for use. */
  step(entry: Cached, event: RecordedEvent, part: unknown): string | undefined {
    const { parking } = this.parts;
    if (parking.size > 0) {
      const key = { kind: 'document', tenant: entry.tenant, id: entry.id } as const;
      if (parking.holds(key, event.position)) {
        parking.add(key, event);
        return undefined;
      }
    }
    try {
      this.fold(entry, event.position, part);
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** One part into one document, unless it has it already. Throws what the fold throws. */
  fold(entry: Cached, position: Position, part: unknown): void {
    const { id, document } = entry;
    if (document && position <= document.position) return;
    const next = this.parts.projection.fold(document, part, { id, position });
    if (next && next.id !== id) throw new Error(`the fold made document ${next.id} out of ${id}`);
    entry.document = next && next.position !== position ? { ...next, position } : next;
    this.cache.touch(entry);
  }

  /** What an event sweeps away. */
  sweepsOf(event: RecordedEvent): readonly Sweep[] {
    return this.#sweeping.of(event);
  }

  /** Removes what an event sweeps away; documents that wait for a person stay until their events are folded. */
  async sweep(event: RecordedEvent, sweep: Sweep): Promise<void> {
    const { parking } = this.parts;
    await this.#sweeping.carryOut(event, sweep, this.cache, ({ tenant, id }) => {
      const key = { kind: 'document', tenant, id } as const;
      if (!parking.holds(key, event.position)) return false;
      parking.add(key, event);
      return true;
    });
  }

  /** Removes one document that is folded by itself where an event sweeps it away. */
  sweepOne(entry: Cached, event: RecordedEvent): void {
    if (!this.isSwept(entry, event)) return;
    entry.document = undefined;
    this.cache.touch(entry);
  }

  /** Whether an event removes a document. */
  isSwept(entry: Pick<Cached, 'tenant' | 'document'>, event: RecordedEvent): boolean {
    return this.#sweeping.removes(event, entry);
  }

  /** What cannot be folded waits from here on. Throws Poisoned where nothing may. */
  refuse(key: ParkedKey, event: RecordedEvent, error: string): void {
    const { parking, projection } = this.parts;
    if (this.on_poison === 'throw') throw new Poisoned(projection.name, key, event.position, error);
    parking.add(key, event, error);
  }
}

const streamKey = (event: RecordedEvent): ParkedKey => ({
  kind: 'stream',
  tenant: event.metadata.tenant_id ?? SYSTEM_TENANT,
  id: event.stream,
});

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
