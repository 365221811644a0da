import type { Collection } from 'mongodb';
import type { Json } from '../../domain/json.js';
import type { Register } from '../read-store.js';
import { codeOf, DUPLICATE_KEY } from './error-codes.js';
import { typed } from './walk.js';

export interface RegisterEntry {
  readonly _id: string;
  /** As JSON: keys of a value may be anything. */
  readonly value: string;
  readonly version: number;
}

/** The register in a collection of its own; one document an entry, compared and set by the server in one step. */
export class MongoRegister implements Register {
  constructor(private readonly entries: Collection<RegisterEntry>) {}

  async get(key: string): Promise<{ readonly value: Json; readonly version: number } | undefined> {
    const entry = await this.entries.findOne({ _id: { $eq: typed(key) } });
    return entry ? { value: JSON.parse(entry.value) as Json, version: entry.version } : undefined;
  }

  async set(key: string, value: Json, expected_version: number): Promise<boolean> {
    const next = { value: JSON.stringify(value), version: expected_version + 1 };
    if (expected_version === 0) return this.#insert({ _id: typed(key), ...next });
    const { matchedCount } = await this.entries.updateOne(
      { _id: { $eq: typed(key) }, version: { $eq: typed(expected_version) } },
      { $set: next },
    );
    return matchedCount === 1;
  }

  async delete(key: string): Promise<void> {
    await this.entries.deleteOne({ _id: { $eq: typed(key) } });
  }

  async list(
    prefix: string,
  ): Promise<readonly { readonly key: string; readonly value: Json; readonly version: number }[]> {
    const found = this.entries.find({ _id: { $gte: typed(prefix), $lt: `${prefix}\u{10ffff}` } });
    return (await found.sort({ _id: 1 }).toArray()).map(({ _id, value, version }) => ({
      key: _id,
      value: JSON.parse(value) as Json,
      version,
    }));
  }

  async #insert(entry: RegisterEntry): Promise<boolean> {
    try {
      await this.entries.insertOne(entry);
      return true;
    } catch (error) {
      if (codeOf(error) === DUPLICATE_KEY) return false;
      throw error;
    }
  }
}
