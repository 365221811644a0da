import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { smallLog } from '../support/embedded-log.js';
import { eventFactory, revision, stream } from '../support/log-events.js';
import { allEvents } from '../support/simulated-log.js';
import { smallDisk } from '../support/small-disk.js';

const disk = smallDisk('8m');

const options = { ...smallLog, segmentBytes: 1024 * 1024, maxAppendBytes: 512 * 1024 };

// Only an administrator may mount a disk; elsewhere the full disk is simulated (durability.unit.ts).
(disk.mounted ? describe : describe.skip)('A disk of 8 MB that is full', () => {
  let rejections = 0;
  const count = (): void => {
    rejections += 1;
  };
  beforeAll(() => {
    process.on('unhandledRejection', count);
  });
  afterAll(() => {
    process.off('unhandledRejection', count);
    disk.remove();
  });

  it('refuses appends, loses nothing, and takes them again when there is room, without a restart', async () => {
    const ballast = join(disk.path, 'ballast');
    await writeFile(ballast, Buffer.alloc(2 * 1024 * 1024, 1));
    const directory = join(disk.path, 'data');
    await EmbeddedEventStore.initialise(directory, options);
    const log = await EmbeddedEventStore.open(directory, options);
    const event = eventFactory();
    const fill = async (from: number): Promise<{ next: number; refused: unknown }> => {
      for (let next = from; next < from + 10_000; next += 20) {
        const events = event.many(19);
        events.push(event.binary(new Uint8Array(50_000).fill(3)));
        const expected = next === 0 ? 'none' : revision(next - 1);
        const outcome = await log
          .append(stream('orders-1'), expected, events)
          .catch((error: unknown) => error);
        if (outcome instanceof Error) return { next, refused: outcome };
      }
      throw new Error('the disk never filled up');
    };

    const full = await fill(0);
    expect(full.next).toBeGreaterThan(0);
    expect(full.refused).toMatchObject({ reason: 'disk_full' });
    expect(await log.health()).toMatchObject({ status: 'disk_full' });
    expect(await allEvents(log)).toHaveLength(full.next);

    await unlink(ballast);
    const later = await fill(full.next);
    expect(later.next).toBeGreaterThan(full.next);
    expect(await allEvents(log)).toHaveLength(later.next);
    await log.close();

    // A start on the full disk does what it can.
    const again = await EmbeddedEventStore.open(directory, options);
    expect(await allEvents(again)).toHaveLength(later.next);
    const known = eventFactory().many(19);
    expect(await again.append(stream('orders-1'), 'none', known)).toMatchObject({
      repeated: true,
      revision: 18,
    });
    await again.close();
    const { problems, records } = await EmbeddedEventStore.verifyAt(directory, options);
    expect({ problems, records }).toEqual({ problems: [], records: later.next });
    await rm(directory, { recursive: true });
    expect(rejections).toBe(0);
  });

  it('goes on while only the index has no room, and brings it up when there is', async () => {
    const directory = join(disk.path, 'index-only');
    const roomy = { ...smallLog, roomBytes: 1024 * 1024 };
    await EmbeddedEventStore.initialise(directory, roomy);
    const log = await EmbeddedEventStore.open(directory, roomy);
    const event = eventFactory(1);
    const first = event.many(100);
    await log.append(stream('orders-1'), 'none', first);
    const ballast = join(disk.path, 'ballast');
    await writeFile(ballast, Buffer.alloc(8 * 1024 * 1024, 1)).catch(() => undefined);
    for (let next = 100; next < 2_500; next += 100) {
      const outcome = await log.append(stream('orders-1'), revision(next - 1), event.many(100));
      expect(outcome).toMatchObject({ outcome: 'appended', revision: next + 99 });
    }
    await log.stat(); // makes the index try
    expect(await log.append(stream('orders-1'), 'none', first)).toMatchObject({
      repeated: true,
      revision: 99,
    });
    expect(await log.health()).toMatchObject({
      status: 'ok',
      detail: expect.stringContaining('index'),
    });
    expect((await log.verify()).problems).not.toEqual([]);

    await unlink(ballast);
    await log.close();
    const again = await EmbeddedEventStore.open(directory, smallLog);
    expect((await again.verify()).problems).toEqual([]);
    expect(await again.stat()).toMatchObject({ records: 2_500, streams: 1 });
    await again.close();
    expect(rejections).toBe(0);
  });
});
