import type { TenantId } from '../../domain/ids.js';
import type { Document } from '../../readstore/read-store.js';
import type { Derivation } from '../read-models.js';

/** What is kept in all, by the derivations' own account. */
const MOST_BYTES = 32 * 1024 * 1024;
/** What an entry takes besides. */
const ENTRY_BYTES = 200;

interface Entry {
  readonly derivation: object;
  /** Undefined: there is no such document. */
  readonly made: unknown;
  readonly bytes: number;
}

/**
 * Keeps what is made of documents until they change. What was asked for longest ago makes room. A document that
 * changes while it is read is not kept: what was read may be from before.
 */
export class DerivedCache {
  /** In the order in which they were asked for last. */
  readonly #entries = new Map<string, Entry>();
  readonly #loading = new Map<string, object>();
  #bytes = 0;

  constructor(private readonly most_bytes = MOST_BYTES) {}

  /** What is made of a document, which is loaded where that is not known. */
  async of<D extends Document, T extends object>(
    place: { readonly projection: string; readonly tenant: TenantId; readonly id: string },
    derivation: Derivation<D, T>,
    load: () => Promise<D | undefined>,
  ): Promise<T | undefined> {
    const key = keyOf(place.projection, place.tenant, place.id);
    const known = this.#entries.get(key);
    if (known?.derivation === derivation) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      // Made by this very derivation.
      return known.made as T | undefined;
    }
    const token = {};
    this.#loading.set(key, token);
    try {
      const document = await load();
      const made = document && derivation.make(document);
      if (this.#loading.get(key) === token)
        this.#keep(key, { derivation, made, bytes: ENTRY_BYTES + (made ? derivation.bytes(made) : 0) });
      return made;
    } finally {
      if (this.#loading.get(key) === token) this.#loading.delete(key);
    }
  }

  /** Documents have changed; where it is not said which, any of them may have. */
  changed(projection: string, documents?: ReadonlyMap<TenantId, readonly string[]>): void {
    if (!documents) {
      this.#entries.clear();
      this.#loading.clear();
      this.#bytes = 0;
      return;
    }
    if (this.#entries.size === 0 && this.#loading.size === 0) return;
    for (const [tenant, ids] of documents)
      for (const id of ids) {
        const key = keyOf(projection, tenant, id);
        this.#loading.delete(key);
        this.#drop(key);
      }
  }

  #keep(key: string, entry: Entry): void {
    this.#drop(key);
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.most_bytes) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

/** Neither projections' nor tenants' names have a blank in them. */
const keyOf = (projection: string, tenant: TenantId, id: string): string => `${projection} ${tenant} ${id}`;
