import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { MemoryPool } from '../../src/eventstore/embedded/lent-memory.js';
import type { NewEvent } from '../../src/eventstore/event-store.js';
import { systemClock } from '../../src/platform/clock.js';
import { systemFiles } from '../../src/platform/files.js';
import { systemRandom } from '../../src/platform/random.js';
import { projections } from '../../src/projections/all.js';
import type { ProjectionHost } from '../../src/projections/runner/host.js';
import { EmbeddedReadStore } from '../../src/readstore/embedded/embedded-read-store.js';
import { rebuild } from '../../src/replay/rebuild.js';
import { verify } from '../../src/replay/verify.js';
import { eventFactory, revision, stream } from '../support/log-events.js';
import { caughtUp, hostOver, replayOf } from '../support/projected.js';

const names = projections.map(({ name }) => name);
const CHUNKS = 60;
/** Enough for a chunk to stand in memory that is lent. */
const PER_CHUNK = 500;

describe('read models on the embedded stores', () => {
  const factory = eventFactory(11);
  let directory: string;
  let log: EmbeddedEventStore;
  let store: EmbeddedReadStore;
  let host: ProjectionHost;
  let appended = 0;
  let used_again = 0;

  const chunk = (): NewEvent => {
    const time = Date.UTC(2025, 0, 1) + appended * 1_000;
    const lines = Array.from({ length: PER_CHUNK }, (_, index) =>
      JSON.stringify({
        type: 'api_call',
        timestamp: time + index,
        service: `service-${index % 3}`,
        method: 'GET',
        route: `/orders/${index % 7}`,
        status_code: index % 50 === 0 ? 500 : 200,
        duration_ms: (index * 37) % 1000,
      }),
    );
    const event = factory.binary(Buffer.from(lines.join('\n')));
    return {
      ...event,
      metadata: {
        ...event.metadata,
        chunk: {
          codec: 'ndjson',
          count: PER_CHUNK,
          min_time: time,
          max_time: time + PER_CHUNK - 1,
          received_at: time,
          producer: 'test',
          first_sequence: appended * PER_CHUNK,
        },
      },
    };
  };
  const append = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 1) {
      const expected = appended === 0 ? 'none' : revision(appended - 1);
      expect(await log.append(stream('telemetry-test'), expected, [chunk()])).toMatchObject({
        outcome: 'appended',
      });
      appended += 1;
    }
  };
  const start = async (): Promise<void> => {
    await EmbeddedReadStore.initialise(join(directory, 'readmodels'));
    store = await EmbeddedReadStore.open(join(directory, 'readmodels'));
    host = await hostOver(log, store, projections);
    await caughtUp(host, log, projections);
  };
  const stop = async (): Promise<void> => {
    await host.stop();
    await store.close();
  };
  const digests = async (): Promise<readonly string[]> =>
    (await verify(replayOf(host, log), names)).map((outcome) =>
      outcome.outcome === 'verified' && outcome.equal ? outcome.digest : JSON.stringify(outcome),
    );

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pulsestream-replay-'));
    // What readers have released is spoilt at once.
    const memory = new MemoryPool({
      givenBack: (bytes) => {
        bytes.fill(0xff);
        used_again += 1;
      },
    });
    const options = { files: systemFiles, clock: systemClock, random: systemRandom };
    await EmbeddedEventStore.initialise(join(directory, 'log'), options);
    log = await EmbeddedEventStore.open(join(directory, 'log'), { ...options, memory, recentBytes: 300_000 });
    await append(CHUNKS);
    await start();
  });
  afterAll(async () => {
    await stop();
    await log.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('are equal to a fresh replay, and park nothing', async () => {
    expect(host.parked()).toEqual([]);
    for (const digest of await digests()) expect(digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('come out the same after they were thrown away', async () => {
    const before = await digests();
    await stop();
    await rm(join(directory, 'readmodels'), { recursive: true });
    await start();
    expect(await digests()).toEqual(before);
  });

  it('are rebuilt and verified while events arrive, every document equal', async () => {
    const before = appended;
    const writing = append(CHUNKS);
    for (const outcome of await rebuild(replayOf(host, log), names))
      expect(outcome).toMatchObject({ outcome: 'switched', comparison: { equal: true } });
    for (const outcome of await verify(replayOf(host, log), names))
      expect(outcome).toMatchObject({ outcome: 'verified', equal: true });
    await writing;
    await caughtUp(host, log, projections);
    expect(appended).toBe(before + CHUNKS);
    expect(used_again).toBeGreaterThan(CHUNKS);
    const after = await digests();
    await stop();
    await rm(join(directory, 'readmodels'), { recursive: true });
    await start();
    expect(await digests()).toEqual(after);
  });

  it('go on after a restart without another result', async () => {
    const before = await digests();
    await stop();
    await start();
    expect(await digests()).toEqual(before);
  });
});
