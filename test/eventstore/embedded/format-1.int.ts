import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EventId } from '../../../src/domain/ids.js';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { removeDirectory, smallLog, temporaryDirectory } from '../../support/embedded-log.js';
import { eventFactory, revision, stream } from '../../support/log-events.js';
import { allEvents } from '../../support/simulated-log.js';

/** Two segments as they were written before format 2: six events of one stream, the first of them hidden. */
const written = join(import.meta.dirname, 'format-1');
const id = (n: number): EventId => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}` as EventId;
const expected = Array.from({ length: 6 }, (_, n) => ({
  id: id(n),
  type: n % 2 ? 'ThingRecorded' : 'ThingHappened',
  revision: n,
  data: n % 2 ? Buffer.alloc(100, n) : { n },
}));

let directory = '';
const open = (): Promise<EmbeddedEventStore> => EmbeddedEventStore.open(directory, smallLog);
const segments = async (): Promise<string[]> => (await readdir(join(directory, 'log'))).sort();

beforeEach(async () => {
  directory = await temporaryDirectory();
  await cp(written, join(directory, 'log'), { recursive: true });
});
afterEach(() => removeDirectory(directory));

describe('A log with segments of format 1', () => {
  it('is read as it was written, with its index and without', async () => {
    for (let start = 0; start < 2; start += 1) {
      const log = await open();
      expect(await allEvents(log)).toMatchObject(expected);
      const seen: unknown[] = [];
      for await (const event of log.readStream(stream('orders-1'))) seen.push(event);
      expect(seen).toMatchObject(expected.slice(1));
      expect((await log.verify()).problems).toEqual([]);
      await log.close();
      await rm(join(directory, 'index'), { recursive: true });
    }
  });

  it('goes on in a segment of format 2, and changes no byte of the old ones', async () => {
    const old = await segments();
    const before = await Promise.all(old.map((name) => readFile(join(directory, 'log', name))));
    const log = await open();
    const events = eventFactory().many(3);
    expect(await log.append(stream('orders-1'), revision(5), events)).toMatchObject({ revision: 8 });
    await log.close();

    const [added = ''] = (await segments()).filter((name) => !old.includes(name));
    expect((await readFile(join(directory, 'log', added))).readUInt32LE(4)).toBe(2);
    for (const [i, name] of old.entries()) {
      // The room behind the last commit is given back.
      const now = await readFile(join(directory, 'log', name));
      expect(before[i]?.subarray(0, now.length).equals(now)).toBe(true);
      expect(before[i]?.subarray(now.length).every((byte) => byte === 0)).toBe(true);
    }
    const again = await open();
    expect(await allEvents(again)).toMatchObject([...expected, ...events]);
    expect(await again.append(stream('orders-1'), 'none', [events[0]])).toMatchObject({ repeated: true });
    expect((await again.verify()).problems).toEqual([]);
    await again.close();
  });

  it('is refused where a bit of it is turned over', async () => {
    for (const name of await segments()) {
      const path = join(directory, 'log', name);
      const bytes = await readFile(path);
      for (const at of [70, 200, 700]) {
        bytes[at]! ^= 4;
        await writeFile(path, bytes);
        await expect(open()).rejects.toMatchObject({ name: 'LogCorrupt', segment: name });
        bytes[at]! ^= 4;
      }
      await writeFile(path, bytes);
    }
  });
});
