import { beforeAll, describe, expect, it } from '@jest/globals';
import { EmbeddedEventStore } from '../../src/eventstore/embedded/embedded-event-store.js';
import { FORMAT, HEADER_BYTES } from '../../src/eventstore/embedded/format.js';
import type { IndexedCommit } from '../../src/eventstore/embedded/log-index.js';
import { headerAt, readCommit } from '../../src/eventstore/embedded/scan.js';
import type { Commit } from '../../src/eventstore/embedded/commit.js';
import { LogCorrupt } from '../../src/eventstore/event-store.js';
import { FaultyFiles, seededRandom } from '../support/faulty-files.js';
import { eventFactory, revision, stream } from '../support/log-events.js';
import { MemoryLogIndex } from '../support/memory-log-index.js';
import { allEvents, DIRECTORY, newSimulatedLog, simulated } from '../support/simulated-log.js';

const EVENTS = 1_000;
const sizes = { segmentBytes: 640 * 1024, maxAppendBytes: 8 * 1024, roomBytes: 256 * 1024 };

/** A log of one segment, each event a commit of its own; `closed` in good order or left by a crash. */
interface MadeLog {
  readonly path: string;
  readonly bytes: Buffer;
  readonly commits: readonly IndexedCommit[];
  /** Where the last commit begins, and where nothing was written any more. */
  readonly lastCommit: number;
  readonly end: number;
}

const makeLog = async (events: number, { closed }: { closed: boolean }): Promise<MadeLog> => {
  const index = new MemoryLogIndex();
  const { files, log } = await newSimulatedLog({ index, ...sizes });
  const event = eventFactory();
  for (let next = 0; next < events; next += 1)
    await log.append(stream('orders-1'), next === 0 ? 'none' : revision(next - 1), [event.json()]);
  await log.verify(); // brings the index up to the log
  if (closed) await log.close();
  const [path, inode] = [...files.state.names].find(([name]) => name.startsWith(`${DIRECTORY}/log/`)) ?? [
    '',
    0,
  ];
  const bytes = files.state.inodes.get(inode)?.seen ?? Buffer.alloc(0);
  let end = bytes.length;
  while (bytes[end - 1] === 0) end -= 1;
  return {
    path,
    bytes,
    commits: [...index.commits],
    lastCommit: index.commits.at(-1)?.offset ?? 0,
    end: Math.ceil(end / HEADER_BYTES) * HEADER_BYTES,
  };
};

/** Opens the log with one bit turned over; the index is lost, so that only the log itself can tell. */
const openFlipped = async ({ path, bytes }: MadeLog, bit: number): Promise<EmbeddedEventStore> => {
  const damaged = Buffer.from(bytes);
  flip(damaged, bit);
  const inode = { seen: damaged, durable: damaged };
  const files = new FaultyFiles({
    inodes: new Map([[1, inode]]),
    names: new Map([[path, 1]]),
    unflushedNames: [],
  });
  return EmbeddedEventStore.open(DIRECTORY, simulated(files, sizes));
};

const flip = (bytes: Buffer, bit: number): void => {
  bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
};

/** The bits among these that open without complaint. */
const undetected = async (log: MadeLog, bits: Iterable<number>): Promise<number[]> => {
  const missed: number[] = [];
  for (const bit of bits) {
    const outcome = await openFlipped(log, bit).catch((error: unknown) => error);
    if (!(outcome instanceof LogCorrupt)) missed.push(bit);
  }
  return missed;
};

function* bitsOf(from: number, to: number): Iterable<number> {
  for (let bit = from * 8; bit < to * 8; bit += 1) yield bit;
}

describe('A log of 1,000 events with a single bit turned over', () => {
  let log: MadeLog;

  beforeAll(async () => {
    log = await makeLog(EVENTS, { closed: true });
  });

  it('has no commit that still checks out, whichever bit of it', () => {
    const { bytes, commits } = log;
    const segment = {
      name: '',
      path: '',
      filters: '',
      first: 1,
      chain: Buffer.alloc(32),
      salt: 0x5a5a5a5a,
      format: FORMAT,
    };
    const read = (commit: Buffer, number: number): Commit | undefined => {
      const header = headerAt(segment, commit, 0, number);
      return 'kind' in header ? readCommit(segment, commit, 0, 0, header) : undefined;
    };
    const missed: number[] = [];
    for (const [i, { number, offset }] of commits.entries()) {
      const end = commits[i + 1]?.offset ?? log.end - HEADER_BYTES;
      const commit = Buffer.from(bytes.subarray(offset, end));
      expect(read(commit, number)).toBeDefined();
      for (let bit = 0; bit < commit.length * 8; bit += 1) {
        flip(commit, bit);
        if (read(commit, number)) missed.push(offset * 8 + bit);
        flip(commit, bit);
      }
    }
    expect(missed).toEqual([]);
  });

  it('is refused by name and place wherever in the log the bit is', async () => {
    const random = seededRandom(3);
    const anywhere = Array.from({ length: 1_500 }, () => Math.floor(random() * log.end * 8));
    expect(await undetected(log, anywhere)).toEqual([]);
    await expect(openFlipped(log, (log.commits[500]?.offset ?? 0) * 8 + 999)).rejects.toMatchObject({
      segment: '0000000000000001.segment',
      offset: log.commits[500]?.offset,
    });
  });

  it('is refused for each bit of its first header, its last commit and what says that this was flushed', async () => {
    expect(await undetected(log, bitsOf(0, HEADER_BYTES))).toEqual([]);
    expect(await undetected(log, bitsOf(log.lastCommit, log.end))).toEqual([]);
  });

  it('is refused for each bit of the last commit even where a crash left nothing that says it was flushed', async () => {
    const crashed = await makeLog(50, { closed: false });
    expect(crashed.end - crashed.lastCommit).toBeLessThan(log.end - log.lastCommit);
    expect(await undetected(crashed, bitsOf(crashed.lastCommit, crashed.end))).toEqual([]);
  });

  it('loses nothing where the bit is in the room made ahead, and says so', async () => {
    const random = seededRandom(4);
    for (let n = 0; n < 200; n += 1) {
      const room = log.end + HEADER_BYTES;
      const bit = Math.floor((room + random() * (log.bytes.length - room)) * 8);
      const opened = await openFlipped(log, bit);
      expect(opened.torn).toMatchObject({ segment: '0000000000000001.segment', offset: log.end });
      if (n % 20 === 0) expect(await allEvents(opened)).toHaveLength(EVENTS);
      await opened.close();
    }
  });

  it('is found by verification in the room made ahead too', async () => {
    const damaged = Buffer.from(log.bytes);
    flip(damaged, (log.bytes.length - 5_000) * 8);
    const inode = { seen: damaged, durable: damaged };
    const files = new FaultyFiles({
      inodes: new Map([[1, inode]]),
      names: new Map([[log.path, 1]]),
      unflushedNames: [],
    });
    expect(await EmbeddedEventStore.verifyAt(DIRECTORY, simulated(files, sizes))).toMatchObject({
      records: EVENTS,
      problems: [{ segment: '0000000000000001.segment', offset: log.bytes.length - 5_000 }],
    });
  });
});
