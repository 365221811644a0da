import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { join } from 'node:path';
import { FRAME_BYTES } from '../../../src/eventstore/embedded/format.js';
import { encodeEvents, payloadOf, prepareEvents } from '../../../src/eventstore/embedded/record.js';
import { EventStoreDbLog } from '../../../src/eventstore/eventstoredb/event-store-db-log.js';
import type { JsonObject } from '../../../src/domain/json.js';
import { logTreeContract, type LogTreeHarness } from '../../contract/log-tree.contract.js';
import { damageFile } from '../../support/damaged-tree.js';
import { removeDirectory, temporaryDirectory } from '../../support/embedded-log.js';
import { ofEventStoreDb } from '../../support/eventstoredb-options.js';
import { eventFactory, stream } from '../../support/log-events.js';
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
  return harnessAt(installation.server.url, () => installation.close());
});

const url = process.env['EVENTSTOREDB_URL'];
if (url === undefined || url === '')
  describe.skip('The tree over EventStoreDB, on a real server', () => {
    it('needs a server that nobody else writes to: EVENTSTOREDB_URL', () => undefined);
  });
else
  logTreeContract('The tree over EventStoreDB, on a real server,', () =>
    harnessAt(url, () => Promise.resolve()),
  );

describe('a record on EventStoreDB', () => {
  it('has the leaf that it has where the log is in files, whatever it holds', async () => {
    const installation = await install();
    const log = await installation.open();
    const event = eventFactory();
    let streams = 0;
    const data = fc.oneof(
      fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()).map((value) => value as JsonObject),
      fc.uint8Array({ maxLength: 200 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(data, { minLength: 1, maxLength: 3 }), async (all) => {
        streams += 1;
        const name = stream(`things-${streams}`);
        const [first, ...rest] = all.map((one) =>
          one instanceof Uint8Array ? event.binary(one) : event.json(one),
        );
        const events = [first!, ...rest] as const;
        await log.append(name, 'none', events);
        const { bytes, starts } = encodeEvents(prepareEvents(name, events), 0);
        const written = Array.from(starts, (at, i) => bytes.subarray(at + FRAME_BYTES, starts[i + 1]));
        const read: Buffer[] = [];
        for await (const record of log.readStream(name)) read.push(payloadOf(record));
        expect(read).toEqual(written);
      }),
      { numRuns: 60 },
    );
    await installation.close();
  });
});
