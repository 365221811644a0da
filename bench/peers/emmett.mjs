import { getPostgreSQLEventStore, postgreSQLEventStoreConsumer } from '@event-driven-io/emmett-postgresql';
import { closedLoop } from './load.mjs';
import { withPostgres } from './postgresql.mjs';

const CONNECTIONS = 4;
const LONGEST_CONSUMING_MS = 20_000;

/** emmett on PostgreSQL: 1,000 events a call, each connection its own streams; then a consumer from the beginning. */
export const emmett = ({ seconds, bodies, events_each }) =>
  withPostgres(async (url) => {
    const batches = bodies.map((body) =>
      JSON.parse(body.toString()).map((data) => ({ type: data.type, data })),
    );
    const store = getPostgreSQLEventStore(url);
    let emmett_per_second;
    let stored = 0;
    try {
      const load = { connections: CONNECTIONS, seconds, events_each };
      emmett_per_second = await closedLoop(load, async (connection, number) => {
        await store.appendToStream(`telemetry-${connection}-${number}`, batches[number % batches.length]);
        stored += events_each;
      });
    } finally {
      await store.close();
    }
    return { emmett_per_second, emmett_consumer_per_second: await consume(url, stored) };
  });

/** Events a second that a consumer hands to a handler that only counts. */
const consume = async (url, stored) => {
  const consumer = postgreSQLEventStoreConsumer({ connectionString: url });
  let seen = 0;
  let last = 0;
  let done = () => undefined;
  const finished = new Promise((resolve) => (done = resolve));
  consumer.reactor({
    processorId: 'count',
    startFrom: 'BEGINNING',
    eachMessage: () => {
      seen += 1;
      last = performance.now();
      if (seen === stored) done();
    },
  });
  const started = performance.now();
  const running = consumer.start();
  const given_up = setTimeout(done, LONGEST_CONSUMING_MS);
  await finished;
  clearTimeout(given_up);
  await consumer.close();
  await running.catch(() => undefined);
  return seen / ((last - started) / 1000);
};
