import type { RootDatabase } from 'lmdb';
import { meetsSpan, type TimeSpan } from '../../domain/time-spans.js';
import { committed, openEnvironment } from '../../platform/lmdb.js';
import { EventStoreUnavailable } from '../event-store.js';

/** One append as the index knows it: records of one stream that follow each other in the log. */
export interface IndexedRun {
  readonly stream: Buffer;
  /** Of the first record; of a truncation the first revision that stays visible. */
  readonly revision: number;
  readonly number: number;
  readonly count: number;
  /** Where the first frame starts in its segment, and how many bytes the frames take. */
  readonly offset: number;
  readonly bytes: number;
  /** One of 16 bytes for each record. */
  readonly ids: readonly Buffer[];
  readonly truncation: boolean;
  /** Of telemetry the stretch of time in which its events happened. */
  readonly times?: TimeSpan | undefined;
}

export interface IndexedCommit {
  readonly number: number;
  readonly count: number;
  /** Where the commit starts in its segment. */
  readonly offset: number;
  readonly chain: Buffer;
  readonly runs: readonly IndexedRun[];
}

export interface StreamHead {
  /** The next event's revision. */
  readonly next: number;
  /** Events before this revision are hidden. */
  readonly before: number;
}

export type RunPlace = Pick<IndexedRun, 'revision' | 'number' | 'count' | 'offset' | 'bytes' | 'times'>;

/** Which runs are looked for among all streams. */
export interface RunsSought {
  /** What their streams' names begin with. */
  readonly prefix: Buffer;
  /** The record behind which they end. */
  readonly after: number;
  /** Runs that say that none of their events happened then are left out. */
  readonly times?: readonly TimeSpan[] | undefined;
}

/** Whether a run is sought, its stream aside. */
export const isSought = ({ number, count, times }: RunPlace, sought: RunsSought): boolean =>
  number + count > sought.after + 1 && (!times || !sought.times || meetsSpan(sought.times, times));

export interface RecordPlace {
  readonly number: number;
  readonly revision: number;
}

/** How far the index is: the last record in it, and the log's chain there. */
export interface IndexCheckpoint {
  readonly number: number;
  readonly chain: Buffer;
}

/**
 * Finds records by stream, id and number. Made from the log and behind it; losing it costs a rebuild, nothing else.
 */
export interface LogIndex {
  checkpoint(): IndexCheckpoint | undefined;
  stream(stream: Buffer): StreamHead | undefined;
  record(id: Buffer): RecordPlace | undefined;
  /** Where the commit starts, in its segment, that holds a record or is the last before it. */
  commit(number: number): { readonly number: number; readonly offset: number } | undefined;
  /** A stream's runs in order, from the one that holds a revision or is the first after it. */
  runs(stream: Buffer, from: number, limit: number): RunPlace[];
  /**
   * The runs that are sought, in no particular order; undefined where more than so many would have to be looked at.
   */
  runsUnder(sought: RunsSought, limit: number): RunPlace[] | undefined;
  /** Takes in commits that follow the checkpoint, all or none. */
  write(commits: readonly IndexedCommit[]): Promise<void>;
  /** How many streams and ids there are; walks over all of them. */
  counts(): { streams: number; ids: number };
  close(): Promise<void>;
}

const kind = { commit: 0x43, id: 0x49, run: 0x52, stream: 0x53, checkpoint: 0x4d } as const;
const CHECKPOINT_KEY = Buffer.from([kind.checkpoint]);

const numberKey = (number: number): Buffer => {
  const key = Buffer.allocUnsafe(7);
  key[0] = kind.commit;
  key.writeUIntBE(number, 1, 6);
  return key;
};

const idKey = (id: Buffer): Buffer => prefixed(kind.id, id, 0);
const streamKey = (stream: Buffer): Buffer => prefixed(kind.stream, stream, 0);

/** A zero byte ends the name, which holds none: no stream's runs stand among those of another. */
const runKey = (stream: Buffer, revision: number): Buffer => {
  const key = prefixed(kind.run, stream, 7);
  key[stream.length + 1] = 0;
  key.writeUIntBE(revision, stream.length + 2, 6);
  return key;
};

const prefixed = (first: number, bytes: Buffer, room: number): Buffer => {
  const key = Buffer.allocUnsafe(1 + bytes.length + room);
  key[0] = first;
  bytes.copy(key, 1);
  return key;
};

const numbers = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.allocUnsafe(values.length * 6);
  for (const [i, value] of values.entries()) bytes.writeUIntLE(value, i * 6, 6);
  return bytes;
};
const numberAt = (bytes: Buffer, index: number): number => bytes.readUIntLE(index * 6, 6);

/** How long a run's entry is that says when its events happened; those of before it was said are shorter. */
const TIMED_BYTES = 36;

const readRun = (key: Buffer, value: Buffer): RunPlace => ({
  revision: key.readUIntBE(key.length - 6, 6),
  number: numberAt(value, 0),
  count: numberAt(value, 1),
  offset: numberAt(value, 2),
  bytes: numberAt(value, 3),
  ...(value.length >= TIMED_BYTES && { times: { from: numberAt(value, 4), to: numberAt(value, 5) } }),
});

