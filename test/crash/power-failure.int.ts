import { beforeAll, describe, expect, it } from '@jest/globals';
import type { IndexedCommit } from '../../src/eventstore/embedded/log-index.js';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import type { NewEvent, RecordedEvent } from '../../src/eventstore/event-store.js';
import {
  afterCrash,
  contentsOf,
  FaultyFiles,
  insideWrite,
  sectorsOf,
  seededRandom,
  survives,
  type DiskState,
  type Operation,
} from '../support/faulty-files.js';
import { eventFactory, revision, stream } from '../support/log-events.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryLogIndex } from '../support/memory-log-index.js';
import { allEvents, DIRECTORY, simulated } from '../support/simulated-log.js';

const LOG = `${DIRECTORY}/log/`;

interface Append {
  readonly stream: string;
  readonly expected: number | 'none';
  readonly events: [NewEvent, ...NewEvent[]];
}

/** What the program knew when the power went. */
interface Moment {
  readonly operation: Operation | undefined;
  readonly disk: DiskState;
  readonly acknowledged: readonly Append[];
  readonly underWay: readonly Append[];
  readonly truncated: ReadonlyMap<string, number>;
  readonly truncating: ReadonlyMap<string, number>;
  readonly index: readonly IndexedCommit[];
}

/** Runs a script of appends, truncations, pauses and restarts, and takes down each moment before the disk changes. */
const recordMoments = async ({ direct, directBytes, steps }: (typeof WAYS)[number]): Promise<Moment[]> => {
  const random = seededRandom(1);
  const below = (limit: number): number => Math.floor(random() * limit);
  const event = eventFactory();
  const files = new FaultyFiles();
  files.direct = direct;
  const index = new MemoryLogIndex();
  const clock = new ManualClock();
  const options = simulated(files, { index, clock, directBytes });

  const acknowledged: Append[] = [];
  const underWay = new Set<Append>();
  const truncated = new Map<string, number>();
  const truncating = new Map<string, number>();
  const heads = new Map<string, number>();
  const moments: Moment[] = [];
  const take = (operation: Operation | undefined, disk: DiskState): void => {
    moments.push({
      operation,
      disk,
      acknowledged: [...acknowledged],
      underWay: [...underWay],
      truncated: new Map(truncated),
      truncating: new Map(truncating),
      index: [...index.commits],
    });
  };

  await EmbeddedEventStore.initialise(DIRECTORY, options);
  let log = await EmbeddedEventStore.open(DIRECTORY, options);
  files.observe = take;

  const append = async (): Promise<void> => {
    const name = `orders-${below(5)}`;
    const next = heads.get(name) ?? 0;
    const count = 1 + below(4);
    const events = Array.from({ length: count }, () =>
      random() < 0.5
        ? event.json({ text: 'x'.repeat(below(900)) })
        : event.binary(Uint8Array.from({ length: below(1_500) }, (_, i) => (i * 7) & 0xff)),
    ) as [NewEvent, ...NewEvent[]];
    const one = { stream: name, expected: next === 0 ? ('none' as const) : next - 1, events };
    heads.set(name, next + count);
    underWay.add(one);
    await insist(log, one);
    underWay.delete(one);
    acknowledged.push(one);
  };
  for (let step = 0; step < steps; step += 1) {
    const dice = random();
    if (dice < 0.55) await append();
    else if (dice < 0.75) await Promise.all([append(), append(), append()]);
    else if (dice < 0.85) await insist(log, acknowledged[below(acknowledged.length)] ?? acknowledged[0]!);
    else if (dice < 0.9) {
      const name = `orders-${below(5)}`;
      const before = below((heads.get(name) ?? 0) + 1);
      truncating.set(name, before);
      await log.truncate(stream(name), revision(before));
      truncating.delete(name);
      truncated.set(name, Math.max(before, truncated.get(name) ?? 0));
    } else if (dice < 0.96) {
      clock.advance(1_000);
      await new Promise(setImmediate);
    } else {
      await log.close();
      log = await EmbeddedEventStore.open(DIRECTORY, options);
    }
  }
  take(undefined, files.state);
  return moments;
};

