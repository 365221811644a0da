import { writeSync } from 'node:fs';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { smallLog } from './embedded-log.js';
import { openIngest } from './open-ingest.js';
import { request } from './telemetry.js';

/**
 * Sends events with ids of their own until it is killed, four requests at a time, a third of them repetitions. Says
 * which ids are about to be sent, and which were acknowledged: a line on standard output, written at once.
 *
 *   node --import typescript.mjs ingest-under-load.ts DIRECTORY RUN
 */
const [directory = '', run = ''] = process.argv.slice(2);

const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

process.stdin.once('data', () => {
  void EmbeddedEventStore.open(directory, smallLog).then(async (log) => {
    const { ingest } = await openIngest(log, directory, 40);
    say('open');
    let next = 0;
    const sender = async (): Promise<never> => {
      for (;;) {
        const first = Math.max(0, next - 10);
        const ids = Array.from({ length: 30 }, (_, n) => `${run}-${String(first + n)}`);
        next = first + 30;
        say(`sent ${ids.join(' ')}`);
        const body = Buffer.from(JSON.stringify(ids.map((id) => ({ type: 'a', id }))));
        const result = await ingest.batch(body, 'json', request());
        if (!result.ok || result.value.rejected > 0) throw new Error(JSON.stringify(result));
        say(`stored ${ids.join(' ')}`);
      }
    };
    await Promise.all([sender(), sender(), sender(), sender()]);
  });
});
