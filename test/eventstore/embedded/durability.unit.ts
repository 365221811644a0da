import { describe, expect, it } from '@jest/globals';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { EventStoreUnavailable, type NewEvent } from '../../../src/eventstore/event-store.js';
import { afterCrash, errorWithCode, FaultyFiles, insideWrite, survives } from '../../support/faulty-files.js';
import { eventFactory, revision, stream } from '../../support/log-events.js';
import { MemoryLogIndex } from '../../support/memory-log-index.js';
import { allEvents, DIRECTORY, newSimulatedLog, simulated } from '../../support/simulated-log.js';

const event = eventFactory();
const one = (): [NewEvent] => [event.json()];

/** Reopens what the disk holds after a power failure that takes all that was not flushed. */
const afterPowerFailure = (files: FaultyFiles): Promise<EmbeddedEventStore> => {
  const left = new FaultyFiles(afterCrash(files.state, survives.nothing));
  return EmbeddedEventStore.open(DIRECTORY, simulated(left));
};

describe('Group commit', () => {
  it('writes and flushes what comes at the same time once', async () => {
    const { files, log } = await newSimulatedLog();
    const operations: string[] = [];
    files.observe = ({ kind, path }) => path.includes('/log/') && operations.push(kind);

    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => log.append(stream(`orders-${i}`), 'none', one())),
    );

    expect(outcomes.every(({ outcome }) => outcome === 'appended')).toBe(true);
    expect(operations).toEqual(['write', 'flush']);
    expect(await allEvents(log)).toHaveLength(20);
    await log.close();
  });

  it('collects the next group while one is flushed', async () => {
    const { files, log } = await newSimulatedLog();
    const gate = holdBack(files);
    const first = log.append(stream('orders-1'), 'none', one());
    await gate.reached;
    const operations: string[] = [];
    files.observe = ({ kind, path }) => path.includes('/log/') && operations.push(kind);
    const later = Promise.all(
      Array.from({ length: 20 }, (_, i) => log.append(stream('orders-1'), revision(i), one())),
    );
    gate.open();

    expect(await first).toMatchObject({ outcome: 'appended', revision: 0 });
    expect((await later).map((outcome) => outcome.outcome === 'appended' && outcome.revision)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    expect(operations.filter((kind) => kind === 'write')).toHaveLength(1);
    await log.close();
  });

  it('neither answers nor shows anything before it is flushed', async () => {
    const { files, log } = await newSimulatedLog();
    await log.append(stream('orders-1'), 'none', one());
    const gate = holdBack(files);
    const events = one();
    const answers: string[] = [];
    const append = (what: string, ...args: Parameters<typeof log.append>): Promise<unknown> =>
      log.append(...args).then(() => answers.push(what));
    const waiting = [
      append('new', stream('orders-1'), revision(0), events),
      append('repeat', stream('orders-1'), revision(0), events),
      append('conflict', stream('orders-1'), revision(0), one()),
    ];
    await gate.reached;

    expect(await allEvents(log)).toHaveLength(1);
    for await (const { revision: seen } of log.readStream(stream('orders-1'))) expect(seen).toBe(0);
    // A conflict with what the log held before rests on nothing that is under way.
    await append('old conflict', stream('orders-2'), revision(7), one());
    expect(answers).toEqual(['old conflict']);

    gate.open();
    await Promise.all(waiting);
    expect(answers.slice(1).sort()).toEqual(['conflict', 'new', 'repeat']);
    expect(await allEvents(log)).toHaveLength(2);
    await log.close();
  });

  it('finishes what is under way before it closes', async () => {
    const { files, log } = await newSimulatedLog();
    const gate = holdBack(files);
    const append = log.append(stream('orders-1'), 'none', one());
    await gate.reached;
    const closed = log.close();
    gate.open();

    expect(await append).toMatchObject({ outcome: 'appended' });
    await closed;
    await expect(log.append(stream('orders-1'), revision(0), one())).rejects.toMatchObject({
      reason: 'closed',
    });
    expect(await allEvents(await afterPowerFailure(files))).toHaveLength(1);
  });
});

