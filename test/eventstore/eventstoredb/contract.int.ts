import type { EventStoreDbLog } from '../../../src/eventstore/eventstoredb/event-store-db-log.js';
import { eventStoreContract } from '../../contract/event-store.contract.js';
import { install } from './harness.js';
import { join } from 'node:path';

eventStoreContract(
  'EventStoreDB adapter, on an imitation of the server,',
  async () => {
    const installation = await install();
    const indexDirectory = join(installation.directory, 'index');
    let log: EventStoreDbLog = await installation.open({ indexDirectory });
    return {
      get log() {
        return log;
      },
      maxAppendBytes: 1_048_576,
      reopen: async () => {
        await log.close();
        log = await installation.open({ indexDirectory });
      },
      interrupt: async () => {
        await installation.server.kill();
        await installation.server.start();
      },
      close: () => installation.close(),
    };
  },
  { interruptible: true },
);