const insist = async (log: EmbeddedEventStore, { stream: name, expected, events }: Append): Promise<void> => {
  const at = expected === 'none' ? 'none' : revision(expected);
  const { outcome } = await log.append(stream(name), at, events);
  if (outcome !== 'appended') throw new Error(`${name}: ${outcome}`);
};

/** Opens what the crash left and holds it against what the program had been told. */
const check = async (
  moment: Moment,
  disk: DiskState,
  { index = moment.index } = {},
): Promise<FaultyFiles> => {
  const files = new FaultyFiles(disk);
  const made = new MemoryLogIndex(index);
  const log = await EmbeddedEventStore.open(DIRECTORY, simulated(files, { index: made }));

  const found = await allEvents(log);
  const byId = new Map(found.map((event) => [event.id, event]));
  if (byId.size !== found.length) throw new Error('an event is there twice');
  for (const one of moment.acknowledged)
    if (presentOf(one, byId) !== one.events.length) throw new Error('an acknowledged append is lost');
  let expected = moment.acknowledged.reduce((sum, { events }) => sum + events.length, 0);
  for (const one of moment.underWay) {
    const present = presentOf(one, byId);
    if (present !== 0 && present !== one.events.length) throw new Error('half of an append is there');
    expected += present;
  }
  if (found.length !== expected) throw new Error(`${found.length} events where ${expected} are due`);
  for (const [name, before] of moment.truncated)
    for await (const { revision: seen } of log.readStream(stream(name)))
      if (seen < before) throw new Error('a truncated event is shown again');

  for (const one of moment.underWay) await insist(log, one);
  for (const one of moment.acknowledged.slice(-2)) await insist(log, one);
  if (found.length % 3 === 0) {
    const { problems } = await log.verify();
    if (problems.length > 0) throw new Error(JSON.stringify(problems));
  }
  await log.close();
  return files;
};

/** How many of an append's events are there, each as it was appended. */
const presentOf = ({ stream: name, expected, events }: Append, byId: Map<string, RecordedEvent>): number => {
  const first = expected === 'none' ? 0 : expected + 1;
  return events.filter((event, i) => {
    const found = byId.get(event.id);
    if (!found) return false;
    if (!isSame(found.data, event.data) || found.stream !== name || found.revision !== first + i)
      throw new Error('an event changed');
    return true;
  }).length;
};

const isSame = (found: NewEvent['data'], given: NewEvent['data']): boolean =>
  given instanceof Uint8Array
    ? found instanceof Uint8Array && Buffer.compare(found, given) === 0
    : JSON.stringify(found) === JSON.stringify(given);

const isFlushed = ({ inodes, unflushedNames }: DiskState): boolean =>
  unflushedNames.length === 0 && [...inodes.values()].every(({ seen, durable }) => seen === durable);

const isCommitWrite = ({ operation }: Moment): boolean =>
  operation?.kind === 'write' && operation.path.startsWith(LOG);

const WAYS = [
  // Most commits have more, some less: what one way wrote the other goes on with.
  { direct: 'taken', directBytes: 1_500, way: 'past the page cache where it is large', steps: 200 },
  { direct: 'refused', directBytes: 0, way: 'by way of the page cache', steps: 60 },
] as const;

