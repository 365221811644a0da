import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedEventStore } from '../../../src/eventstore/embedded/embedded-event-store.js';
import { LogInUse, LogNotInitialised } from '../../../src/eventstore/embedded/options.js';
import type { Revision } from '../../../src/eventstore/event-store.js';
import { removeDirectory, smallLog, temporaryDirectory } from '../../support/embedded-log.js';
import { eventFactory, revision, stream } from '../../support/log-events.js';
import { allEvents } from '../../support/simulated-log.js';

const options = { ...smallLog, segmentBytes: 64 * 1024, maxAppendBytes: 32 * 1024 };

let directory = '';
const open = (): Promise<EmbeddedEventStore> => EmbeddedEventStore.open(directory, options);

/** Every file in the log, with its size, its time of change and its hash. */
const fingerprint = async (): Promise<string[]> =>
  Promise.all(
    (await readdir(join(directory, 'log'))).sort().map(async (name) => {
      const path = join(directory, 'log', name);
      const { size, mtimeMs } = await stat(path);
      return `${name} ${size} ${mtimeMs} ${createHash('sha256')
        .update(await readFile(path))
        .digest('hex')}`;
    }),
  );

const fill = async (log: EmbeddedEventStore, events: number): Promise<void> => {
  const event = eventFactory();
  for (let next = 0; next < events; next += 10)
    await log.append(stream('orders-1'), next === 0 ? 'none' : revision(next - 1), event.many(10));
};

beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => removeDirectory(directory));

describe('Starting', () => {
  it('needs a log that was initialised, and makes none', async () => {
    await expect(open()).rejects.toThrow(LogNotInitialised);
    expect(await readdir(directory)).toEqual([]);
    await mkdir(join(directory, 'log'));
    await expect(open()).rejects.toThrow(LogNotInitialised);
    expect(await readdir(join(directory, 'log'))).toEqual([]);
  });

  it('initialises twice without harm', async () => {
    await EmbeddedEventStore.initialise(directory, options);
    const log = await open();
    await fill(log, 20);
    await log.close();
    const before = await fingerprint();

    await EmbeddedEventStore.initialise(directory, options);
    expect(await fingerprint()).toEqual(before);
  });

  it('leaves every byte of the log as it was, 20 times', async () => {
    await EmbeddedEventStore.initialise(directory, options);
    const log = await open();
    await fill(log, 400);
    await log.truncate(stream('orders-1'), 5 as Revision);
    await log.close();
    const before = await fingerprint();
    expect(before.length).toBeGreaterThan(2);

    for (let start = 0; start < 20; start += 1) await (await open()).close();

    expect(await fingerprint()).toEqual(before);
    expect((await readdir(directory)).sort()).toEqual(['index', 'log']);
  });

  it('refuses a log that is open already, and takes it when it is free', async () => {
    await EmbeddedEventStore.initialise(directory, options);
    const log = await open();
    await expect(open()).rejects.toThrow(LogInUse);
    await expect(EmbeddedEventStore.initialise(directory, options)).rejects.toThrow(LogInUse);
    await log.close();
    await (await open()).close();
  });

  it('locks a directory whose path is longer than a socket’s may be', async () => {
    const outer = directory;
    directory = join(outer, 'd'.repeat(120));
    await EmbeddedEventStore.initialise(directory, options);
    const log = await open();
    await expect(open()).rejects.toThrow(LogInUse);
    await log.close();
    await (await open()).close();
    directory = outer;
  });

  it('begins again where it ended, with a log of several segments', async () => {
    await EmbeddedEventStore.initialise(directory, options);
    const event = eventFactory();
    for (let start = 0; start < 6; start += 1) {
      const log = await open();
      for (let i = 0; i < 10; i += 1) {
        const next = start * 100 + i * 10;
        const outcome = await log.append(
          stream('orders-1'),
          next === 0 ? 'none' : revision(next - 1),
          event.many(10),
        );
        expect(outcome).toMatchObject({ outcome: 'appended', revision: next + 9 });
      }
      await log.close();
    }
    const log = await open();
    expect((await log.stat()).segments).toBeGreaterThan(3);
    expect(await log.stat()).toMatchObject({ records: 600, streams: 1, head: await log.head() });
    expect((await allEvents(log)).map((recorded) => recorded.revision)).toEqual([...Array(600).keys()]);
    const { chain } = await log.stat();
    expect(await log.verify()).toEqual({
      records: 600,
      dropped: 0,
      cut: 0,
      bytes: (await log.stat()).bytes,
      head: await log.head(),
      chain,
      problems: [],
    });
    await log.close();
  });
});

