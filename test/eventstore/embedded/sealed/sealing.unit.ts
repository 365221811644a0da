import { beforeAll, describe, expect, it } from '@jest/globals';
import { EmbeddedEventStore } from '../../../../src/eventstore/embedded/embedded-event-store.js';
import { isSealed } from '../../../../src/eventstore/embedded/sealed/format.js';
import { LogCorrupt, START, type RecordedEvent } from '../../../../src/eventstore/event-store.js';
import {
  afterCrash,
  errorWithCode,
  FaultyFiles,
  momentsOf,
  seededRandom,
  survives,
  type DiskState,
  type Operation,
} from '../../../support/faulty-files.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { MemoryLogIndex } from '../../../support/memory-log-index.js';
import { everything, seen, SealableLoad, TELEMETRY } from '../../../support/sealable-log.js';
import { until } from '../../../support/until.js';
import { eventFactory, revision } from '../../../support/log-events.js';
import { DIRECTORY, newSimulatedLog, simulated } from '../../../support/simulated-log.js';

const LOG = `${DIRECTORY}/log/`;
const TARGET = `${DIRECTORY}/sealing-segment`;

interface Made {
  readonly disk: DiskState;
  readonly index: MemoryLogIndex;
  readonly contents: object;
  readonly segments: number;
}

/** A closed log of some segments, none of them sealed. */
const makeLog = async (): Promise<Made> => {
  const index = new MemoryLogIndex();
  const { files, log } = await newSimulatedLog({ index });
  const load = new SealableLoad();
  while ((await log.stat()).segments < 4) await load.append(log);
  const contents = await everything(log);
  const { segments } = await log.stat();
  await log.close();
  return { disk: files.state, index, contents, segments };
};

let made: Made;
beforeAll(async () => {
  made = await makeLog();
});

const open = (files: FaultyFiles, index = new MemoryLogIndex([...made.index.commits])) =>
  EmbeddedEventStore.open(DIRECTORY, simulated(files, { index }));

/** For each segment whether it is sealed. */
const forms = ({ state }: FaultyFiles): boolean[] =>
  [...state.names]
    .filter(([path]) => path.startsWith(LOG))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, inode]) => isSealed(state.inodes.get(inode)?.seen ?? Buffer.alloc(0)));

