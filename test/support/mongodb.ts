import { MongoClient } from 'mongodb';

/** Removes a test's database from a server. */
export const dropDatabase = async (url: string, database: string): Promise<void> => {
  const client = await MongoClient.connect(url);
  await client.db(database).dropDatabase();
  await client.close();
};
