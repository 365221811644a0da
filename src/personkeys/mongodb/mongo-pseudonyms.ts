import type { Collection, MongoClient } from 'mongodb';
import type { PseudonymEntry, PseudonymStore } from '../pseudonym-store.js';
import { connectToKeys, isDuplicate, type MongoKeysOptions } from './connecting.js';

/** Stored format. `_id`: the subject; `sealed` in base64. */
interface Entry {
  readonly _id: string;
  readonly pseudonym: string;
  readonly sealed: string;
}

/** Whose pseudonyms are, in a MongoDB database, a document each. Written to the journals of a majority before anything resolves. */
export class MongoPseudonyms implements PseudonymStore {
  private constructor(
    private readonly client: MongoClient,
    private readonly entries: Collection<Entry>,
  ) {}

  /** Connects; rejects where no server answers. */
  static async connect(url: string, options: MongoKeysOptions): Promise<MongoPseudonyms> {
    const { client, db } = await connectToKeys(url, options);
    const entries = db.collection<Entry>('pseudonyms');
    try {
      await entries.createIndexes([{ key: { pseudonym: 1 }, unique: true }]);
    } catch (error) {
      await client.close();
      throw error;
    }
    return new MongoPseudonyms(client, entries);
  }

  async ofSubjects(subjects: readonly string[]): Promise<readonly PseudonymEntry[]> {
    return (await this.entries.find({ _id: { $in: [...subjects] } }).toArray()).map(entryOf);
  }

  async ofPseudonyms(pseudonyms: readonly string[]): Promise<readonly PseudonymEntry[]> {
    return (await this.entries.find({ pseudonym: { $in: [...pseudonyms] } }).toArray()).map(entryOf);
  }

  async keep(entries: readonly PseudonymEntry[]): Promise<readonly PseudonymEntry[]> {
    if (entries.length === 0) return [];
    const documents = entries.map(({ subject, pseudonym, sealed }): Entry => ({
      ...{ _id: subject, pseudonym },
      sealed: Buffer.from(sealed).toString('base64'),
    }));
    try {
      await this.entries.insertMany(documents, { ordered: false });
      return entries;
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
    return this.ofSubjects(entries.map(({ subject }) => subject));
  }

  async destroy(subject: string): Promise<void> {
    await this.entries.deleteOne({ _id: { $eq: subject } });
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

const entryOf = ({ _id: subject, pseudonym, sealed }: Entry): PseudonymEntry => ({
  ...{ subject, pseudonym },
  sealed: Buffer.from(sealed, 'base64'),
});
