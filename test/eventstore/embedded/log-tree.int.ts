import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { layoutOf } from '../../../src/eventstore/embedded/layout.js';
import { logTreeContract } from '../../contract/log-tree.contract.js';
import { damageFile } from '../../support/damaged-tree.js';
import { newLog, removeDirectory, smallLog } from '../../support/embedded-log.js';

logTreeContract('The tree over the embedded log', async () => {
  const { directory, log: first } = await newLog();
  let log = first;
  return {
    get log() {
      return log;
    },
    reopen: async (damage) => {
      await log.close();
      if (damage) await damageFile(layoutOf(directory).tree, damage);
      log = await EmbeddedEventStore.open(directory, smallLog);
    },
    close: async () => {
      await log.close();
      await removeDirectory(directory);
    },
  };
});
