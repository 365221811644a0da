import { beforeAll, describe, expect, it } from '@jest/globals';
import type { RevisionRanges } from '../../../../src/domain/revision-ranges.js';
import { EmbeddedEventStore } from '../../../../src/eventstore/embedded/embedded-event-store.js';
import { isSealed } from '../../../../src/eventstore/embedded/sealed/format.js';
import { DroppingForbidden, type DroppingOptions } from '../../../../src/eventstore/dropping.js';
import { START, toPosition, type Position } from '../../../../src/eventstore/event-store.js';
import {
  afterCrash,
  errorWithCode,
  FaultyFiles,
  insideWrite,
  momentsOf,
  seededRandom,
  survives,
  type DiskState,
  type Operation,
} from '../../../support/faulty-files.js';
import { eventFactory, stream } from '../../../support/log-events.js';
import { MemoryLogIndex } from '../../../support/memory-log-index.js';
import { everything, SealableLoad, TELEMETRY } from '../../../support/sealable-log.js';
import { DIRECTORY, newSimulatedLog, simulated } from '../../../support/simulated-log.js';

const LOG = `${DIRECTORY}/log/`;
const TARGET = `${DIRECTORY}/sealing-segment`;
/** Of the first segments, with a gap; the other stream is none of telemetry and stays. */
const RECORDS: RevisionRanges = {
  [TELEMETRY]: [
    [0, 4],
    [7, 30],
  ],
  'things-1': [[0, 3]],
};

interface Contents {
  readonly all: readonly { readonly name: string; readonly at: number }[];
  readonly streams: readonly { readonly name: string; readonly at: number }[];
  readonly chain: string;
  readonly records: number;
  readonly problems: readonly unknown[];
}

interface Made {
  readonly disk: DiskState;
  readonly index: MemoryLogIndex;
  /** The record that says what is to be dropped. */
  readonly through: Position;
  readonly before: Contents;
  readonly after: Contents;
}

const contentsOf = async (log: EmbeddedEventStore): Promise<Contents> => (await everything(log)) as Contents;

const isGone = ({ name, at }: { name: string; at: number }): boolean =>
  name === TELEMETRY && (RECORDS[TELEMETRY] ?? []).some(([from, to]) => at >= from && at <= to);

/** A closed log of some segments, the first of them sealed, that says of some of its records that they are gone. */
const makeLog = async (): Promise<Made> => {
  const index = new MemoryLogIndex();
  const { files, log } = await newSimulatedLog({ index });
  const load = new SealableLoad();
  while ((await log.stat()).segments < 3) await load.append(log);
  await log.seal();
  while ((await log.stat()).segments < 5) await load.append(log);
  const retired = eventFactory(5).json({ records: RECORDS }, 'TelemetryRetired');
  const outcome = await log.append(stream('retention-a'), 'none', [retired]);
  if (outcome.outcome !== 'appended') throw new Error(outcome.outcome);
  const before = await contentsOf(log);
  await log.close();
  const without = <T extends { name: string; at: number }>(records: readonly T[]): T[] =>
    records.filter((record) => !isGone(record));
  const after = { ...before, all: without(before.all), streams: without(before.streams) };
  return { disk: files.state, index, through: outcome.position, before, after };
};

let made: Made;
beforeAll(async () => {
  made = await makeLog();
});

const open = (files: FaultyFiles, index = new MemoryLogIndex([...made.index.commits])) =>
  EmbeddedEventStore.open(DIRECTORY, simulated(files, { index }));

const options = (): DroppingOptions => ({
  isAllowed: () => true,
  signal: new AbortController().signal,
});

const drop = (log: EmbeddedEventStore) =>
  log.dropping.drop({ records: RECORDS, cuts: {} }, made.through, options());

const bytesIn = ({ state }: FaultyFiles): Buffer =>
  Buffer.concat(
    [...state.names]
      .filter(([path]) => path.startsWith(LOG))
      .map(([, inode]) => state.inodes.get(inode)?.seen ?? Buffer.alloc(0)),
  );