describe('A log whose full segments are sealed', () => {
  it('shows the same records under the same positions, and the same chain', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const progress: number[] = [];
    const result = await log.seal(({ bytes, total }) => progress.push(bytes / total));
    expect(result.segments).toBe(made.segments - 1);
    expect(result.bytes).toBeLessThan(result.raw_bytes / 2);
    expect(progress.at(-1)).toBe(1);
    expect([...progress].sort((a, b) => a - b)).toEqual(progress);
    expect(forms(files)).toEqual([true, true, true, false]);
    expect(await everything(log)).toEqual(made.contents);
    await log.close();
    expect([...files.state.names.keys()]).not.toContain(TARGET);

    for (const index of [undefined, new MemoryLogIndex()]) {
      const again = await open(new FaultyFiles(files.state), index);
      expect(await everything(again)).toEqual(made.contents);
      expect(await again.seal()).toMatchObject({ segments: 0 });
      await again.close();
    }
  });

  it('goes on taking records, and seals what fills up next', async () => {
    const files = new FaultyFiles();
    await EmbeddedEventStore.initialise(DIRECTORY, simulated(files));
    const log = await EmbeddedEventStore.open(DIRECTORY, simulated(files));
    const load = new SealableLoad();
    for (let segments = 2; segments < 5; segments += 1) {
      while ((await log.stat()).segments < segments) await load.append(log);
      expect(await log.seal()).toMatchObject({ segments: 1 });
    }
    expect((await log.verify()).problems).toEqual([]);
    await log.close();
  });

  it('is read to its end by those who began before', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const early = log.readAll(START)[Symbol.asyncIterator]();
    const first = await early.next();
    const events: RecordedEvent[] = first.done ? [] : [...first.value.events];
    await log.seal();
    for (let step = await early.next(); !step.done; step = await early.next())
      events.push(...step.value.events);
    expect(events.map(seen)).toEqual((made.contents as { all: object[] }).all);
    await log.close();
  });

  it('gives folds the lines of telemetry in columns', async () => {
    const log = await open(new FaultyFiles(made.disk));
    await log.seal();
    const { value } = await log.readStream(TELEMETRY).next();
    if (!value) throw new Error('no event');
    expect(value.lines?.bytes().equals(value.data as Uint8Array)).toBe(true);
    expect(value.lines?.bytes(2).toString()).toBe(
      Buffer.from(value.data as Uint8Array)
        .toString()
        .split('\n')
        .slice(-2)
        .join('\n'),
    );
    await log.close();
  });

  it('seals by itself once it is told to, and stops where it is closed', async () => {
    const files = new FaultyFiles(made.disk);
    const clock = new ManualClock();
    const log = await EmbeddedEventStore.open(
      DIRECTORY,
      simulated(files, { clock, index: new MemoryLogIndex([...made.index.commits]) }),
    );
    const sealed: string[] = [];
    await new Promise<void>((resolve, reject) => {
      log.startSealing({
        sealed: (segment) => {
          if (sealed.push(segment) === made.segments - 1) resolve();
        },
        failed: reject,
      });
    });
    expect(forms(files)).toEqual([true, true, true, false]);
    expect(await everything(log)).toEqual(made.contents);
    await log.close();
  });
});

describe('Sealing while much is appended', () => {
  const event = eventFactory(5);
  const LINES = Buffer.from(
    Array.from({ length: 2_000 }, (_, i) => `{"type":"tick","status_code":${i}}`).join('\n'),
  );

  /** Fills segments within half a second, and begins to seal. */
  const fill = async (
    most_waiting: number,
  ): Promise<{ log: EmbeddedEventStore; clock: ManualClock; sealed: string[] }> => {
    const clock = new ManualClock();
    const { log } = await newSimulatedLog({
      clock,
      segmentBytes: 1024 * 1024,
      maxAppendBytes: 256 * 1024,
      unsealedSegments: most_waiting,
    });
    for (let i = 0; (await log.stat()).segments < 6; i += 1)
      await log.append(TELEMETRY, i === 0 ? 'none' : revision(i - 1), [event.binary(LINES)]);
    clock.advance(500);
    const sealed: string[] = [];
    log.startSealing({ sealed: (segment) => sealed.push(segment), failed: () => undefined });
    await passed();
    return { log, clock, sealed };
  };

  /** Long enough for a segment to be looked at. */
  const passed = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 50));

  it('waits until there is less', async () => {
    const { log, clock, sealed } = await fill(5);
    expect(sealed).toEqual([]);
    clock.advance(1_000);
    await until(() => sealed.length === 5);
    await log.close();
  });

  it('does not wait where more segments do than may', async () => {
    const { log, sealed } = await fill(4);
    await until(() => sealed.length > 0);
    await log.close();
  });
});

