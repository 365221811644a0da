import type { TenantId } from '../../domain/ids.js';
import type { Document, DocumentKey, Value } from '../../readstore/read-store.js';

/** A document in memory: as the fold has it, and whether the store has it so too. */
export interface Cached {
  readonly tenant: TenantId;
  readonly id: string;
  /** Absent where there is none, or none any more. */
  document: Document | undefined;
  /** Whether the store holds a document under this key. */
  stored: boolean;
  /** Whether the fold went on since the store was written. */
  dirty: boolean;
  bytes: number;
  writes: number;
}

export interface CacheBounds {
  readonly documents: number;
  readonly bytes: number;
}

/** A generation's hot documents, the least recently used first to go; what is not written yet stays. */
export class DocumentCache {
  readonly #entries = new Map<string, Cached>();
  readonly #dirty = new Set<Cached>();
  #bytes = 0;

  constructor(private readonly bounds: CacheBounds) {}

  has(key: DocumentKey): boolean {
    return this.#entries.has(keyText(key));
  }

  /** The entry of a document that was put into the cache before. */
  use(key: DocumentKey): Cached {
    const text = keyText(key);
    const entry = this.#entries.get(text);
    if (!entry) throw new Error(`The document ${key.id} was not loaded before it was folded.`);
    this.#entries.delete(text);
    this.#entries.set(text, entry);
    return entry;
  }

  /** Takes in what the store has under a key, in place of what the cache had. */
  put(key: DocumentKey, document: Document | undefined): Cached {
    const text = keyText(key);
    const old = this.#entries.get(text);
    if (old) this.#forget(text, old);
    const entry: Cached = {
      tenant: key.tenant,
      id: key.id,
      document,
      stored: document !== undefined,
      dirty: false,
      bytes: document ? approximateSize(document) : 0,
      writes: 0,
    };
    this.#entries.set(text, entry);
    this.#bytes += entry.bytes;
    return entry;
  }

  /** What is known of a document; undefined where it is not in memory. */
  get(key: DocumentKey): Cached | undefined {
    return this.#entries.get(keyText(key));
  }

  entries(): Iterable<Cached> {
    return this.#entries.values();
  }

  /** Marks a document as changed by the fold. */
  touch(entry: Cached): void {
    entry.dirty = true;
    this.#dirty.add(entry);
  }

  get dirty(): ReadonlySet<Cached> {
    return this.#dirty;
  }

  /** Whether the changed documents alone are more than the cache may hold. */
  get full(): boolean {
    return this.#dirty.size >= this.bounds.documents || this.#bytes >= 2 * this.bounds.bytes;
  }

  /** What was dirty is in the store now. */
  settle(): void {
    for (const entry of this.#dirty) {
      entry.dirty = false;
      entry.stored = entry.document !== undefined;
      entry.writes += 1;
      // Documents grow slowly: measuring after 1, 2, 4, 8, … writes is near enough.
      if ((entry.writes & (entry.writes - 1)) === 0) {
        this.#bytes -= entry.bytes;
        entry.bytes = entry.document ? approximateSize(entry.document) : 0;
        this.#bytes += entry.bytes;
      }
    }
    this.#dirty.clear();
    this.#trim();
  }

  #trim(): void {
    for (const [text, entry] of this.#entries) {
      if (this.#entries.size <= this.bounds.documents && this.#bytes <= this.bounds.bytes) return;
      this.#forget(text, entry);
    }
  }

  #forget(text: string, entry: Cached): void {
    this.#entries.delete(text);
    this.#dirty.delete(entry);
    this.#bytes -= entry.bytes;
  }
}

/** Keys by value: no tenant's id has a line break in it. */
export const keyText = ({ tenant, id }: DocumentKey): string => `${tenant}\n${id}`;

/** About how many bytes a document takes in memory. */
const approximateSize = (value: Value | Document | undefined): number => {
  if (typeof value === 'string') return 16 + 2 * value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (value instanceof Uint8Array) return 64 + value.byteLength;
  if (Array.isArray(value))
    return (value as readonly Value[]).reduce<number>((sum, item) => sum + approximateSize(item), 32);
  let sum = 48;
  for (const [name, item] of Object.entries(value as Readonly<Record<string, Value | undefined>>))
    sum += 16 + name.length + approximateSize(item);
  return sum;
};
