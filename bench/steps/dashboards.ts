import { setTimeout as sleep } from 'node:timers/promises';
import { count } from '../../src/cli/output.js';
import { OutsideAudience } from '../load/audience-outside.js';
import { floodFromOutside } from '../load/overload.js';
import { cpuTime, serverPid } from '../server-process.js';
import { megabytes, milliseconds, rate, type Figures, type Row, type Run, type Step } from '../step.js';
import { BATCH } from './batch.js';

const AUDIENCES = [1_000, 5_000, 10_000];
const COMING_IN = 100_000;
/** One dashboard of so many is measured, in a process that has nothing else to do. */
const ONE_OF = 50;
/** The flood begins and ends outside of what is measured. */
const AROUND_SECONDS = 1;

/** One row of figures: what an audience of that size saw. */
const figuresOf = async (
  { server, tenant, seconds }: Run,
  size: number,
  crowd: OutsideAudience,
  measured: OutsideAudience,
): Promise<Figures> => {
  const name = `dashboards_${size}`;
  const pid = await serverPid(server.data_directory);
  const flooding = floodFromOutside({
    sender: {
      name: 'events',
      url: `${server.url}/api/v1/ingestion/events/batch`,
      headers: { 'content-type': 'application/json', 'x-api-key': tenant.api_key },
      rate: COMING_IN / BATCH,
      connections: 64,
    },
    seconds: seconds + 2 * AROUND_SECONDS,
    batch: BATCH,
  });
  flooding.catch(() => undefined);
  await sleep(AROUND_SECONDS * 1000);
  const [cpu_before, before, began] = [await cpuTime(pid), await crowd.received(), performance.now()];
  const seen = await measured.watch(seconds);
  const [cpu, after, took] = [await cpuTime(pid), await crowd.received(), performance.now() - began];
  const flooded = await flooding;
  const messages = after.messages - before.messages;
  return {
    [`${name}_p50_ms`]: seen.p50_ms,
    [`${name}_p99_ms`]: seen.p99_ms,
    [`${name}_refused`]: seen.missed,
    [`${name}_stored_p50_ms`]: seen.stored_p50_ms,
    [`${name}_stored_p99_ms`]: seen.stored_p99_ms,
    [`${name}_messages_per_second`]: (messages * 1000 * ONE_OF) / (ONE_OF - 1) / took,
    [`${name}_message_bytes`]: (after.bytes - before.bytes) / messages,
    [`${name}_ingest_per_second`]: flooded.acknowledged / (seconds + 2 * AROUND_SECONDS),
    [`${name}_ingest_p99_ms`]: flooded.p99_ms,
    [`${name}_cores`]: ((cpu ?? NaN) - (cpu_before ?? NaN)) / 1000 / took,
    [`${name}_memory_bytes`]: await server.memory(),
  };
};

/** More and more people who look on, while events come in. */
export const dashboards: Step = {
  name: 'dashboards',
  what: (seconds) =>
    `${AUDIENCES.map(count).join(', ')} dashboards beside ${count(COMING_IN)} events/s, ${String(seconds)} s each`,
  measure: async (run) => {
    const seat = { url: run.server.url, token: run.tenant.access_token, topic: 'overview' };
    const [crowd, measured] = await Promise.all([
      OutsideAudience.start(seat, run.tenant.api_key),
      OutsideAudience.start(seat, run.tenant.api_key),
    ]);
    let figures: Figures = {};
    try {
      let there = 0;
      for (const size of AUDIENCES) {
        // Those who are measured sit all over the house.
        for (; there < size; there += ONE_OF) {
          await crowd.open(ONE_OF - 1);
          await measured.open(1);
        }
        figures = { ...figures, ...(await figuresOf(run, size, crowd, measured)) };
      }
    } finally {
      await Promise.all([crowd.close(), measured.close()]);
    }
    return figures;
  },
  rows: (figures) => AUDIENCES.flatMap((size) => rowsOf(figures, size)),
};

const rowsOf = (figures: Figures, size: number): readonly Row[] => {
  const name = `dashboards_${size}`;
  const bytes = count(Math.round(figures[`${name}_message_bytes`] ?? NaN));
  return [
    [
      `POST to ${count(size)} dashboards, p50 / p99`,
      `${milliseconds(figures, `${name}_p50_ms`)} / ${milliseconds(figures, `${name}_p99_ms`)}`,
      '',
    ],
    [
      '  of which until it is stored',
      `${milliseconds(figures, `${name}_stored_p50_ms`)} / ${milliseconds(figures, `${name}_stored_p99_ms`)}`,
      '',
    ],
    ['  messages to them', rate(figures, `${name}_messages_per_second`), `${bytes} B each`],
    ['  events taken in beside them', rate(figures, `${name}_ingest_per_second`), ''],
    ['  p99 of a request of theirs', milliseconds(figures, `${name}_ingest_p99_ms`), ''],
    ['  server alone, all threads', `${(figures[`${name}_cores`] ?? NaN).toFixed(2)} cores`, ''],
    ['  memory of the server', megabytes(figures, `${name}_memory_bytes`), ''],
  ];
};