describe.each(WAYS)('A log, written $way, that loses power at any of $steps operations', (way) => {
  let moments: Moment[] = [];
  const random = seededRandom(2);

  /** Checks one crash and says which it was where it goes wrong. */
  const crash = async (
    number: number,
    what: string,
    state: DiskState,
    keeps: () => boolean,
  ): Promise<void> => {
    const moment = moments[number];
    if (!moment) throw new RangeError();
    // The index is behind the log, or lost.
    const index = number % 3 === 0 ? [] : moment.index;
    await check(moment, afterCrash(state, keeps), { index }).catch((error: unknown) => {
      throw new Error(`${what} ${moment.operation?.kind ?? 'the end'} ${number}: ${String(error)}`, {
        cause: error,
      });
    });
  };

  beforeAll(async () => {
    moments = await recordMoments(way);
  });

  it('is worth the test: it rolls, marks, truncates and groups', () => {
    const kinds = new Set(moments.map(({ operation }) => operation?.kind));
    expect([...kinds].sort()).toEqual(
      ['create', 'flush', 'flushDirectory', 'rename', 'truncate', 'write', undefined].sort(),
    );
    expect(moments.filter(({ operation }) => operation?.kind === 'rename').length).toBeGreaterThan(5);
    expect(moments.some(({ underWay }) => underWay.length === 3)).toBe(true);
  });

  it('holds all that was acknowledged, once, and nothing by halves, before and after each operation', async () => {
    for (const [number, { disk }] of moments.entries()) {
      await crash(number, 'all survives before', disk, survives.all);
      if (isFlushed(disk)) continue;
      await crash(number, 'nothing survives before', disk, survives.nothing);
      await crash(number, 'some survives before', disk, survives.some(random));
    }
  });

  it('holds it when the power goes inside a write, at every sector of it', async () => {
    for (const [number, moment] of moments.entries()) {
      const write = moment.operation?.write;
      if (!write || !isCommitWrite(moment)) continue;
      const tried: Buffer[] = [];
      for (let taken = 0; taken <= sectorsOf(write); taken += 1)
        for (const keeps of [(sector: number) => sector < taken, (sector: number) => sector >= taken]) {
          const torn = insideWrite(moment.disk, write, keeps);
          const content = torn.inodes.get(write.inode)?.seen ?? Buffer.alloc(0);
          // Much of what is written directly stood there before.
          if (tried.some((other) => other.equals(content))) continue;
          tried.push(content);
          await crash(
            number,
            `${keeps(0) ? 'first' : 'all but'} ${taken} sectors inside`,
            torn,
            survives.all,
          );
        }
      const any = insideWrite(moment.disk, write, () => random() < 0.5);
      await crash(number, 'any sectors inside', any, survives.all);
    }
  });

  it('holds it when the power goes again while the first crash is repaired', async () => {
    for (const [number, moment] of moments.entries()) {
      const write = moment.operation?.write;
      if (!write || !isCommitWrite(moment) || number % 4 !== 0) continue;
      const torn = afterCrash(
        insideWrite(moment.disk, write, () => random() < 0.5),
        survives.all,
      );
      const files = new FaultyFiles(torn);
      const repairs: { disk: DiskState; operation: Operation }[] = [];
      files.observe = (operation, disk) => repairs.push({ operation, disk });
      const log = await EmbeddedEventStore.open(DIRECTORY, simulated(files));
      for (const { disk, operation } of repairs) {
        await crash(number, 'repairing', disk, survives.some(random));
        if (operation.write) {
          const half = insideWrite(disk, operation.write, () => random() < 0.5);
          await crash(number, 'inside repairing', half, survives.all);
        }
      }
      await log.close();
      const again = await EmbeddedEventStore.open(DIRECTORY, simulated(files));
      expect(again.torn).toBeUndefined();
      await again.close();
    }
  });

  it('is repaired once: opening it again changes nothing', async () => {
    for (const [number, moment] of moments.entries()) {
      if (number % 10 !== 0) continue;
      const files = await check(moment, afterCrash(moment.disk, survives.some(random)));
      const before = contentsOf(files.state, LOG);
      const log = await EmbeddedEventStore.open(DIRECTORY, simulated(files));
      await log.close();
      expect(contentsOf(files.state, LOG)).toEqual(before);
    }
  });
});