describe('Records that are dropped', () => {
  it('are seen no more; all others are as they were, and so are positions and the chain', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const early = log.readAll(START)[Symbol.asyncIterator]();
    await early.next();
    const shares: number[] = [];
    const result = await log.dropping.drop({ records: RECORDS, cuts: {} }, made.through, {
      ...options(),
      onShare: (share) => shares.push(share),
    });
    await early.return(undefined);
    expect(result.records).toBe(made.before.all.filter(isGone).length);
    expect(result.records).toBeGreaterThan(20);
    expect(result.bytes).toBeLessThan(result.before_bytes);
    expect(shares.at(-1)).toBe(1);
    expect(await contentsOf(log)).toEqual(made.after);
    expect(await log.verify()).toMatchObject({ dropped: result.records, problems: [] });
    // Again it finds nothing to do.
    expect(await drop(log)).toMatchObject({ segments: 0, records: 0 });
    await log.close();
    expect([...files.state.names.keys()]).not.toContain(TARGET);

    for (const index of [undefined, new MemoryLogIndex()]) {
      const again = await open(new FaultyFiles(files.state), index);
      expect(await contentsOf(again)).toEqual(made.after);
      await again.seal();
      expect(await contentsOf(again)).toEqual(made.after);
      await again.close();
    }
  });

  it('leave nothing of what they held in the files', async () => {
    const secret = 'ada@example.com';
    const { files, log } = await newSimulatedLog();
    const event = eventFactory();
    const telemetry = event.binary(Buffer.from(JSON.stringify({ type: 'api_call', user_id: secret })));
    const [first] = event.many(1);
    const held = { ...telemetry, metadata: { ...telemetry.metadata, request_id: 'req-of-ada' } };
    await log.append(TELEMETRY, 'none', [held]);
    await log.append(stream('things-1'), 'none', [first]);
    expect(bytesIn(files).includes(secret)).toBe(true);
    const position = await log.head();
    // It is in the segment that is written to: another one is begun.
    const result = await log.dropping.drop(
      { records: { [TELEMETRY]: [[0, 0]] }, cuts: {} },
      position,
      options(),
    );
    expect(result).toMatchObject({ segments: 1, records: 1 });
    expect(bytesIn(files).includes(secret)).toBe(false);
    expect(bytesIn(files).includes('req-of-ada')).toBe(false);
    const seen: string[] = [];
    for await (const { events } of log.readAll(START)) seen.push(...events.map(({ type }) => type));
    expect(seen).toEqual(['ThingHappened']);
    // Its id is taken for good, and its stream goes on where it was.
    expect(await log.append(TELEMETRY, 'none', [held])).toMatchObject({
      outcome: 'appended',
      repeated: true,
    });
    expect(await log.append(TELEMETRY, 'none', [event.binary(Buffer.from('{}'))])).toEqual({
      outcome: 'conflict',
      actual: 0,
    });
    await log.close();
  });

  it('that nobody said were to be dropped are found out', async () => {
    const log = await open(new FaultyFiles(made.disk));
    await log.dropping.drop({ records: { [TELEMETRY]: [[5, 5]] }, cuts: {} }, made.through, options());
    const { problems } = await log.verify();
    expect(problems).toEqual([
      expect.objectContaining({ detail: expect.stringMatching(/revision 5 .* gone/u) as unknown }),
    ]);
    await log.close();
  });

  it('stay where it is not allowed, at whatever moment', async () => {
    for (const allowed of [0, 1, 2, 3]) {
      const files = new FaultyFiles(made.disk);
      const log = await open(files);
      let left = allowed;
      const isAllowed = (): boolean => left-- > 0;
      await expect(
        log.dropping.drop({ records: RECORDS, cuts: {} }, made.through, { ...options(), isAllowed }),
      ).rejects.toThrow(DroppingForbidden);
      expect([...files.state.names.keys()]).not.toContain(TARGET);
      expect((await log.verify()).problems).toEqual([]);
      await drop(log);
      expect(await contentsOf(log)).toEqual(made.after);
      await log.close();
    }
  });
});

