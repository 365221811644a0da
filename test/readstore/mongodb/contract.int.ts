import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { MongoReadStore } from '../../../src/readstore/mongodb/mongo-read-store.js';
import { readStoreContract, type ReadStoreHarness } from '../../contract/read-store.contract.js';
import { hasGo, startFerretDb, type FerretDb } from '../../support/ferretdb.js';
import { dropDatabase } from '../../support/mongodb.js';

const BUILD_TIMEOUT_MS = 600_000;
const { MONGODB_URL } = process.env;

let databases = 0;

/** A database of its own on a server. */
const onServer = async (url: string): Promise<ReadStoreHarness> => {
  const database = `pulsestream-test-${process.pid}-${(databases += 1)}`;
  let store = await MongoReadStore.connect(url, { database });
  return {
    get store() {
      return store;
    },
    reopen: async () => {
      await store.close();
      store = await MongoReadStore.connect(url, { database });
    },
    close: async () => {
      await store.close();
      await dropDatabase(url, database);
    },
  };
};

(hasGo() ? describe : describe.skip)('with FerretDB', () => {
  let server: FerretDb;
  beforeAll(async () => {
    server = await startFerretDb();
  }, BUILD_TIMEOUT_MS);
  afterAll(() => server.stop());

  // FerretDB reads, changes and writes in three steps: two updates of one document at once both find what they compare with.
  readStoreContract('The MongoDB read store', () => onServer(server.url), {
    runs: 15,
    atomic_updates: false,
  });
});

if (MONGODB_URL) readStoreContract('The MongoDB read store on MONGODB_URL', () => onServer(MONGODB_URL));
else describe.skip('The MongoDB read store on MONGODB_URL', () => it('keeps the contract', () => undefined));
