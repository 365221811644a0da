import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Cut } from '../../../../src/domain/erasure/erasure.js';
import type { ChunkCuts } from '../../../../src/domain/erasure/cut.js';
import { DroppingForbidden, type DroppingOptions } from '../../../../src/eventstore/dropping.js';
import { EmbeddedEventStore } from '../../../../src/eventstore/embedded/embedded-event-store.js';
import { START, type Position, type RecordedEvent } from '../../../../src/eventstore/event-store.js';
import { appendPeople, CHUNKS, planCut, sayCut } from '../../../support/cuttable-log.js';
import {
  afterCrash,
  errorWithCode,
  FaultyFiles,
  momentsOf,
  seededRandom,
  survives,
  type DiskState,
} from '../../../support/faulty-files.js';
import { eventFactory, stream } from '../../../support/log-events.js';
import { MemoryLogIndex } from '../../../support/memory-log-index.js';
import { DIRECTORY, newSimulatedLog, simulated } from '../../../support/simulated-log.js';

/** What is said of a cut is longer than what is cut. */
const sizes = { segmentBytes: 40 * 1024, maxAppendBytes: 32 * 1024 };
const ADA = 'person-1';
const LOG = `${DIRECTORY}/log/`;
const TARGET = `${DIRECTORY}/sealing-segment`;

/** A chunk as readers see it: each of its lines under its number. */
const shown = ({ position, data, metadata, kept, lines }: RecordedEvent) => {
  const texts = Buffer.from(data as Uint8Array)
    .toString()
    .split('\n');
  const numbers = kept ?? texts.map((_, n) => n);
  expect(metadata.chunk).toMatchObject({
    count: texts.length,
    bytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0),
  });
  expect(numbers).toHaveLength(texts.length);
  if (lines) expect(lines.count).toBe(texts.length);
  return texts.map((text, n) => `${position}/${numbers[n] ?? ''} ${text}`);
};

const linesIn = async (log: EmbeddedEventStore): Promise<readonly string[]> => {
  const all: string[] = [];
  for await (const { events } of log.readAll(START))
    for (const event of events) if (event.stream === CHUNKS) all.push(...shown(event));
  const one: string[] = [];
  for await (const event of log.readStream(CHUNKS)) one.push(...shown(event));
  expect(one).toEqual(all);
  return all;
};

interface Made {
  readonly disk: DiskState;
  readonly index: MemoryLogIndex;
  readonly cut: Cut;
  readonly cuts: ChunkCuts;
  readonly through: Position;
  readonly before: readonly string[];
  readonly chain: string;
  readonly records: number;
}

let made: Made;
beforeAll(async () => {
  const index = new MemoryLogIndex();
  const { files, log } = await newSimulatedLog({ index, ...sizes });
  await appendPeople(log, 2);
  await log.seal();
  await appendPeople(log, 3);
  const cut = await planCut(log, ADA);
  const said = await sayCut(log, cut);
  const before = await linesIn(log);
  const { chain, records } = await log.verify();
  await log.close();
  made = { disk: files.state, index, cut, ...said, before, chain, records };
});

const open = (files: FaultyFiles, index = new MemoryLogIndex([...made.index.commits])) =>
  EmbeddedEventStore.open(DIRECTORY, simulated(files, { index, ...sizes }));

const options = (): DroppingOptions => ({ isAllowed: () => true, signal: new AbortController().signal });

const cutOut = (log: EmbeddedEventStore) =>
  log.dropping.drop({ records: {}, cuts: made.cuts }, made.through, options());

const without = (lines: readonly string[], person: string): readonly string[] =>
  lines.filter((line) => !line.includes(person));

const bytesIn = ({ state }: FaultyFiles): Buffer =>
  Buffer.concat(
    [...state.names]
      .filter(([path]) => path.startsWith(LOG))
      .map(([, inode]) => state.inodes.get(inode)?.seen ?? Buffer.alloc(0)),
  );

