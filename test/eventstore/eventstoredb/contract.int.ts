import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDbLog } from '../../../src/eventstore/eventstoredb/event-store-db-log.js';
import { systemClock } from '../../../src/platform/clock.js';
import { eventStoreContract } from '../../contract/event-store.contract.js';
import { install } from './harness.js';
import { namespaced } from './namespaced-log.js';

eventStoreContract(
  'The log on EventStoreDB, on an imitation of the server,',
  async () => {
    const installation = await install();
    const indexDirectory = join(installation.directory, 'index');
    let log = await installation.open({ indexDirectory });
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
    const open = () => EventStoreDbLog.open({ url, indexDirectory, clock: systemClock });
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