const writeRun = ({ number, count, offset, bytes, times }: RunPlace): Buffer =>
  times && times.from >= 0 && times.to <= LATEST_TIME
    ? numbers(number, count, offset, bytes, Math.floor(times.from), Math.ceil(times.to))
    : numbers(number, count, offset, bytes);

/** The latest time that six bytes hold; of a run with earlier or later ones than they do nothing is said. */
const LATEST_TIME = 2 ** 48 - 1;

/** The index in LMDB: one database, the kinds of entries told apart by their keys' first byte. */
export class LmdbIndex implements LogIndex {
  #closed = false;
  /** Whether the last write failed: LMDB then waits for it for ever when it is closed. */
  #failed = false;

  private constructor(private readonly open: RootDatabase<Buffer, Buffer>) {}

  /** A database that was closed must not be touched: it may end the process. */
  private get db(): RootDatabase<Buffer, Buffer> {
    if (this.#closed) throw new EventStoreUnavailable('closed', 'the log was closed');
    return this.open;
  }

  /** Opens the index in a file, or makes it. */
  static open(path: string): LmdbIndex {
    return new LmdbIndex(openEnvironment<Buffer>({ path, encoding: 'binary', keyEncoding: 'binary' }));
  }

  checkpoint(): IndexCheckpoint | undefined {
    const value = this.db.get(CHECKPOINT_KEY);
    return value && { number: numberAt(value, 0), chain: Buffer.from(value.subarray(6, 38)) };
  }

  stream(stream: Buffer): StreamHead | undefined {
    const value = this.db.get(streamKey(stream));
    return value && { next: numberAt(value, 0), before: numberAt(value, 1) };
  }

  record(id: Buffer): RecordPlace | undefined {
    const value = this.db.get(idKey(id));
    return value && { number: numberAt(value, 0), revision: numberAt(value, 1) };
  }

  commit(number: number): { number: number; offset: number } | undefined {
    const [entry] = this.#floor(numberKey(number), numberKey(0));
    return entry && { number: entry.key.readUIntBE(1, 6), offset: numberAt(entry.value, 0) };
  }

  runs(stream: Buffer, from: number, limit: number): RunPlace[] {
    const [floor] = this.#floor(runKey(stream, from), runKey(stream, 0));
    const start = floor ? floor.key : runKey(stream, from);
    const runs: RunPlace[] = [];
    const end = runKey(stream, 2 ** 48 - 1);
    for (const { key, value } of this.db.getRange({ start, end, limit: limit + 1 })) {
      const run = readRun(key, value);
      if (run.revision + run.count > from) runs.push(run);
    }
    return runs.slice(0, limit);
  }

  runsUnder(sought: RunsSought, limit: number): RunPlace[] | undefined {
    const start = prefixed(kind.run, sought.prefix, 0);
    // Names are text: no byte of them is the greatest there is.
    const end = Buffer.concat([start, Buffer.from([0xff])]);
    const runs: RunPlace[] = [];
    let looked = 0;
    for (const { key, value } of this.db.getRange({ start, end })) {
      looked += 1;
      if (looked > limit) return undefined;
      const run = readRun(key, value);
      if (isSought(run, sought)) runs.push(run);
    }
    return runs;
  }

  /** The last entry at or before `start`, not before `lowest`. */
  #floor(start: Buffer, lowest: Buffer): { key: Buffer; value: Buffer }[] {
    const found = [...this.db.getRange({ start, reverse: true, limit: 1 })];
    return found.filter(({ key }) => Buffer.compare(key, lowest) >= 0);
  }

  async write(commits: readonly IndexedCommit[]): Promise<void> {
    const last = commits.at(-1);
    if (!last) return;
    this.#failed = true;
    await committed(this.db.childTransaction(() => this.#put(commits, last)));
    this.#failed = false;
  }

  #put(commits: readonly IndexedCommit[], last: IndexedCommit): void {
    const heads = new Map<string, { key: Buffer; next: number; before: number }>();
    for (const commit of commits) {
      this.db.putSync(numberKey(commit.number), numbers(commit.offset));
      for (const run of commit.runs) {
        const name = run.stream.toString('latin1');
        let head = heads.get(name);
        if (!head) {
          head = { key: streamKey(run.stream), ...(this.stream(run.stream) ?? { next: 0, before: 0 }) };
          heads.set(name, head);
        }
        if (run.truncation) {
          head.before = Math.max(head.before, run.revision);
          continue;
        }
        head.next = run.revision + run.count;
        this.db.putSync(runKey(run.stream, run.revision), writeRun(run));
        for (const [i, id] of run.ids.entries())
          this.db.putSync(idKey(id), numbers(run.number + i, run.revision + i));
      }
    }
    for (const { key, next, before } of heads.values()) this.db.putSync(key, numbers(next, before));
    this.db.putSync(CHECKPOINT_KEY, Buffer.concat([numbers(last.number + last.count - 1), last.chain]));
  }

  counts(): { streams: number; ids: number } {
    const count = (first: number): number =>
      this.db.getKeysCount({ start: Buffer.from([first]), end: Buffer.from([first + 1]) });
    return { streams: count(kind.stream), ids: count(kind.id) };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#failed) await this.open.close();
  }
}