describe('Events that are cut out of chunks', () => {
  it('are gone; the others keep their numbers, and the log its chain', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const result = await cutOut(log);
    const wholly = made.cut.chunks.filter(({ left }) => left === null).length;
    expect(wholly).toBeGreaterThan(0);
    expect(result).toMatchObject({ records: wholly, cut: made.cut.chunks.length - wholly });
    expect(result.segments).toBeGreaterThan(1);
    expect(await linesIn(log)).toEqual(without(made.before, ADA));
    expect(await log.verify()).toMatchObject({
      ...{ chain: made.chain, records: made.records, problems: [] },
      ...{ dropped: result.records, cut: result.cut },
    });
    // Columns compress: what is left is looked for in what readers get, and the rest in whatever is not compressed.
    expect(bytesIn(files).includes(ADA)).toBe(false);
    expect(await cutOut(log)).toMatchObject({ segments: 0, cut: 0 });
    await log.close();
    expect([...files.state.names.keys()]).not.toContain(TARGET);
    for (const index of [undefined, new MemoryLogIndex()]) {
      const again = await open(new FaultyFiles(files.state), index);
      await again.seal();
      expect(await linesIn(again)).toEqual(without(made.before, ADA));
      expect(await again.verify()).toMatchObject({ cut: result.cut, problems: [] });
      await again.close();
    }
  });

  it('can be followed by others of the same chunks, and by whole records; what was done before is not undone', async () => {
    const log = await open(new FaultyFiles(made.disk));
    await cutOut(log);
    const more = await planCut(log, 'person-2', made.cut);
    const said = await sayCut(log, more);
    await log.dropping.drop({ records: {}, cuts: said.cuts }, said.through, options());
    const left = without(without(made.before, ADA), 'person-2');
    expect(left.length).toBeGreaterThan(5);
    expect(await linesIn(log)).toEqual(left);
    expect((await log.verify()).problems).toEqual([]);
    // What was said first says less than what is done: the files do not go back.
    await log.dropping.drop({ records: {}, cuts: made.cuts }, said.through, options());
    expect(await linesIn(log)).toEqual(left);
    // Retention takes what is left of a chunk, and what was cut out of it is not said again.
    const records = { [CHUNKS]: [[0, 9] as const] };
    const retired = eventFactory(7).json({ records }, 'TelemetryRetired');
    const outcome = await log.append(stream('retention-a'), 'none', [retired]);
    if (outcome.outcome !== 'appended') throw new Error(outcome.outcome);
    await log.dropping.drop({ records, cuts: {} }, outcome.position, options());
    const gone = new Set<string>(
      [...made.cut.chunks, ...more.chunks].flatMap(({ revision, position }) =>
        revision < 10 ? position : [],
      ),
    );
    expect(gone.size).toBeGreaterThan(5);
    for (const line of await linesIn(log)) expect(gone.has(line.slice(0, 16))).toBe(false);
    expect((await log.verify()).problems).toEqual([]);
    await log.close();
  });

  it('that were decided one after the other are cut at once where nothing was done yet', async () => {
    const log = await open(new FaultyFiles(made.disk));
    const more = await planCut(log, 'person-2', made.cut);
    const said = await sayCut(log, more);
    const cuts = {
      [CHUNKS]: [
        ...new Map([...made.cuts[CHUNKS]!, ...said.cuts[CHUNKS]!].map((cut) => [cut.revision, cut])).values(),
      ],
    };
    await log.dropping.drop({ records: {}, cuts }, said.through, options());
    expect(await linesIn(log)).toEqual(without(without(made.before, ADA), 'person-2'));
    expect((await log.verify()).problems).toEqual([]);
    await log.close();
  });

  it('that nobody said were to go are found out, and so is what nobody said was to be left', async () => {
    const log = await open(new FaultyFiles(made.disk));
    const other = await planCut(log, 'person-2');
    const cuts = {
      [CHUNKS]: other.chunks
        .slice(0, 2)
        .map(({ revision, indexes, left = null }) => ({ revision, indexes, left })),
    };
    await log.dropping.drop({ records: {}, cuts }, made.through, options());
    const { problems } = await log.verify();
    expect(problems).toHaveLength(2);
    expect(problems[0]?.detail).toMatch(/gone, and nothing says/u);
    await log.close();
  });

  it('stay where what would be left is not what was said', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const [first] = made.cuts[CHUNKS]!.filter(({ left }) => left !== null);
    const cuts = { [CHUNKS]: [{ ...first!, left: '0'.repeat(64) }] };
    await expect(log.dropping.drop({ records: {}, cuts }, made.through, options())).rejects.toThrow(
      /something else/u,
    );
    expect([...files.state.names.keys()]).not.toContain(TARGET);
    expect(await linesIn(log)).toEqual(made.before);
    await log.close();
  });

  it('stay where it is not allowed, at whatever moment', async () => {
    for (const allowed of [0, 1, 2]) {
      const log = await open(new FaultyFiles(made.disk));
      let left = allowed;
      const isAllowed = (): boolean => left-- > 0;
      await expect(
        log.dropping.drop({ records: {}, cuts: made.cuts }, made.through, { ...options(), isAllowed }),
      ).rejects.toThrow(DroppingForbidden);
      expect((await log.verify()).problems).toEqual([]);
      await cutOut(log);
      expect(await linesIn(log)).toEqual(without(made.before, ADA));
      await log.close();
    }
  });
});

describe('Cutting that fails', () => {
  it('leaves one whole form of each segment, at whatever operation, and can be tried again', async () => {
    let operations = 0;
    const counted = new FaultyFiles(made.disk);
    const first = await open(counted);
    counted.observe = () => (operations += 1);
    await cutOut(first);
    counted.observe = () => undefined;
    await first.close();
    expect(operations).toBeGreaterThan(20);
    for (let fails = 0; fails < operations; fails += 1) {
      const files = new FaultyFiles(made.disk);
      const log = await open(files);
      let count = 0;
      files.fault = () => (count++ === fails ? errorWithCode('ENOSPC') : undefined);
      await cutOut(log).catch(() => undefined);
      files.fault = () => undefined;
      await log.health();
      expect([...files.state.names.keys()]).not.toContain(TARGET);
      expect(await log.verify()).toMatchObject({ problems: [] });
      await cutOut(log);
      expect(await linesIn(log)).toEqual(without(made.before, ADA));
      await log.close();
    }
  });

  it('because the power went, at whatever operation and inside each write, leaves one whole form of each segment', async () => {
    const files = new FaultyFiles(made.disk);
    const log = await open(files);
    const during = await momentsOf(files, () => cutOut(log));
    await log.close();
    const moments = [...during, files.state];
    const random = seededRandom(3);
    const counts = new Set<number>();
    const kept = [survives.all, survives.nothing, survives.some(random)];
    for (const [i, moment] of moments.entries()) {
      const opened = await open(new FaultyFiles(afterCrash(moment, kept[i % kept.length]!)));
      const { chain, records, problems, cut } = await opened.verify();
      expect({ chain, records, problems }).toEqual({
        ...{ chain: made.chain, records: made.records, problems: [] },
      });
      counts.add(cut);
      expect(without(await linesIn(opened), ADA)).toEqual(without(made.before, ADA));
      await cutOut(opened);
      expect(await linesIn(opened)).toEqual(without(made.before, ADA));
      await opened.close();
    }
    // Nothing of it, all of it, and some segments of it.
    expect(counts.size).toBeGreaterThan(2);
  });
});