describe('The index', () => {
  beforeEach(async () => {
    await EmbeddedEventStore.initialise(directory, options);
    const log = await open();
    await fill(log, 400);
    await log.truncate(stream('orders-1'), 5 as Revision);
    await log.close();
  });

  const works = async (): Promise<void> => {
    const before = await fingerprint();
    const log = await open();
    expect(await fingerprint()).toEqual(before);
    const known = eventFactory().many(10);
    expect(await log.append(stream('orders-1'), 'none', known)).toMatchObject({
      repeated: true,
      revision: 9,
    });
    const seen: number[] = [];
    for await (const recorded of log.readStream(stream('orders-1'))) seen.push(recorded.revision);
    expect(seen).toEqual([...Array(395).keys()].map((i) => i + 5));
    expect((await log.verify()).problems).toEqual([]);
    await log.close();
  };

  it('is made again from the log where it is lost', async () => {
    await rm(join(directory, 'index'), { recursive: true });
    await works();
  });

  it('is made again where it is no index any more', async () => {
    for (const name of await readdir(join(directory, 'index')))
      await writeFile(join(directory, 'index', name), Buffer.alloc(32_768, 0xa5));
    await works();
  });

  it('vouches for what was acknowledged: a log that ends too early is refused', async () => {
    const log = join(directory, 'log');
    const last = (await readdir(log)).sort().at(-1) ?? '';
    await rm(join(log, last));
    await expect(open()).rejects.toMatchObject({ name: 'LogCorrupt' });
  });

  it('belongs to its log: another one in its place is refused until the index is removed', async () => {
    const other = await temporaryDirectory();
    const mine = directory;
    directory = other;
    await EmbeddedEventStore.initialise(other, options);
    const log = await open();
    const event = eventFactory(7);
    for (let next = 0; next < 500; next += 10)
      await log.append(stream('orders-1'), next === 0 ? 'none' : revision(next - 1), event.many(10));
    await log.close();
    directory = mine;
    await rm(join(mine, 'log'), { recursive: true });
    await rename(join(other, 'log'), join(mine, 'log'));
    await removeDirectory(other);

    await expect(open()).rejects.toMatchObject({ name: 'LogCorrupt' });
    await rm(join(mine, 'index'), { recursive: true });
    const opened = await open();
    expect(await allEvents(opened)).toHaveLength(500);
    await opened.close();
  });
});

describe('The log directory', () => {
  beforeEach(async () => {
    await EmbeddedEventStore.initialise(directory, options);
    const log = await open();
    await fill(log, 400);
    await log.close();
  });

  it('holds segments and nothing else', async () => {
    await writeFile(join(directory, 'log', 'notes.txt'), 'x');
    await expect(open()).rejects.toMatchObject({ name: 'LogCorrupt', segment: 'notes.txt' });
  });

  it.each([0, 1])('is refused where segment %i is missing, with or without the index', async (missing) => {
    const names = (await readdir(join(directory, 'log'))).sort();
    await rm(join(directory, 'log', names[missing] ?? ''));
    await expect(open()).rejects.toMatchObject({ name: 'LogCorrupt' });
    await rm(join(directory, 'index'), { recursive: true });
    await expect(open()).rejects.toMatchObject({ name: 'LogCorrupt' });
  });
});
