import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import type { NewEvent, RecordedEvent } from '../../../src/eventstore/event-store.js';
import { START, type EventFilter } from '../../../src/eventstore/event-store.js';
import { removeDirectory, smallLog, temporaryDirectory } from '../../support/embedded-log.js';
import { eventFactory, revision, stream } from '../../support/log-events.js';

const options = { ...smallLog, segmentBytes: 64 * 1024, maxAppendBytes: 32 * 1024 };

let directory = '';
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => removeDirectory(directory));

const event = eventFactory();

/** A record of telemetry whose events are of a stretch of time. */
const chunk = (min_time: number, max_time: number): NewEvent => {
  const { metadata, ...rest } = event.binary(Buffer.from('{"type":"a"}'));
  return {
    ...rest,
    metadata: {
      ...metadata,
      chunk: {
        ...{ codec: 'ndjson' as const, count: 1, min_time, max_time },
        ...{ received_at: 1, producer: 'test', first_sequence: 0 },
      },
    },
  };
};

const read = async (log: EmbeddedEventStore, filter: EventFilter): Promise<RecordedEvent[]> => {
  const found: RecordedEvent[] = [];
  for await (const { events } of log.readAll(START, filter)) found.push(...events);
  return found;
};

/** More records than are read and passed over rather than looked up. */
const APPENDS = 400;

it('finds telemetry of a stretch of time by the index, also by one that was made again from the log', async () => {
  await EmbeddedEventStore.initialise(directory, options);
  const open = (): Promise<EmbeddedEventStore> => EmbeddedEventStore.open(directory, options);
  let log = await open();
  for (let n = 0; n < APPENDS; n += 1) {
    // Times that go up, with late ones among them; two records in each append, of different lengths.
    const from = n % 17 === 0 ? 10 * (n - 300) : 10 * n;
    const last = n === 0 ? 'none' : revision(2 * n - 1);
    await log.append(stream('telemetry-a'), last, [chunk(from, from + 3), chunk(from + 2, from + 40)]);
    if (n % 5 === 0) await log.append(stream(`other-${n}`), 'none', [event.json()]);
  }
  const all = await read(log, { stream_prefix: 'telemetry-' });
  expect(all).toHaveLength(2 * APPENDS);

  const findsWhatReadingAllFinds = async (): Promise<void> => {
    for (const [from, to] of [
      [0, 0],
      [1_000, 1_009],
      [2_345, 2_345],
      [-10_000, -2_000],
      [3_990, 9_999],
      [50_000, 60_000],
    ] as const) {
      const found = await read(log, { stream_prefix: 'telemetry-', times: [{ from, to }] });
      const wanted = all.filter(
        ({ metadata: { chunk: said } }) => said && said.min_time <= to && said.max_time >= from,
      );
      expect(found.map(({ position }) => position)).toEqual(wanted.map(({ position }) => position));
    }
  };
  await findsWhatReadingAllFinds();
  await log.close();
  log = await open();
  await findsWhatReadingAllFinds();
  await log.close();
  await rm(join(directory, 'index'), { recursive: true });
  log = await open();
  await findsWhatReadingAllFinds();
  await log.close();
});
