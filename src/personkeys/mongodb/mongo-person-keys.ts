import type { Collection, MongoClient } from 'mongodb';
import type { PersonKey, PersonKeys } from '../person-keys.js';
import { connectToKeys, isDuplicate, type MongoKeysOptions } from './connecting.js';

/** `wrapped` in base64; absent: destroyed. */
interface Entry {
  readonly _id: string;
  readonly wrapped?: string;
}

/** Keys in a MongoDB database, a document each. Written to the journals of a majority before anything resolves. */
export class MongoPersonKeys implements PersonKeys {
  private constructor(
    private readonly client: MongoClient,
    private readonly entries: Collection<Entry>,
  ) {}

  /** Connects; rejects where no server answers. */
  static async connect(url: string, options: MongoKeysOptions): Promise<MongoPersonKeys> {
    const { client, db } = await connectToKeys(url, options);
    return new MongoPersonKeys(client, db.collection<Entry>('people'));
  }

  async get(person: string): Promise<PersonKey | undefined> {
    const entry = await this.entries.findOne({ _id: { $eq: person } });
    return entry ? keyOf(entry) : undefined;
  }

  async keep(person: string, wrapped: Uint8Array): Promise<PersonKey> {
    const entry = { _id: person, wrapped: Buffer.from(wrapped).toString('base64') };
    if (await this.#insert(entry)) return keyOf(entry);
    const kept = await this.get(person);
    if (!kept) throw new Error('The key of a person was removed by somebody else.');
    return kept;
  }

  async destroy(person: string): Promise<void> {
    if (await this.#insert({ _id: person })) return;
    await this.entries.updateOne({ _id: { $eq: person } }, { $unset: { wrapped: '' } });
  }

  close(): Promise<void> {
    return this.client.close();
  }

  /** Whether there was none yet. */
  async #insert(entry: Entry): Promise<boolean> {
    try {
      await this.entries.insertOne(entry);
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }
}

const keyOf = ({ wrapped }: Entry): PersonKey =>
  wrapped === undefined ? { state: 'destroyed' } : { state: 'held', wrapped: Buffer.from(wrapped, 'base64') };
