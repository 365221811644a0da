import type { Database } from 'lmdb';
import type { Json } from '../../domain/json.js';
import type { Register } from '../read-store.js';
import { committed } from '../../platform/lmdb.js';
import { settled } from './embedded-collection.js';

interface Entry {
  readonly value: Json;
  readonly version: number;
}

/** The register in an LMDB database of its own: JSON by key, compared and set in one transaction. */
export class EmbeddedRegister implements Register {
  constructor(private readonly database: Database<string, Buffer>) {}

  get(key: string): Promise<Entry | undefined> {
    return settled(() => this.#read(key));
  }

  set(key: string, value: Json, expected_version: number): Promise<boolean> {
    const entry = JSON.stringify({ value, version: expected_version + 1 });
    return committed(
      this.database.childTransaction(() => {
        if ((this.#read(key)?.version ?? 0) !== expected_version) return false;
        this.database.putSync(keyOf(key), entry);
        return true;
      }),
    );
  }

  async delete(key: string): Promise<void> {
    await committed(this.database.childTransaction(() => this.database.removeSync(keyOf(key))));
  }

  list(prefix: string): Promise<readonly (Entry & { readonly key: string })[]> {
    return settled(() => {
      const start = keyOf(prefix);
      const found: (Entry & { readonly key: string })[] = [];
      for (const { key, value } of this.database.getRange({ start })) {
        if (!key.subarray(0, start.length).equals(start)) break;
        found.push({ key: key.subarray(1).toString(), ...(JSON.parse(value) as Entry) });
      }
      return found;
    });
  }

  #read(key: string): Entry | undefined {
    const entry = this.database.get(keyOf(key));
    return entry === undefined ? undefined : (JSON.parse(entry) as Entry);
  }
}

/** LMDB takes no empty key, so each begins with one byte of ours. */
const keyOf = (key: string): Buffer => Buffer.from(`=${key}`);