describe('A flush that fails', () => {
  it('stops all answers until a restart, and loses nothing that was acknowledged', async () => {
    const { files, log } = await newSimulatedLog();
    await log.append(stream('orders-1'), 'none', one());
    files.fault = ({ kind }) => (kind === 'flush' ? errorWithCode('EIO') : undefined);
    const failed = one();
    const outcomes = await Promise.allSettled([
      log.append(stream('orders-1'), revision(0), failed),
      log.append(stream('orders-1'), revision(1), one()),
    ]);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { reason: 'halted' } });

    // The disk says that it is well again. It may lie: what it lost stays lost.
    files.fault = () => undefined;
    await expect(log.append(stream('orders-1'), revision(0), failed)).rejects.toMatchObject({
      reason: 'halted',
    });
    expect(await log.health()).toMatchObject({ status: 'halted' });
    expect(await allEvents(log)).toHaveLength(1);
    await log.close();

    const reopened = await afterPowerFailure(files);
    expect(await allEvents(reopened)).toHaveLength(1);
    expect(await reopened.append(stream('orders-1'), revision(0), failed)).toMatchObject({ revision: 1 });
    expect(await reopened.health()).toEqual({ status: 'ok' });
    await reopened.close();
  });

  it('is no full disk even where it says so: nobody knows what became of the write', async () => {
    const { files, log } = await newSimulatedLog();
    files.fault = ({ kind }) => (kind === 'flush' ? errorWithCode('ENOSPC') : undefined);
    await expect(log.append(stream('orders-1'), 'none', one())).rejects.toMatchObject({ reason: 'halted' });
    await log.close();
  });
});

describe.each(['taken', 'refused', 'refused_when_written'] as const)(
  'A full disk, direct writes %s',
  (direct) => {
    const big = (): [NewEvent] => [event.binary(new Uint8Array(7_000).fill(1))];

    it('refuses appends, keeps everything, and takes them again when there is room', async () => {
      const { files, log } = await newSimulatedLog({ direct });
      files.capacity = 3 * 24 * 1024;
      let next = 0;
      let refused: unknown;
      while (!refused && next < 100)
        await log.append(stream('orders-1'), next === 0 ? 'none' : revision(next - 1), big()).then(
          () => (next += 1),
          (error: unknown) => (refused = error),
        );

      expect(refused).toBeInstanceOf(EventStoreUnavailable);
      expect(refused).toMatchObject({ reason: 'disk_full' });
      expect(await log.health()).toMatchObject({ status: 'disk_full' });
      expect(await allEvents(log)).toHaveLength(next);
      const again = big();
      await expect(log.append(stream('orders-1'), revision(next - 1), again)).rejects.toMatchObject({
        reason: 'disk_full',
      });

      files.capacity = Infinity;
      expect(await log.health()).toEqual({ status: 'ok' });
      expect(await log.append(stream('orders-1'), revision(next - 1), again)).toMatchObject({
        outcome: 'appended',
        revision: next,
        repeated: false,
      });
      expect(await log.health()).toEqual({ status: 'ok' });
      expect(await allEvents(log)).toHaveLength(next + 1);
      expect((await log.verify()).problems).toEqual([]);
      await log.close();
      expect(await allEvents(await afterPowerFailure(files))).toHaveLength(next + 1);
    });

    it('is not called full while what it refused would fit, nor well again before it does', async () => {
      // Enough for some commits and, each time, for a different part of the room that is made behind them.
      for (let capacity = 40_000; capacity < 120_000; capacity += 1_531) {
        const { files, log } = await newSimulatedLog({ roomBytes: 12 * 1024, direct });
        files.capacity = capacity;
        let next = 0;
        let refused = false;
        while (!refused)
          await log.append(stream('orders-1'), next === 0 ? 'none' : revision(next - 1), big()).then(
            () => (next += 1),
            () => (refused = true),
          );
        expect({ capacity, health: await log.health() }).toMatchObject({
          capacity,
          health: { status: 'disk_full' },
        });
        const small = one();
        const outcome = await log
          .append(stream('orders-1'), revision(next - 1), small)
          .catch((error: unknown) => error);
        const fitted = !(outcome instanceof EventStoreUnavailable);
        // A small one that went through, and the mark behind it, are no room for the large one.
        expect(await log.health()).toMatchObject({ status: 'disk_full' });
        files.capacity = Infinity;
        expect(await log.health()).toEqual({ status: 'ok' });
        await log.append(stream('orders-1'), revision(fitted ? next : next - 1), big());
        expect((await log.verify()).problems).toEqual([]);
        await log.close();
        expect(await allEvents(await afterPowerFailure(files))).toHaveLength(next + (fitted ? 2 : 1));
      }
    });

    it('takes nothing of what was under way by halves, with all that built on it', async () => {
      const { files, log } = await newSimulatedLog({ direct });
      await log.append(stream('orders-1'), 'none', one());
      files.fault = ({ write, path }) => {
        if (!write || !path.includes('/log/')) return undefined;
        files.state = insideWrite(files.state, write, (sector) => sector % 2 === 1);
        return errorWithCode('ENOSPC');
      };
      const events = [big(), one(), one()] as const;
      const outcomes = await Promise.allSettled(
        events.map((each, i) => log.append(stream('orders-1'), revision(i), each)),
      );
      for (const outcome of outcomes)
        expect(outcome).toMatchObject({ status: 'rejected', reason: { reason: 'disk_full' } });

      files.fault = () => undefined;
      expect(await log.append(stream('orders-1'), revision(0), events[1])).toMatchObject({ revision: 1 });
      expect(await log.append(stream('orders-1'), revision(1), events[0])).toMatchObject({ revision: 2 });
      expect((await log.verify()).problems).toEqual([]);
      expect(await allEvents(log)).toHaveLength(3);
      await log.close();
      const reopened = await afterPowerFailure(files);
      expect(reopened.torn).toBeUndefined();
      expect(await allEvents(reopened)).toHaveLength(3);
    });
  },
);

