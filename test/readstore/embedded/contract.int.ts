import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedReadStore } from '../../../src/readstore/embedded/embedded-read-store.js';
import { readStoreContract } from '../../contract/read-store.contract.js';

readStoreContract('The embedded read store', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'read-store-'));
  await EmbeddedReadStore.initialise(directory);
  let store = await EmbeddedReadStore.open(directory);
  return {
    get store() {
      return store;
    },
    reopen: async () => {
      await store.close();
      store = await EmbeddedReadStore.open(directory);
    },
    close: async () => {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});
