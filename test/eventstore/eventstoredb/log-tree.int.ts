import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hashLeaf } from '../../../src/domain/integrity/merkle.js';
import type { JsonObject } from '../../../src/domain/json.js';
import { payloadOf, prepareEvents, encodeEvents } from '../../../src/eventstore/embedded/record.js';
import { FRAME_BYTES } from '../../../src/eventstore/embedded/format.js';
import { EventStoreDbLog } from '../../../src/eventstore/eventstoredb/event-store-db-log.js';
import { START } from '../../../src/eventstore/event-store.js';
import { sha256 } from '../../../src/eventstore/tree-file.js';
import { logTreeContract, type LogTreeHarness } from '../../contract/log-tree.contract.js';
import { damageFile } from '../../support/damaged-tree.js';
import { temporaryDirectory, removeDirectory } from '../../support/embedded-log.js';
import { ofEventStoreDb } from '../../support/eventstoredb-options.js';
import { eventFactory, revision, stream } from '../../support/log-events.js';
import { install } from './harness.js';

const harnessAt = async (url: string, end: () => Promise<void>): Promise<LogTreeHarness> => {
  const indexDirectory = await temporaryDirectory();
  const open = () => EventStoreDbLog.open({ ...ofEventStoreDb, url, indexDirectory });
  let log = await open();
  return {
    get log() {
      return log;
    },
    reopen: async (damage) => {
      await log.close();
      if (damage) await damageFile(join(indexDirectory, 'tree'), damage);
      log = await open();
    },
    close: async () => {
      await log.close();
      await removeDirectory(indexDirectory);
      await end();
    },
  };
};

logTreeContract('The tree over EventStoreDB, on an imitation of the server,', async () => {
  const installation = await install();
  return harnessAt(installation.server.url, installation.close);
});

const url = process.env['EVENTSTOREDB_URL'];
if (url === undefined || url === '')
  describe.skip('The tree over EventStoreDB, on a real server', () => {
    it('needs a server that nobody else writes to: EVENTSTOREDB_URL', () => undefined);
  });
else logTreeContract('The tree over EventStoreDB, on a real server,', () => harnessAt(url, () => Promise.resolve()));