describe('Damage to a segment that is full', () => {
  const damagedLog = async (index: MemoryLogIndex): Promise<FaultyFiles> => {
    const { files, log } = await newSimulatedLog({ index });
    for (let next = 0; next < 40; next += 1)
      await log.append(stream('orders-1'), next === 0 ? 'none' : revision(next - 1), [
        event.binary(new Uint8Array(3_000).fill(9)),
      ]);
    await log.close();
    const inode = files.state.names.get(`${DIRECTORY}/log/0000000000000001.segment`) ?? 0;
    const damaged = Buffer.from(files.state.inodes.get(inode)?.seen ?? '');
    damaged[10_000] = 0;
    const inodes = new Map(files.state.inodes).set(inode, { seen: damaged, durable: damaged });
    return new FaultyFiles({ ...files.state, inodes });
  };
  const where = { name: 'LogCorrupt', segment: '0000000000000001.segment', offset: 6976 };

  it('is an error to those who read there, and only to them, and verification names it', async () => {
    const index = new MemoryLogIndex();
    const log = await EmbeddedEventStore.open(DIRECTORY, simulated(await damagedLog(index), { index }));

    await expect(allEvents(log)).rejects.toMatchObject(where);
    const reading = log.readStream(stream('orders-1'))[Symbol.asyncIterator]();
    await expect(reading.next()).rejects.toMatchObject({ name: 'LogCorrupt', segment: where.segment });
    const later = log.readStream(stream('orders-1'), { from: revision(30) })[Symbol.asyncIterator]();
    expect((await later.next()).value).toMatchObject({ revision: 30 });
    expect((await log.verify()).problems[0]).toMatchObject({ segment: where.segment, offset: where.offset });
    await log.close();
  });

  it('refuses the start where the index has to be made again', async () => {
    const files = await damagedLog(new MemoryLogIndex());
    await expect(EmbeddedEventStore.open(DIRECTORY, simulated(files))).rejects.toMatchObject(where);
    expect((await EmbeddedEventStore.verifyAt(DIRECTORY, simulated(files))).problems[0]).toMatchObject({
      segment: where.segment,
      offset: where.offset,
    });
  });
});

/** Holds back the next flush until it is let go. */
const holdBack = (files: FaultyFiles): { reached: Promise<void>; open: () => void } => {
  let open = (): void => undefined;
  let arrive = (): void => undefined;
  const reached = new Promise<void>((resolve) => (arrive = resolve));
  const opened = new Promise<void>((resolve) => (open = resolve));
  const { pause } = files;
  files.pause = async () => {
    arrive();
    await opened;
    files.pause = pause;
  };
  return {
    reached,
    open: () => {
      open();
    },
  };
};
