import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { MongoPersonKeys } from '../../../src/personkeys/mongodb/mongo-person-keys.js';
import { personKeysContract, type PersonKeysHarness } from '../../contract/person-keys.contract.js';
import { hasGo, startFerretDb, type FerretDb } from '../../support/ferretdb.js';
import { dropDatabase } from '../../support/mongodb.js';

const BUILD_TIMEOUT_MS = 600_000;
const { MONGODB_URL } = process.env;

let databases = 0;

/** A database of its own on a server. */
const onServer = async (url: string): Promise<PersonKeysHarness> => {
  const database = `pulsestream-keys-test-${process.pid}-${(databases += 1)}`;
  let keys = await MongoPersonKeys.connect(url, { database });
  return {
    get keys() {
      return keys;
    },
    reopen: async () => {
      await keys.close();
      keys = await MongoPersonKeys.connect(url, { database });
    },
    close: async () => {
      await keys.close();
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

  personKeysContract('The keys of people in MongoDB', () => onServer(server.url));
});

if (MONGODB_URL) personKeysContract('The keys of people on MONGODB_URL', () => onServer(MONGODB_URL));
else describe.skip('The keys of people on MONGODB_URL', () => it('keeps the contract', () => undefined));
