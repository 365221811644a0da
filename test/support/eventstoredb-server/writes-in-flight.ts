import { START } from '../../../src/eventstore/event-store.js';
import { EventStoreDbLog } from '../../../src/eventstore/eventstoredb/event-store-db-log.js';
import { ofEventStoreDb } from '../eventstoredb-options.js';
import { eventFactory, revision, stream } from '../log-events.js';

/**
 * Has many writes, a subscription and reads in flight when its server goes away, and says how they ended. A promise
 * that nobody looks after ends this process, as it would end the product.
 *
 *   node --import typescript.mjs writes-in-flight.ts URL DIRECTORY WRITERS
 */
const [url = '', indexDirectory = '', writers = ''] = process.argv.slice(2);

const say = (what: unknown): void => {
  process.stdout.write(`${JSON.stringify(what)}\n`);
};

const log = await EventStoreDbLog.open({
  ...ofEventStoreDb,
  url,
  indexDirectory,
  deadline: 500,
  retryFor: 1_000,
});
const event = eventFactory();
await log.append(stream('first'), 'none', [event.json()]);

const stop = new AbortController();
const following = (async () => {
  for await (const { caught_up } of log.subscribe(START, {}, stop.signal)) if (caught_up) say('following');
})();
const reading = (async () => {
  for (;;)
    for await (const { events } of log.readAll(START)) if (events.length === 0) throw new Error('nothing');
})();
/** Appends one event after another to a stream of its own, for as long as that works. */
const write = async (name: string): Promise<never> => {
  for (let next = 0; ; next += 1)
    await log.append(stream(name), next === 0 ? 'none' : revision(next - 1), [
      event.binary(new Uint8Array(10_000)),
    ]);
};

const writing = Array.from({ length: Number(writers) }, (_, n) => write(`orders-${n}`));
say('writing');
const ended = await Promise.allSettled([reading, ...writing]);
say(ended.map((one) => one.status === 'rejected' && (one.reason as { reason: string }).reason));
stop.abort();
await following;
await log.close();
say('ended');
