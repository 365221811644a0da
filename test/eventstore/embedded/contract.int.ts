import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { eventStoreContract } from '../../contract/event-store.contract.js';
import { newLog, removeDirectory, smallLog } from '../../support/embedded-log.js';

eventStoreContract('The embedded event store', async () => {
  const made = await newLog();
  let { log } = made;
  return {
    get log() {
      return log;
    },
    maxAppendBytes: smallLog.maxAppendBytes,
    reopen: async () => {
      await log.close();
      log = await EmbeddedEventStore.open(made.directory, smallLog);
    },
    close: async () => {
      await log.close();
      await removeDirectory(made.directory);
    },
  };
});