describe('Dropping that fails', () => {
  const operations = async (): Promise<Operation[]> => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const all: Operation[] = [];
    files.observe = (operation) => all.push(operation);
    await drop(log);
    files.observe = () => undefined;
    await log.close();
    return all;
  };

  it('leaves one whole form of each segment, at whatever operation, and can be tried again', async () => {
    const all = await operations();
    expect(all.filter(({ kind }) => kind === 'rename').length).toBeGreaterThan(1);
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
        const outcome = await drop(log).then(
          () => undefined,
          (error: unknown) => error,
        );
        // Without the filters of its texts a segment is as good, but for the time that searching it takes.
        if (failed.some((path) => path.includes('text-filters'))) expect(outcome).toBeUndefined();
        else expect(outcome).toMatchObject({ code });
        files.fault = () => undefined;
        expect([...files.state.names.keys()]).not.toContain(TARGET);
        expect(await log.verify()).toMatchObject({ problems: [] });
        await drop(log);
        expect(await contentsOf(log)).toEqual(made.after);
        await log.close();
      }
  });

  it('because the power went, at whatever operation and inside each write, leaves one whole form of each segment', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const during = await momentsOf(files, () => drop(log));
    await log.close();
    const moments = [...during, files.state];

    const random = seededRandom(3);
    const counts = new Set<number>();
    for (const moment of moments)
      for (const keeps of [survives.all, survives.nothing, survives.some(random)]) {
        const opened = await open(new FaultyFiles(afterCrash(moment, keeps)));
        const { chain, records, problems, dropped } = await opened.verify();
        expect({ chain, records, problems }).toEqual({
          chain: made.before.chain,
          records: made.before.records,
          problems: [],
        });
        counts.add(dropped);
        const { all } = await contentsOf(opened);
        expect(all.length + dropped).toBe(made.before.all.length);
        expect(all.filter((record) => !isGone(record))).toEqual(made.after.all);
        await drop(opened);
        expect(await contentsOf(opened)).toEqual(made.after);
        await opened.close();
      }
    // Nothing of it, all of it, and some segments of it.
    expect(counts.size).toBeGreaterThan(2);
  });

  it('where the segment is the one that is written to, at whatever operation and moment, loses nothing', async () => {
    const load = new SealableLoad();
    const { files: first, log: small } = await newSimulatedLog();
    for (let i = 0; i < 12; i += 1) await load.append(small);
    const records: RevisionRanges = { [TELEMETRY]: [[0, 2]] };
    const said = await small.append(stream('retention-a'), 'none', [
      eventFactory(6).json({ records }, 'TelemetryRetired'),
    ]);
    if (said.outcome !== 'appended') throw new Error(said.outcome);
    const { chain, records: count } = await small.verify();
    await small.close();
    const reopened = (files: FaultyFiles) =>
      EmbeddedEventStore.open(DIRECTORY, simulated(files, { index: new MemoryLogIndex() }));
    const dropped = async (log: EmbeddedEventStore): Promise<void> => {
      await log.dropping.drop({ records, cuts: {} }, said.position, options());
      expect(await log.verify()).toMatchObject({ chain, records: count, dropped: 3, problems: [] });
    };

    const files = new FaultyFiles(first.state);
    const log = await reopened(files);
    const moments: DiskState[] = [];
    let all = 0;
    files.observe = ({ write }, before) => {
      all += 1;
      moments.push(before);
      if (write) moments.push(insideWrite(before, write, (sector) => sector % 2 === 0));
    };
    await dropped(log);
    files.observe = () => undefined;
    await log.close();
    const random = seededRandom(4);
    for (const moment of moments)
      for (const keeps of [survives.all, survives.nothing, survives.some(random)]) {
        const opened = await reopened(new FaultyFiles(afterCrash(moment, keeps)));
        expect(await opened.verify()).toMatchObject({ chain, records: count, problems: [] });
        await dropped(opened);
        await opened.close();
      }
    // A full disk is told, and there is room later; what was appended meanwhile is there.
    for (let fails = 0; fails < all; fails += 1) {
      const full = new FaultyFiles(first.state);
      const opened = await reopened(full);
      let operations = 0;
      full.fault = () => (operations++ === fails ? errorWithCode('ENOSPC') : undefined);
      await opened.dropping.drop({ records, cuts: {} }, said.position, options()).catch(() => undefined);
      full.fault = () => undefined;
      await opened.health();
      await dropped(opened);
      const more = await opened.append(stream('things-2'), 'none', [eventFactory(7).json()]);
      expect(more).toMatchObject({ outcome: 'appended', position: toPosition(count + 1) });
      await opened.close();
    }
  });

  it('because the segment is damaged leaves it as it is', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const sealed = [...files.state.names].find(
      ([path, inode]) =>
        path.startsWith(LOG) && isSealed(files.state.inodes.get(inode)?.seen ?? Buffer.alloc(0)),
    );
    const file = await files.open(sealed?.[0] ?? '', 'write');
    await file.write(Buffer.from([0xff, 0xff, 0xff]), 300);
    const before = files.state.inodes.get(sealed?.[1] ?? 0)?.seen;
    await expect(drop(log)).rejects.toThrow('corrupt');
    expect(files.state.inodes.get(sealed?.[1] ?? 0)?.seen).toBe(before);
    await log.close();
  });
});
