import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDbLog } from '../../../src/eventstore/eventstoredb/event-store-db-log.js';
import { eventStoreContract } from '../../contract/event-store.contract.js';
import { ofEventStoreDb } from '../../support/eventstoredb-options.js';
import { ServerProcess } from '../../support/eventstoredb-server/process.js';
import { namespaced } from './namespaced-log.js';

/** A large append to an imitation takes its time where much else runs. */
const PATIENCE_MS = 60_000;

let servers: ServerProcess;
beforeAll(() => {
  servers = new ServerProcess();
});
afterAll(() => {
  servers.close();
});

eventStoreContract(
  'The log on EventStoreDB, on an imitation of the server,',
  async () => {
    const url = await servers.begin();
    const indexDirectory = await mkdtemp(join(tmpdir(), 'pulsestream-eventstoredb-'));
    const open = () =>
      EventStoreDbLog.open({ ...ofEventStoreDb, url, indexDirectory, deadline: PATIENCE_MS });
    let log = await open();
    return {
      get log() {
        return log;
      },
      maxAppendBytes: 1_048_576,
      reopen: async () => {
        await log.close();
        log = await open();
      },
      interrupt: () => servers.interrupt(url),
      close: async () => {
        await log.close();
        await servers.end(url);
        await rm(indexDirectory, { recursive: true, force: true });
      },
    };
  },
  // The imitation and the client in one process of tests take half a millisecond an event.
  { interruptible: true, long_stream: 100_000 },
);

const url = process.env['EVENTSTOREDB_URL'];
if (url === undefined || url === '')
  describe.skip('The log on EventStoreDB, on a real server', () => {
    it('needs a server that nobody else writes to: EVENTSTOREDB_URL', () => undefined);
  });
else {
  let indexDirectory = '';
  beforeAll(async () => {
    indexDirectory = await mkdtemp(join(tmpdir(), 'pulsestream-eventstoredb-'));
  });
  afterAll(() => rm(indexDirectory, { recursive: true, force: true }));

  eventStoreContract('The log on EventStoreDB, on a real server,', async () => {
    const open = () =>
      EventStoreDbLog.open({ ...ofEventStoreDb, url, indexDirectory, deadline: PATIENCE_MS });
    let whole = await open();
    const base = await whole.head();
    const tag = randomBytes(4).toString('hex');
    return {
      get log() {
        return namespaced(whole, tag, base);
      },
      maxAppendBytes: 1_048_576,
      reopen: async () => {
        await whole.close();
        whole = await open();
      },
      close: () => whole.close(),
    };
  });
}
