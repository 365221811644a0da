import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { MongoPersonKeys } from '../../../src/personkeys/mongodb/mongo-person-keys.js';
import { MongoPseudonyms } from '../../../src/personkeys/mongodb/mongo-pseudonyms.js';
import { personKeysContract, type PersonKeysHarness } from '../../contract/person-keys.contract.js';
import {
  pseudonymStoreContract,
  type PseudonymStoreHarness,
} from '../../contract/pseudonym-store.contract.js';
import { hasGo, startFerretDb, type FerretDb } from '../../support/ferretdb.js';
import { dropDatabase } from '../../support/mongodb.js';

const BUILD_TIMEOUT_MS = 600_000;
const { MONGODB_URL } = process.env;

let databases = 0;

/** Keys of one kind in a database of their own on a server. */
const onServer = async <K extends { close(): Promise<void> }>(
  url: string,
  connect: (url: string, options: { database: string }) => Promise<K>,
) => {
  const database = `pulsestream-keys-test-${process.pid}-${(databases += 1)}`;
  let keys = await connect(url, { database });
  return {
    current: () => keys,
    reopen: async () => {
      await keys.close();
      keys = await connect(url, { database });
    },
    close: async () => {
      await keys.close();
      await dropDatabase(url, database);
    },
  };
};

const keysOn = async (url: string): Promise<PersonKeysHarness> => {
  const { current, ...harness } = await onServer(url, (...to) => MongoPersonKeys.connect(...to));
  return {
    ...harness,
    get keys() {
      return current();
    },
  };
};

const pseudonymsOn = async (url: string): Promise<PseudonymStoreHarness> => {
  const { current, ...harness } = await onServer(url, (...to) => MongoPseudonyms.connect(...to));
  return {
    ...harness,
    get store() {
      return current();
    },
  };
};

(hasGo() ? describe : describe.skip)('with FerretDB', () => {
  let server: FerretDb;
  beforeAll(async () => {
    server = await startFerretDb();
  }, BUILD_TIMEOUT_MS);
  afterAll(() => server.stop());

  personKeysContract('The keys of people in MongoDB', () => keysOn(server.url));
  pseudonymStoreContract('Pseudonyms in MongoDB', () => pseudonymsOn(server.url));
});

if (MONGODB_URL) {
  personKeysContract('The keys of people on MONGODB_URL', () => keysOn(MONGODB_URL));
  pseudonymStoreContract('Pseudonyms on MONGODB_URL', () => pseudonymsOn(MONGODB_URL));
} else describe.skip('The keys of people on MONGODB_URL', () => it('keeps the contract', () => undefined));
