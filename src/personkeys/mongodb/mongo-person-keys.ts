import { MongoClient, type Collection } from 'mongodb';
import type { PersonKey, PersonKeys } from '../person-keys.js';

export interface MongoKeysOptions {
  /** A database of its own: read models may be dropped, keys never. */
  readonly database: string;
  /** How long an operation waits for a server to be there. */
  readonly timeout_ms?: number;
}

/** `wrapped` in base64; absent: destroyed. */
interface Entry {
  readonly _id: string;
  readonly wrapped?: string;
}

const DUPLICATE_KEY = 11000;

/** Keys in a MongoDB database, a document each. Written to the journals of a majority before anything resolves. */
export class MongoPersonKeys implements PersonKeys {
  private constructor(
    private readonly client: MongoClient,
    private readonly entries: Collection<Entry>,
  ) {}

  /** Connects; rejects where no server answers. */
  static async connect(
    url: string,
    { database, timeout_ms = 5000 }: MongoKeysOptions,
  ): Promise<MongoPersonKeys> {
    const client = new MongoClient(url, {
      appName: 'pulsestream',
      readPreference: 'primary',
      readConcern: { level: 'majority' },
      writeConcern: { w: 'majority', journal: true },
      serverSelectionTimeoutMS: timeout_ms,
    });
    try {
      await client.connect();
      const db = client.db(database);
      await db.command({ ping: 1 });
      return new MongoPersonKeys(client, db.collection<Entry>('people'));
    } catch (error) {
      await client.close();
      throw error;
    }
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
      if (typeof error === 'object' && error !== null && 'code' in error && error.code === DUPLICATE_KEY)
        return false;
      throw error;
    }
  }
}

const keyOf = ({ wrapped }: Entry): PersonKey =>
  wrapped === undefined ? { state: 'destroyed' } : { state: 'held', wrapped: Buffer.from(wrapped, 'base64') };
