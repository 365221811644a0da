import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { eventStoreContract } from '../../contract/event-store.contract.js';
import { cachedFiles, newLog, removeDirectory, smallLog } from '../../support/embedded-log.js';

const embedded = (name: string, options: typeof smallLog): void => {
  eventStoreContract(name, async () => {
    const made = await newLog(options);
    let { log } = made;
    return {
      get log() {
        return log;
      },
      maxAppendBytes: options.maxAppendBytes,
      reopen: async () => {
        await log.close();
        log = await EmbeddedEventStore.open(made.directory, options);
      },
      close: async () => {
        await log.close();
        await removeDirectory(made.directory);
      },
    };
  });
};

embedded('The embedded event store', smallLog);
embedded('The embedded event store where all goes through the page cache', {
  ...smallLog,
  files: cachedFiles,
});
