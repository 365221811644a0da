import { MongoClient, type Db } from 'mongodb';

export interface MongoKeysOptions {
  /** A database of its own: read models may be dropped, keys never. */
  readonly database: string;
  /** How long an operation waits for a server to be there. */
  readonly timeout_ms?: number;
}

/** Connects to where keys are kept, written to the journals of a majority; rejects where no server answers. */
export const connectToKeys = async (
  url: string,
  { database, timeout_ms = 5000 }: MongoKeysOptions,
): Promise<{ readonly client: MongoClient; readonly db: Db }> => {
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
    return { client, db };
  } catch (error) {
    await client.close();
    throw error;
  }
};

const DUPLICATE_KEY = 11000;

/** Whether a write was refused because what it names is there already. */
export const isDuplicate = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === DUPLICATE_KEY;