describe('Sealing that fails', () => {
  /** Every operation on the disk that sealing all segments makes. */
  const operations = async (): Promise<Operation[]> => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const seenOperations: Operation[] = [];
    files.observe = (operation) => seenOperations.push(operation);
    await log.seal();
    files.observe = () => undefined;
    await log.close();
    return seenOperations;
  };

  it('leaves one whole form of each segment, at whatever operation, and can be tried again', async () => {
    const all = await operations();
    expect(new Set(all.map(({ kind }) => kind))).toEqual(
      new Set(['create', 'write', 'flush', 'rename', 'flushDirectory']),
    );
    for (const code of ['EIO', 'ENOSPC'])
      for (let fails = 0; fails < all.length; fails += 1) {
        const files = new FaultyFiles(made.disk);
        const log = await open(files);
        let count = 0;
        const failed: string[] = [];
        files.fault = ({ path }) => {
          if (count++ !== fails) return undefined;
          failed.push(path);
          return errorWithCode(code);
        };
        const outcome = await log.seal().then(
          () => undefined,
          (error: unknown) => error,
        );
        // Without the filters of its texts a segment is as good, but for the time that searching it takes.
        if (failed.some((path) => path.includes('text-filters'))) expect(outcome).toBeUndefined();
        else expect(outcome).toMatchObject({ code });
        files.fault = () => undefined;
        expect([...files.state.names.keys()]).not.toContain(TARGET);
        expect(await log.verify()).toMatchObject({ problems: [] });

        await log.seal();
        expect(forms(files)).toEqual([true, true, true, false]);
        expect(await everything(log)).toEqual(made.contents);
        await log.close();
      }
  });

  it('because the power went, at whatever operation and inside each write, leaves one whole form of each segment', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const during = await momentsOf(files, () => log.seal());
    await log.close();
    const moments = [...during, files.state];

    const random = seededRandom(3);
    const seenForms = new Set<string>();
    for (const moment of moments)
      for (const keeps of [survives.all, survives.nothing, survives.some(random)]) {
        const after = new FaultyFiles(afterCrash(moment, keeps));
        const opened = await open(after);
        seenForms.add(forms(after).map(Number).join(''));
        expect(await everything(opened)).toEqual(made.contents);
        await opened.close();
        expect([...after.state.names.keys()]).not.toContain(TARGET);
      }
    expect([...seenForms].sort()).toEqual(['0000', '1000', '1100', '1110']);
  });

  it('on a full disk says so, and the log goes on', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    files.fault = ({ path }) => (path === TARGET ? errorWithCode('ENOSPC') : undefined);
    await new Promise<void>((resolve) => {
      log.startSealing({
        sealed: () => undefined,
        failed: () => {
          resolve();
        },
      });
    });
    expect(await log.health()).toMatchObject({
      status: 'ok',
      detail: expect.stringContaining('ENOSPC') as unknown,
    });
    expect(await everything(log)).toEqual(made.contents);
    files.fault = () => undefined;
    await log.seal();
    expect((await log.health()).detail).toBeUndefined();
    await log.close();
  });

  it('where the segment is damaged leaves it as it is', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const [path, inode] = [...files.state.names].find(([name]) => name.startsWith(LOG))!;
    const file = await files.open(path, 'write');
    await file.write(Buffer.from([0xff, 0xff, 0xff]), 300);
    const before = files.state.inodes.get(inode)?.seen;
    await expect(log.seal()).rejects.toThrow(LogCorrupt);
    expect(files.state.inodes.get(files.state.names.get(path)!)?.seen).toBe(before);
    await log.close();
  });
});

describe('Damage to a sealed segment', () => {
  it('is found, wherever a byte changes', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    await log.seal();
    await log.close();
    const [path, inode] = [...files.state.names].find(([name]) => name.startsWith(LOG))!;
    const whole = files.state.inodes.get(inode)!.seen;
    for (let at = 0; at < whole.length; at += 7) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      const inodes = new Map(files.state.inodes).set(inode, { seen: damaged, durable: damaged });
      const found = await problemsOf(new FaultyFiles({ ...files.state, inodes }));
      expect({ at, found }).toMatchObject({
        at,
        found: expect.stringContaining(path.slice(LOG.length)) as unknown,
      });
    }
  });

  /** What checking a damaged log says. */
  const problemsOf = async (files: FaultyFiles): Promise<string> => {
    try {
      const { problems } = await EmbeddedEventStore.verifyAt(DIRECTORY, simulated(files));
      return JSON.stringify(problems);
    } catch (error) {
      return String(error);
    }
  };
});
